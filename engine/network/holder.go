package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/network/note"
	"github.com/podhop/podhop/internal/nsexec"
)

// A holder does what a queue says, for one device: it reads what rules sent to the
// held device, and sends it out of the device that it was for. netem would do the same in
// the kernel, but not every kernel has it.
type holder struct {
	flaw  flaw
	ns    *nsexec.NetNS
	in    *os.File // bound to the held device
	out   int      // bound to the device
	quit  chan struct{}
	ended sync.WaitGroup
}

// vnetHeader is the length of a struct virtio_net_hdr: it carries what is left to be done
// about a packet's checksum from one socket to the other.
const vnetHeader = 10

func openHolder(ns *nsexec.NetNS, f flaw) (h *holder, err error) {
	h = &holder{flaw: f, ns: ns, out: -1, quit: make(chan struct{})}
	err = ns.Do(func() error {
		in, err := packetSocket(note.Held(f.index), htons(unix.ETH_P_ALL))
		if err != nil {
			return err
		}
		h.in = os.NewFile(uintptr(in), note.Held(f.index))
		if h.out, err = packetSocket(f.device, 0); err != nil {
			return err
		}
		return os.NewSyscallError("SO_MARK", unix.SetsockoptInt(h.out, unix.SOL_SOCKET, unix.SO_MARK, heldMark))
	})
	if err != nil {
		h.close()
		return nil, fmt.Errorf("hold packets of %s: %w", f.device, err)
	}
	packets := make(chan []byte, 256)
	h.ended.Go(func() { defer close(packets); h.read(packets) })
	h.ended.Go(func() { h.release(packets) })
	return h, nil
}

func packetSocket(device string, protocol uint16) (int, error) {
	// Not bound to a device yet, it must hear nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("packet socket", err)
	}
	ifr, err := unix.NewIfreq(device)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
	}
	if err == nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: int(ifr.Uint32())})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("packet socket on %s: %w", device, err)
	}
	return fd, nil
}

func htons(n uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)) }

func (h *holder) read(packets chan<- []byte) {
	buf := make([]byte, 1<<16+vnetHeader)
	for {
		n, err := h.in.Read(buf)
		if errors.Is(err, unix.ENETDOWN) { // told once of a device that goes down; closing comes next
			continue
		}
		if err != nil {
			return
		}
		if n <= vnetHeader {
			continue
		}
		select {
		case packets <- append([]byte(nil), buf[:n]...):
		case <-h.quit:
			return
		}
	}
}

// release sends packets when they are due; at the end all that are left.
func (h *holder) release(packets <-chan []byte) {
	q := newQueue(h.flaw)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if due, ok := q.next(); ok {
			timer.Reset(time.Until(due))
		}
		select {
		case p, ok := <-packets:
			if !ok {
				for len(q.held) > 0 {
					p, _ := q.take(q.held[0].due)
					h.send(p)
				}
				return
			}
			q.put(time.Now(), len(p)-vnetHeader, p)
		case <-timer.C:
		}
		for p, ok := q.take(time.Now()); ok; p, ok = q.take(time.Now()) {
			h.send(p)
		}
	}
}

// send may fail as any wire does: whoever sent the packet sends it again, or not.
func (h *holder) send(p []byte) { _, _ = unix.Write(h.out, p) }

// close lets go what is held, at once.
func (h *holder) close() {
	close(h.quit)
	if h.in != nil {
		h.in.Close()
	}
	h.ended.Wait()
	if h.out >= 0 {
		unix.Close(h.out)
	}
}

type holderKey struct {
	vertex string // the planner's own name for it
	index  int
}

// hold has a holder for each end of a link that holds packets, and none else.
func (n *Network) hold(want map[string]*furniture, spaces map[string]*space) error {
	desired := map[holderKey]flaw{}
	for v, f := range want {
		for _, w := range f.flaws {
			if w.holds() {
				desired[holderKey{v, w.index}] = w
			}
		}
	}
	for k, h := range n.holders {
		if s := spaces[k.vertex]; desired[k] != h.flaw || s == nil || s.ns != h.ns {
			h.close()
			delete(n.holders, k)
		}
	}
	var errs []error
	for k, w := range desired {
		if n.holders[k] != nil || spaces[k.vertex] == nil {
			continue
		}
		h, err := openHolder(spaces[k.vertex].ns, w)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n.holders[k] = h
	}
	return errors.Join(errs...)
}

// holdAgain is hold when a pod has come or gone.
func (n *Network) holdAgain() error {
	if len(n.desired.Faults) == 0 && len(n.holders) == 0 {
		return nil
	}
	spaces := maps.Clone(n.spaces)
	for _, p := range n.pods {
		spaces[p.vertex()] = &space{ns: p.NS}
	}
	return n.hold(furnish(n.site, n.layout(n.placed())), spaces)
}
