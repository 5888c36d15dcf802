package nsexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DialContext connects from within the namespace. network is tcp or udp (with 4
// or 6), address a literal IP and port: names would be resolved elsewhere. Only the
// socket is made in the namespace; a socket keeps the namespace it was made in.
// Errors are *net.OpError, as those of net.Dialer.
func (n *NetNS) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := n.dial(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: literal(address), Err: err}
	}
	return c, nil
}

type literal string

func (literal) Network() string  { return "" }
func (a literal) String() string { return string(a) }

func (n *NetNS) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("literal address wanted: %w", err)
	}
	ip := ap.Addr().Unmap()
	domain, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(ap.Port()), Addr: ip.As16()})
	if ip.Is4() {
		domain, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ip.As4()}
	}
	kind := unix.SOCK_STREAM
	switch strings.TrimRight(network, "46") {
	case "tcp":
	case "udp":
		kind = unix.SOCK_DGRAM
	default:
		return nil, net.UnknownNetworkError(network)
	}
	fd := -1
	err = n.Do(func() (err error) {
		fd, err = unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return nil, err
	}
	// Connecting before the descriptor joins the poller: an unconnected socket would
	// count as ready.
	err = unix.Connect(fd, sa)
	f := os.NewFile(uintptr(fd), address)
	defer f.Close() // FileConn has its own copy
	switch err {
	case nil:
	case unix.EINPROGRESS:
		if err := connected(ctx, f); err != nil {
			return nil, err
		}
	default:
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}

func connected(ctx context.Context, f *os.File) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if d, ok := ctx.Deadline(); ok {
		f.SetWriteDeadline(d)
	}
	stop := context.AfterFunc(ctx, func() { f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var result error
	err = rc.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			result = os.NewSyscallError("getsockopt", err)
			return true
		}
		if code != 0 {
			result = os.NewSyscallError("connect", syscall.Errno(code))
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done() // ours was the context's deadline, to the moment
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return result
}

// Listen announces on a literal address within the namespace.
func (n *NetNS) Listen(network, address string) (l net.Listener, err error) {
	err = n.Do(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (n *NetNS) ListenPacket(network, address string) (c net.PacketConn, err error) {
	err = n.Do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}
