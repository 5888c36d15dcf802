package capture

import (
	"fmt"

	"github.com/podhop/podhop/engine/trace/packet"
	"golang.org/x/sys/unix"
)

// Instructions of classic BPF (linux/bpf_common.h).
const (
	loadHalf   = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	loadByte   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadByteAt = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
	loadHeader = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X = 4 * (byte & 15)
	jumpEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret        = unix.BPF_RET | unix.BPF_K

	skbProtocol = 0xfffff000 // SKF_AD_OFF + SKF_AD_PROTOCOL (linux/filter.h)
)

// everything takes the first snapLength bytes of IP packets, and nothing of
// others: neither ARP nor what learners' tools send besides IP has journeys.
func everything() []unix.SockFilter {
	return []unix.SockFilter{
		{Code: loadHalf, K: skbProtocol},
		{Code: jumpEqual, K: unix.ETH_P_IP, Jt: 2},
		{Code: jumpEqual, K: unix.ETH_P_IPV6, Jt: 1},
		{Code: ret, K: 0},
		{Code: ret, K: snapLength},
	}
}

// edges takes of TCP only the packets that begin and end connections, on Ethernet
// devices: SYN, FIN, RST.
func edges() []unix.SockFilter {
	const ethernet, flags = 14, packet.SYN | packet.FIN | packet.RST
	return []unix.SockFilter{
		{Code: loadHalf, K: skbProtocol},
		{Code: jumpEqual, K: unix.ETH_P_IP, Jf: 5},
		{Code: loadByte, K: ethernet + 9},
		{Code: jumpEqual, K: packet.TCP, Jf: 8},
		{Code: loadHeader, K: ethernet},
		{Code: loadByteAt, K: ethernet + 13},
		{Code: jumpSet, K: flags, Jt: 5, Jf: 6},
		{Code: jumpEqual, K: unix.ETH_P_IPV6, Jf: 5},
		{Code: loadByte, K: ethernet + 6},
		{Code: jumpEqual, K: packet.TCP, Jf: 2},
		{Code: loadByte, K: ethernet + 40 + 13},
		{Code: jumpSet, K: flags, Jf: 1},
		{Code: ret, K: snapLength},
		{Code: ret, K: 0},
	}
}

func attach(fd int, filter []unix.SockFilter) error {
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

// EdgesOnly captures of TCP only what begins and ends connections, or all again.
// That costs next to nothing, however much is sent.
func (c *Capture) EdgesOnly(on bool) error {
	filter := everything()
	if on {
		filter = edges()
	}
	var err error
	if cerr := c.ring.conn.Control(func(fd uintptr) { err = attach(int(fd), filter) }); cerr != nil {
		return cerr
	}
	return err
}
