package container

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// ringBytes are what the rings of all packet sockets of the session's containers have, as the
// kernel tells (linux/packet_diag.h).
func (s *Session) ringBytes() (sum uint64, err error) {
	seen := map[*nsexec.NetNS]bool{}
	for _, c := range s.Containers() {
		ns := c.spec.HostNetwork
		if ns == nil && c.spec.Sandbox != nil {
			ns = c.spec.Sandbox.Net
		}
		if ns == nil || seen[ns] {
			continue
		}
		seen[ns] = true
		if err := ns.Do(func() error {
			n, err := packetRings(s.mapped)
			sum += n
			return err
		}); err != nil && c.Status().State == Running {
			return 0, fmt.Errorf("packet sockets: %w", err)
		}
	}
	return sum, nil
}

const (
	showInfo, showRings        = 1, 4
	diagRX, diagTX, diagUser   = 2, 3, 5
	diagRequest, diagMessage   = 20, 16
	sockDiagByFamily, diagRing = 20, 8
)

// packetRings adds up those of the network namespace that the thread is in. The server has some
// there too, which do not count: they are told by their user, root's, where containers have others.
func packetRings(mapped bool) (sum uint64, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	request := make([]byte, unix.NLMSG_HDRLEN+diagRequest)
	order := binary.NativeEndian
	order.PutUint32(request[0:], uint32(len(request)))
	order.PutUint16(request[4:], sockDiagByFamily)
	order.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[unix.NLMSG_HDRLEN] = unix.AF_PACKET
	order.PutUint32(request[unix.NLMSG_HDRLEN+8:], showInfo|showRings)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	for buf := make([]byte, 64<<10); ; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return 0, err
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return 0, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return sum, nil
			case unix.NLMSG_ERROR:
				if len(m.Data) < 4 {
					return 0, unix.EINVAL
				}
				return 0, unix.Errno(-int32(order.Uint32(m.Data)))
			case sockDiagByFamily:
				if size, user := ringsOf(m.Data); !mapped || user != 0 {
					sum += size
				}
			}
		}
	}
}

// ringsOf reads a struct packet_diag_msg.
func ringsOf(message []byte) (size uint64, user uint32) {
	order := binary.NativeEndian
	for rest := message[min(diagMessage, len(message)):]; len(rest) >= unix.SizeofRtAttr; {
		length := int(order.Uint16(rest))
		if length < unix.SizeofRtAttr || length > len(rest) {
			break
		}
		value := rest[unix.SizeofRtAttr:length]
		switch kind := order.Uint16(rest[2:]); {
		case (kind == diagRX || kind == diagTX) && len(value) >= diagRing:
			size += uint64(order.Uint32(value)) * uint64(order.Uint32(value[4:]))
		case kind == diagUser && len(value) >= 4:
			user = order.Uint32(value)
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return size, user
}
