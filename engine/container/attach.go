package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// AttachSpec says what to attach to a container's own process.
type AttachSpec struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Resize         <-chan Size
}

// Attach connects to the container's process until it exits or ctx ends. What
// the process wrote before is in its log only. It returns nil when the process exits.
func (c *Container) Attach(ctx context.Context, spec AttachSpec) error {
	c.mu.Lock()
	running, out, stdin, terminal := c.status.State == Running, c.out, c.stdin, c.tty
	c.mu.Unlock()
	if !running {
		return fmt.Errorf("attach to container %s: %w", c.spec.ID, ErrNotRunning)
	}
	s := out.attach()
	if s == nil {
		return nil
	}
	defer out.detach(s)
	ended := make(chan struct{})
	defer close(ended)
	if terminal != nil && spec.Resize != nil {
		go followSize(spec.Resize, ended, terminal)
	}
	if spec.Stdin != nil && stdin != nil {
		go func() {
			_, err := io.Copy(stdin, spec.Stdin)
			if c.spec.StdinOnce && terminal == nil && !errors.Is(err, os.ErrClosed) {
				c.mu.Lock()
				c.closeStdin()
				c.mu.Unlock()
			}
		}()
	}
	write := func(part chunk) error {
		to := spec.Stdout
		if part.stream == "stderr" {
			to = spec.Stderr
		}
		if to == nil {
			return nil
		}
		_, err := to.Write(part.data)
		return err
	}
	for {
		select {
		case part := <-s.chunks:
			if err := write(part); err != nil {
				return err
			}
		case <-s.end:
			for len(s.chunks) > 0 {
				if err := write(<-s.chunks); err != nil {
					return err
				}
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
