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
// the process wrote before is in its log only. It returns nil when the process exits,
// and when the client's input ends while the process goes on without it, because it has
// a terminal or a standard input that stays open: so does containerd, and kubectl run
// with --leave-stdin-open waits for it.
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
	typed := make(chan struct{}) // closed when all is in that the client has to say
	if spec.Stdin != nil && stdin != nil {
		go func() {
			_, err := io.Copy(stdin, spec.Stdin)
			switch {
			case !c.spec.StdinOnce || terminal != nil:
				if err == nil {
					close(typed)
				}
			case !errors.Is(err, os.ErrClosed):
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
	rest := func() error {
		for len(s.chunks) > 0 {
			if err := write(<-s.chunks); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		select {
		case part := <-s.chunks:
			if err := write(part); err != nil {
				return err
			}
		case <-s.end:
			return rest()
		case <-typed:
			return rest()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
