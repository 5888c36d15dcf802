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
	jump       = unix.BPF_JMP | unix.BPF_JA
	jumpEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret        = unix.BPF_RET | unix.BPF_K

	skbProtocol = 0xfffff000 // SKF_AD_OFF + SKF_AD_PROTOCOL (linux/filter.h)
	skbPkttype  = 0xfffff004 // SKF_AD_OFF + SKF_AD_PKTTYPE
)

// everything takes the first snapLength bytes of IP packets and of ARP, and nothing of
// others: what learners' tools send besides has no journeys.
func everything() []unix.SockFilter {
	return []unix.SockFilter{
		{Code: loadHalf, K: skbProtocol},
		{Code: jumpEqual, K: unix.ETH_P_IP, Jt: 3},
		{Code: jumpEqual, K: unix.ETH_P_IPV6, Jt: 2},
		{Code: jumpEqual, K: unix.ETH_P_ARP, Jt: 1},
		{Code: ret, K: 0},
		{Code: ret, K: snapLength},
	}
}

// edges takes of TCP only the packets that begin and end connections, on Ethernet
// devices: SYN, FIN, RST; of what VXLAN carries as well, so that all devices see the same.
func edges() []unix.SockFilter {
	const (
		ethernet, v4, v6, udp = 14, 20, 40, 8
		tunnel                = udp + 8 + ethernet // between an outer IP header and the inner one
	)
	plain4, inner4 := edges4(ethernet), edges4(ethernet+v4+tunnel)
	plain6, inner6 := edges6(ethernet), edges6(ethernet+v6+tunnel)
	var all []unix.SockFilter
	for _, part := range [][]unix.SockFilter{
		{
			{Code: loadHalf, K: skbProtocol},
			{Code: jumpEqual, K: unix.ETH_P_IP, Jf: uint8(4 + len(inner4) + len(plain4))},
			{Code: loadByte, K: ethernet + 9},
			{Code: jumpEqual, K: packet.UDP, Jf: uint8(2 + len(inner4))},
			{Code: loadHalf, K: ethernet + v4 + 2},
			{Code: jumpEqual, K: packet.VXLANPort, Jf: uint8(len(inner4))},
		}, inner4, plain4,
		{
			{Code: jumpEqual, K: unix.ETH_P_IPV6, Jf: uint8(4 + len(inner6) + len(plain6))},
			{Code: loadByte, K: ethernet + 6},
			{Code: jumpEqual, K: packet.UDP, Jf: uint8(2 + len(inner6))},
			{Code: loadHalf, K: ethernet + v6 + 2},
			{Code: jumpEqual, K: packet.VXLANPort, Jf: uint8(len(inner6))},
		}, inner6, plain6,
		{
			{Code: jumpEqual, K: unix.ETH_P_ARP, Jf: 1},
			{Code: ret, K: snapLength},
			{Code: ret, K: 0},
		},
	} {
		all = append(all, part...)
	}
	return all
}

func nothing() []unix.SockFilter { return []unix.SockFilter{{Code: ret, K: 0}} }

// sentEdges takes of edges what the device sent.
func sentEdges() []unix.SockFilter {
	return append([]unix.SockFilter{
		{Code: loadByte, K: skbPkttype},
		{Code: jumpEqual, K: unix.PACKET_OUTGOING, Jt: 1},
		{Code: ret, K: 0},
	}, edges()...)
}

const edgeFlags = packet.SYN | packet.FIN | packet.RST

// edges4 decides about an IPv4 packet whose header begins there.
func edges4(at uint32) []unix.SockFilter {
	const ordinary, header = 0x45, 20 // of a header without options: its first byte, and its length
	return []unix.SockFilter{
		{Code: loadByte, K: at + 9},
		{Code: jumpEqual, K: packet.TCP, Jf: 7},
		{Code: loadByte, K: at},
		{Code: jumpEqual, K: ordinary, Jf: 2},
		{Code: loadByte, K: at + header + 13}, // a byte at a fixed place is read without a call
		{Code: jump, K: 2},
		{Code: loadHeader, K: at},
		{Code: loadByteAt, K: at + 13},
		{Code: jumpSet, K: edgeFlags, Jf: 1},
		{Code: ret, K: snapLength},
		{Code: ret, K: 0},
	}
}

func edges6(at uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: loadByte, K: at + 6},
		{Code: jumpEqual, K: packet.TCP, Jf: 2},
		{Code: loadByte, K: at + 40 + 13},
		{Code: jumpSet, K: edgeFlags, Jf: 1},
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
