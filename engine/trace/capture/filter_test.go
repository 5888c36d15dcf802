package capture

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/trace/packet"
)

// Of TCP, edges takes what begins and ends connections, in a tunnel or not; of
// everything else, all.
func TestEdges(t *testing.T) {
	program := edges()
	// The VM does not know the kernel's word for the protocol; frames have their own.
	program[0] = unix.SockFilter{Code: loadHalf, K: 12}
	var raw []bpf.RawInstruction
	for _, i := range program {
		raw = append(raw, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	instructions, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("not all of it can be read")
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	tcp := func(flags byte) []byte { return append(make([]byte, 13), flags, 0, 0, 0, 0, 0, 0) }
	udp := func(port uint16, payload []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{9, 9}, port), append([]byte{0, 0, 0, 0}, payload...)...)
	}
	four := func(protocol byte, options int, payload []byte) []byte {
		head := make([]byte, 20+options)
		head[0], head[9] = byte(0x40+len(head)/4), protocol
		return append(head, payload...)
	}
	six := func(protocol byte, payload []byte) []byte {
		head := make([]byte, 40)
		head[0], head[6] = 0x60, protocol
		return append(head, payload...)
	}
	frame := func(kind uint16, b []byte) []byte {
		return append(binary.BigEndian.AppendUint16(make([]byte, 12), kind), b...)
	}
	vxlan := func(inner []byte) []byte { return udp(packet.VXLANPort, append(make([]byte, 8), inner...)) }
	const ip, ip6, ack = unix.ETH_P_IP, unix.ETH_P_IPV6, packet.ACK
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"SYN", frame(ip, four(packet.TCP, 0, tcp(packet.SYN))), true},
		{"FIN behind options", frame(ip, four(packet.TCP, 8, tcp(packet.FIN|ack))), true},
		{"ACK", frame(ip, four(packet.TCP, 0, tcp(ack))), false},
		{"ACK behind options", frame(ip, four(packet.TCP, 8, tcp(ack))), false},
		{"UDP", frame(ip, four(packet.UDP, 0, udp(53, nil))), true},
		{"ICMP", frame(ip, four(packet.ICMP, 0, make([]byte, 8))), true},
		{"SYN of IPv6", frame(ip6, six(packet.TCP, tcp(packet.SYN))), true},
		{"ACK of IPv6", frame(ip6, six(packet.TCP, tcp(ack))), false},
		{"UDP of IPv6", frame(ip6, six(packet.UDP, udp(53, nil))), true},
		{"SYN in VXLAN", frame(ip, four(packet.UDP, 0, vxlan(frame(ip, four(packet.TCP, 0, tcp(packet.SYN)))))), true},
		{"ACK in VXLAN", frame(ip, four(packet.UDP, 0, vxlan(frame(ip, four(packet.TCP, 0, tcp(ack)))))), false},
		{"UDP in VXLAN", frame(ip, four(packet.UDP, 0, vxlan(frame(ip, four(packet.UDP, 0, udp(53, nil)))))), true},
		{"RST in VXLAN of IPv6", frame(ip6, six(packet.UDP, vxlan(frame(ip6, six(packet.TCP, tcp(packet.RST)))))), true},
		{"ACK in VXLAN of IPv6", frame(ip6, six(packet.UDP, vxlan(frame(ip6, six(packet.TCP, tcp(ack)))))), false},
		{"ARP", frame(unix.ETH_P_ARP, make([]byte, 28)), true},
		{"LLDP", frame(0x88cc, make([]byte, 28)), false},
	} {
		n, err := vm.Run(c.frame)
		if err != nil || (n > 0) != c.want {
			t.Errorf("%s: %d bytes, %v", c.name, n, err)
		}
	}
}
