package container

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Start starts the container's process; it returns when that runs. An error
// wraps ErrStart where the process could not be started; the container has then
// exited, with code 128 and reason "StartError".
func (c *Container) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.State != Created || c.proc != nil {
		return fmt.Errorf("container %s is %s, not created", c.spec.ID, c.status.State)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.session.isClosed() { // Close kills what runs; nothing may run thereafter
		return ErrClosed
	}
	c.status.StartedAt = time.Now()
	err := c.start()
	if err == nil {
		c.status.State, c.status.Pid = Running, c.proc.pid
		go c.wait(c.proc)
		return nil
	}
	err = fmt.Errorf("failed to start container %q: %w: %w", c.spec.ID, ErrStart, err)
	c.status.State, c.status.ExitCode, c.status.Reason, c.status.Message = Exited, 128, "StartError", err.Error()
	c.status.FinishedAt = time.Now()
	c.closeStdin()
	c.out.log.close()
	close(c.done)
	return err
}

func (c *Container) start() error {
	var log *logFile
	if c.spec.LogPath != "" {
		var err error
		if log, err = openLog(c.spec.LogPath, c.session.logs); err != nil {
			c.out = newOutput(nil)
			return err
		}
	}
	c.out = newOutput(log)
	if err := c.session.host.confine(c); err != nil {
		return err
	}
	text, err := json.Marshal(c.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.bundle, "config.json"), text, 0o600); err != nil {
		return err
	}
	files, ours, err := c.session.pipes(c.spec.TTY, c.spec.Stdin)
	if err != nil {
		return err
	}
	defer files.close()
	args := []string{"--bundle", c.bundle}
	var terminal *console
	if c.spec.TTY {
		if terminal, err = c.session.host.runtime.newConsole(); err != nil {
			return err
		}
		defer terminal.close()
	}
	if c.session.host.runtime.crun() {
		args = append(args, "--no-new-keyring") // keys are counted per user of the host, and few
	}
	if c.proc, err = c.session.host.runtime.spawn(c.cgroup, files, terminal, c.config.Process.Args[0], "run", append(args, c.runtimeID())...); err != nil {
		ours.close()
		return err
	}
	if terminal != nil {
		if ours.out, err = terminal.master(); err != nil {
			c.proc.signal(unix.SIGKILL) //nolint:errcheck // it may have ended
			<-c.proc.exit
			c.proc.close()
			return err
		}
		c.tty = ours.out
		ours.in = ours.out
		c.out.read("stdout", ours.out)
	} else {
		c.out.read("stdout", ours.out)
		c.out.read("stderr", ours.err)
	}
	if c.spec.Stdin {
		c.stdin = ours.in
	}
	c.session.host.learnFilter(c)
	return nil
}
