package capture

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

// Netlink groups (linux/netfilter/nfnetlink.h).
const (
	groupConntrackNew     = 1
	groupConntrackDestroy = 3
	groupTrace            = 9
)

// events listens to netfilter: nftrace and conntrack.
type events struct {
	cfg     *Config
	devices *devices
	file    *os.File
	conn    syscall.RawConn
	buffer  []byte

	mu      sync.Mutex
	waiters []chan struct{}
	closed  bool
}

func openEvents(cfg *Config, devices *devices) (*events, error) {
	e := &events{cfg: cfg, devices: devices, buffer: make([]byte, 64<<10)}
	var fd int
	err := cfg.Net.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return nil, err
	}
	if err := subscribe(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	e.file = os.NewFile(uintptr(fd), "netfilter events of "+cfg.Name)
	if e.conn, err = e.file.SyscallConn(); err != nil {
		e.file.Close()
		return nil, err
	}
	return e, nil
}

func subscribe(fd int) error {
	// Beyond rmem_max only the host's root may go; as much as that is enough.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	for _, g := range []int{groupTrace, groupConntrackNew, groupConntrackDestroy} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g); err != nil {
			return os.NewSyscallError("join group", err)
		}
	}
	// The connections that there are already come as if they were new.
	dump := binary.NativeEndian.AppendUint32(nil, unix.SizeofNlMsghdr+4)
	dump = binary.NativeEndian.AppendUint16(dump, unix.NFNL_SUBSYS_CTNETLINK<<8|1) // IPCTNL_MSG_CT_GET
	dump = binary.NativeEndian.AppendUint16(dump, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	dump = append(dump, make([]byte, 8)...)
	dump = append(dump, unix.AF_UNSPEC, 0, 0, 0)
	return os.NewSyscallError("dump conntrack", unix.Sendto(fd, dump, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}

// run reads events until the file is closed.
func (e *events) run() {
	defer e.end()
	for {
		n, err := 0, error(nil)
		read := e.conn.Read(func(fd uintptr) bool {
			n, _, err = unix.Recvfrom(int(fd), e.buffer, 0)
			return err != unix.EAGAIN
		})
		switch {
		case errors.Is(read, os.ErrDeadlineExceeded):
			e.drain()
		case read != nil:
			return
		default:
			e.take(n, err)
		}
	}
}

func (e *events) take(n int, err error) {
	switch err {
	case nil:
		if b := decode(e.buffer[:n], e.cfg.Name, time.Now().UnixNano(), e.devices.get); b != nil {
			e.cfg.Emit(*b)
		}
	case unix.ENOBUFS:
		e.cfg.Emit(record.Batch{Lost: []record.Lost{{Count: 1, Reason: "rule events came too fast (times; how many is not known)"}}})
	}
}

// drain answers flushes: it reads what is there, without waiting for more.
func (e *events) drain() {
	// First the deadline goes, then the waiters are taken: one that comes between
	// sets a new deadline.
	e.file.SetReadDeadline(time.Time{})
	e.mu.Lock()
	waiters := e.waiters
	e.waiters = nil
	e.mu.Unlock()
	for {
		n, err := 0, error(nil)
		if e.conn.Control(func(fd uintptr) { n, _, err = unix.Recvfrom(int(fd), e.buffer, 0) }) != nil || err == unix.EAGAIN {
			break
		}
		e.take(n, err)
	}
	for _, w := range waiters {
		close(w)
	}
}

// flush returns a channel that closes when all events of before now were emitted.
func (e *events) flush() <-chan struct{} {
	done := make(chan struct{})
	if e == nil {
		close(done)
		return done
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		close(done)
		return done
	}
	e.waiters = append(e.waiters, done)
	e.mu.Unlock()
	e.file.SetReadDeadline(time.Unix(1, 0))
	return done
}

func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for _, w := range e.waiters {
		close(w)
	}
	e.waiters = nil
}
