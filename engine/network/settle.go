package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	settleFirst = 100 * time.Microsecond
	settleMost  = 5 * time.Second
)

var errUnsettled = errors.New("the kernel does not take the address into use")

// settle has new IPv6 addresses ready to receive when it returns. Without duplicate
// address detection too, the kernel takes an address into use in a worker of its own
// (addrconf_dad_work), and until then drops what is sent to it.
func settle(ops []op, spaces map[string]*space) error {
	end := time.Now().Add(settleMost)
	for _, o := range ops {
		if o.action != addAddr || o.addr.prefix.Addr().Is4() {
			continue
		}
		for wait := settleFirst; ; wait *= 2 {
			local, err := spaces[o.vertex].rt.isLocal(o.addr.prefix.Addr())
			if err == nil && local {
				break
			}
			if err == nil && time.Now().After(end) {
				err = errUnsettled
			}
			if err != nil {
				return fmt.Errorf("%s: %w", o, err)
			}
			time.Sleep(wait)
		}
	}
	return nil
}

// isLocal asks the routes whether an address is the namespace's own.
func (s *socket) isLocal(ip netip.Addr) (bool, error) {
	var m message
	at := m.start(unix.RTM_GETROUTE, 0)
	m.raw(afOf(ip), byte(ip.BitLen()), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	m.ip(unix.RTA_DST, ip)
	m.end(at)
	if err := unix.Sendto(s.fd, m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, os.NewSyscallError("sendto", err)
	}
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, os.NewSyscallError("recvfrom", err)
		}
		// An error, that there is no route, or a struct rtmsg.
		b := s.buf[:n]
		if n < unix.SizeofNlMsghdr+unix.SizeofRtMsg || native.Uint16(b[4:]) != unix.RTM_NEWROUTE {
			return false, nil
		}
		// A network's first address is every router's in it (RFC 4291, 2.6.1).
		kind := b[unix.SizeofNlMsghdr+7]
		return kind == unix.RTN_LOCAL || kind == unix.RTN_ANYCAST, nil
	}
}
