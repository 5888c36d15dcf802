package network

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// message builds a batch of netlink messages (netlink(7)). Twice the pods a second
// of a library that waits for an answer to each.
type message struct {
	b   []byte
	seq uint32
}

// start begins a message and returns what end wants. Flags beyond NLM_F_REQUEST are the caller's.
func (m *message) start(typ, flags uint16) int {
	off := len(m.b)
	m.seq++
	m.b = append(m.b, make([]byte, unix.SizeofNlMsghdr)...)
	native.PutUint16(m.b[off+4:], typ)
	native.PutUint16(m.b[off+6:], flags|unix.NLM_F_REQUEST)
	native.PutUint32(m.b[off+8:], m.seq)
	return off
}

func (m *message) end(off int) { native.PutUint32(m.b[off:], uint32(len(m.b)-off)) }

// raw appends a fixed header.
func (m *message) raw(b ...byte) {
	m.b = append(m.b, b...)
	for len(m.b)%4 != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) attr(typ uint16, v []byte) {
	m.b = native.AppendUint16(m.b, uint16(4+len(v)))
	m.b = native.AppendUint16(m.b, typ)
	m.raw(v...)
}

func (m *message) u32(typ uint16, v uint32) {
	var b [4]byte
	native.PutUint32(b[:], v)
	m.attr(typ, b[:])
}

func (m *message) u8(typ uint16, v byte) { m.attr(typ, []byte{v}) }

func (m *message) str(typ uint16, s string) { m.attr(typ, append([]byte(s), 0)) }

func (m *message) mac(typ uint16, s string) {
	if a, err := net.ParseMAC(s); err == nil {
		m.attr(typ, a)
	}
}

func (m *message) ip(typ uint16, a netip.Addr) { m.attr(typ, a.AsSlice()) }

// nest begins an attribute of attributes and returns what unnest wants.
func (m *message) nest(typ uint16) int {
	off := len(m.b)
	m.b = append(m.b, 0, 0, 0, 0)
	native.PutUint16(m.b[off+2:], typ)
	return off
}

func (m *message) unnest(off int) { native.PutUint16(m.b[off:], uint16(len(m.b)-off)) }

// ifinfo is a struct ifinfomsg.
func (m *message) ifinfo(index int, flags, change uint32) {
	var b [unix.SizeofIfInfomsg]byte
	native.PutUint32(b[4:], uint32(index))
	native.PutUint32(b[8:], flags)
	native.PutUint32(b[12:], change)
	m.raw(b[:]...)
}

// socket is one netlink socket, made in a namespace and usable from everywhere.
type socket struct {
	fd  int
	buf []byte
}

func newSocket(protocol int) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("netlink socket", err)
	}
	// Errors need not repeat the message they are about. Old kernels know no better.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	return &socket{fd: fd, buf: make([]byte, 16<<10)}, nil
}

func (s *socket) close() {
	if s != nil {
		unix.Close(s.fd)
	}
}

// failure is a message that the kernel refused.
type failure struct {
	seq uint32
	err error
}

// do sends the batch, whose message numbered last must ask for an acknowledgement,
// and returns the refused ones. It never waits for the network, only for the kernel.
func (s *socket) do(m *message, last uint32) ([]failure, error) {
	if err := unix.Sendto(s.fd, m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	var refused []failure
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return refused, os.NewSyscallError("recvfrom", err)
		}
		for b := s.buf[:n]; len(b) >= unix.SizeofNlMsghdr+4; {
			size, seq := int(native.Uint32(b)), native.Uint32(b[8:])
			if native.Uint16(b[4:]) == unix.NLMSG_ERROR { // what was asked for itself comes before
				if code := int32(native.Uint32(b[16:])); code != 0 {
					refused = append(refused, failure{seq, syscall.Errno(-code)})
				}
				if seq == last {
					return refused, nil
				}
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}
