package capture

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Rest has nothing be captured of what devices send and get, or again what was before. It is
// quick: the kernel's filters are exchanged, and nothing else. Rules are traced all the while.
func (c *Capture) Rest(on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.resting = on
	errs := []error{c.ring.control(func(fd int) error { return attach(fd, c.filter()) })}
	for _, s := range c.senders {
		errs = append(errs, s.control(func(fd int) error { return attach(fd, c.senderFilter()) }))
	}
	return errors.Join(errs...)
}

// filter is what the namespace's ring takes now. c.mu is held.
func (c *Capture) filter() []unix.SockFilter {
	switch {
	case c.resting:
		return nothing()
	case c.edges:
		return edges()
	}
	return everything()
}

// senderFilter is what the rings of single devices take now. c.mu is held.
func (c *Capture) senderFilter() []unix.SockFilter {
	if c.resting {
		return nothing()
	}
	return sentEdges()
}
