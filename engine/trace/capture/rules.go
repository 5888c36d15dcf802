package capture

import (
	"bytes"
	"fmt"
	"os/exec"
)

// Generation is a number that changes whenever the namespace's rules do.
func (c *Capture) Generation() (uint32, error) {
	if c.taps == nil {
		return 0, nil
	}
	return c.taps.generation()
}

// List is the namespace's rules with their handles, as nft lists them.
func (c *Capture) List() (string, error) {
	var out, stderr bytes.Buffer
	err := c.cfg.Net.Do(func() error {
		cmd := exec.Command("nft", "-a", "list", "ruleset")
		cmd.Stdout, cmd.Stderr = &out, &stderr
		return cmd.Run()
	})
	if err != nil {
		return "", fmt.Errorf("nft -a list ruleset: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out.String(), nil
}
