package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// EdgesOnly captures of TCP only what begins and ends connections, and traces rules of
// no more than that; or all again. It costs little, however much is sent: what goes out of
// devices is copied for whoever listens before any filter is asked, and therefore taken at
// the link's other end, where that is captured, too (Frame.BothEnds). While on, it is to be
// called again now and then, because devices come and go.
func (c *Capture) EdgesOnly(on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	if !on && !c.edges {
		return nil
	}
	if on && c.edges {
		return c.listen()
	}
	c.edges = on
	errs := []error{c.ring.control(func(fd int) error { return attach(fd, c.filter()) })}
	if on { // who sends has a ring of its own before the namespace's leaves it out
		errs = append(errs, c.listen(), c.ignoreSent(true))
		c.receiving.begin()
	} else {
		errs = append(errs, c.ignoreSent(false))
		c.receiving.end()
		for device, s := range c.senders {
			delete(c.senders, device)
			c.retire(s)
		}
	}
	if c.taps != nil {
		errs = append(errs, c.taps.edgesOnly(on))
	}
	return errors.Join(errs...)
}

// ignoreSent has the namespace's ring leave out what devices send.
func (c *Capture) ignoreSent(on bool) error {
	ignore := 0
	if on {
		ignore = 1
	}
	return c.ring.control(func(fd int) error {
		return os.NewSyscallError("PACKET_IGNORE_OUTGOING", unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, ignore))
	})
}

// Passed is how many packets have passed the namespace's devices since they are there,
// whether captured or not: each device counts one once, as the ring does while it takes
// all. It falls when a device goes.
func (c *Capture) Passed() (n uint64, err error) {
	err = c.cfg.Net.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		n = passed(bytes.NewReader(b))
		return err
	})
	return n, err
}

// passed adds up the packets of /proc/net/dev (net/core/net-procfs.c): a line a device,
// received bytes and packets first, sent ones from the ninth field on.
func passed(r io.Reader) (n uint64) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		_, counters, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(counters)
		if !ok || len(fields) < 10 {
			continue
		}
		for _, i := range []int{1, 9} {
			packets, _ := strconv.ParseUint(fields[i], 10, 64)
			n += packets
		}
	}
	return n
}
