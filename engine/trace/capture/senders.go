package capture

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

// A sender's ring is small: of each connection it has a few packets.
const (
	senderBlocks    = 4
	senderBlockSize = 8 << 10
	// There may be one a pod, each with a timer: a journey is awaited about as long anyway.
	senderRetire = 50
)

// patienceOfSenders is how long what is in a sender's ring may take to be read when it is
// needed no more.
const patienceOfSenders = time.Second

// listen opens rings at the devices that send what is captured nowhere else, while the
// namespace's own ring takes only what is received. c.mu is held.
func (c *Capture) listen() error {
	devices, err := c.unheard()
	if err != nil {
		return err
	}
	for device, s := range c.senders {
		if !slices.Contains(devices, device) || s.ended() {
			delete(c.senders, device)
			c.retire(s)
		}
	}
	var errs []error
	for _, device := range devices {
		if c.senders[device] != nil {
			continue
		}
		s, err := openRing(&c.cfg, &c.devices, shape{blocks: senderBlocks, size: senderBlockSize, retire: senderRetire, filter: c.senderFilter()})
		if err != nil {
			return err
		}
		s.mark = func(f *record.Frame) bool { return c.receiving.has(f.Time) }
		c.senders[device] = s
		c.done.Go(s.run)
		if err := s.bind(device); err != nil { // it went meanwhile, or down: the next call tries again
			delete(c.senders, device)
			c.retire(s)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unheard is the devices that are up and whose sending must be captured at themselves: not
// those whose other end hears it, and not bridges and tunnels, which send nothing but by
// other devices.
func (c *Capture) unheard() (devices []int, err error) {
	var all []net.Interface
	if err := c.cfg.Net.Do(func() (err error) {
		all, err = net.Interfaces()
		return err
	}); err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || c.passesOn(i.Name) || c.cfg.Heard(c.devices.get(i.Index)) {
			continue
		}
		devices = append(devices, i.Index)
	}
	return devices, nil
}

// passesOn reports whether a device is a bridge or a tunnel, by its driver's name.
func (c *Capture) passesOn(device string) (is bool) {
	c.ring.control(func(fd int) error { // fails where there is no driver: lo
		info, err := unix.IoctlGetEthtoolDrvinfo(fd, device)
		if err == nil {
			driver := unix.ByteSliceToString(info.Driver[:])
			is = driver == "bridge" || driver == "vxlan"
		}
		return err
	})
	return is
}

// retire closes a ring when what is in it was read; it does not wait.
func (c *Capture) retire(r *ring) {
	c.done.Go(func() {
		r.control(func(fd int) error { return attach(fd, nothing()) }) // fails only if it is closed
		select {
		case <-r.flush():
		case <-time.After(patienceOfSenders):
		}
		r.file.Close()
	})
}

// A period is when something was so, by the kernel's time of packets: one that is read
// later may be of before. Its methods are safe for concurrent use.
type period struct{ from, until atomic.Int64 }

func (p *period) begin() {
	p.until.Store(1<<63 - 1)
	p.from.Store(time.Now().UnixNano())
}

func (p *period) end() { p.until.Store(time.Now().UnixNano()) }

func (p *period) has(t int64) bool {
	from := p.from.Load()
	return from != 0 && from <= t && t <= p.until.Load()
}
