package capture

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

func device(index int) record.Device {
	return record.Device{Name: map[int]string{2: "eth0", 7: "veth7"}[index]}
}

// raw is a netlink message as the kernel writes it.
func raw(subsystem, kind uint16, family byte, attributes ...netlink.Attribute) []byte {
	body, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		panic(err)
	}
	body = append([]byte{family, 0, 0, 0}, body...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, subsystem<<8|kind)
	b = append(b, make([]byte, 10)...)
	return append(b, body...)
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func traceMessage(table string) []byte {
	jump := int32(unix.NFT_JUMP)
	return raw(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_TRACE, unix.NFPROTO_INET,
		attribute(unix.NFTA_TRACE_TABLE, name(table)),
		attribute(unix.NFTA_TRACE_CHAIN, name("forward")),
		attribute(unix.NFTA_TRACE_RULE_HANDLE, be64(12)),
		attribute(unix.NFTA_TRACE_TYPE, be32(unix.NFT_TRACETYPE_RULE)),
		nested(unix.NFTA_TRACE_VERDICT,
			attribute(unix.NFTA_VERDICT_CODE, be32(uint32(jump))),
			attribute(unix.NFTA_VERDICT_CHAIN, name("pod-web"))),
		attribute(unix.NFTA_TRACE_ID, be32(0xabcdef01)),
		attribute(unix.NFTA_TRACE_NETWORK_HEADER, []byte{0x45, 0}),
		attribute(unix.NFTA_TRACE_TRANSPORT_HEADER, []byte{1, 2, 3}),
		attribute(unix.NFTA_TRACE_IIF, be32(7)),
		attribute(unix.NFTA_TRACE_OIF, be32(2)),
		attribute(unix.NFTA_TRACE_MARK, be32(0x4000)),
		attribute(18, be32(0x1234)))
}

func tupleAttribute(kind uint16, v6 bool, from, to string, protocol byte, rest ...netlink.Attribute) netlink.Attribute {
	source, destination := uint16(1), uint16(2) // CTA_IP_V4_SRC, CTA_IP_V4_DST
	if v6 {
		source, destination = 3, 4
	}
	return nested(kind,
		nested(1, attribute(source, netip.MustParseAddr(from).AsSlice()), attribute(destination, netip.MustParseAddr(to).AsSlice())),
		nested(2, append([]netlink.Attribute{attribute(1, []byte{protocol})}, rest...)...))
}

func ports(from, to uint16) []netlink.Attribute {
	return []netlink.Attribute{attribute(2, binary.BigEndian.AppendUint16(nil, from)), attribute(3, binary.BigEndian.AppendUint16(nil, to))}
}

func connectionMessage(kind uint16) []byte {
	return raw(unix.NFNL_SUBSYS_CTNETLINK, kind, unix.AF_INET,
		tupleAttribute(1, false, "10.244.1.2", "10.96.41.7", packet.TCP, ports(4000, 80)...),
		tupleAttribute(2, false, "10.244.2.3", "10.244.1.2", packet.TCP, ports(8080, 4000)...),
		attribute(12, be32(77)))
}

func TestDecode(t *testing.T) {
	tuple := func(from, to string) record.Tuple {
		return record.Tuple{Source: netip.MustParseAddrPort(from), Destination: netip.MustParseAddrPort(to)}
	}
	b := append(traceMessage("policy"), connectionMessage(conntrackNew)...)
	b = append(b, connectionMessage(conntrackDelete)...)
	b = append(b, raw(unix.NFNL_SUBSYS_CTNETLINK, conntrackNew, unix.AF_INET6,
		tupleAttribute(1, true, "fd00::1", "fd00::2", packet.ICMPv6, attribute(7, []byte{0, 9})),
		tupleAttribute(2, true, "fd00::2", "fd00::1", packet.ICMPv6, attribute(7, []byte{0, 9})))...)
	got := decode(b, "node/node-1", 5, device)
	tcp := record.Connection{Namespace: "node/node-1", ID: 77, Protocol: packet.TCP,
		Original: tuple("10.244.1.2:4000", "10.96.41.7:80"), Reply: tuple("10.244.2.3:8080", "10.244.1.2:4000")}
	gone := tcp
	gone.Gone = true
	want := &record.Batch{
		Rules: []record.Rule{{
			Namespace: "node/node-1", ID: 0xabcdef01, Family: "inet", Table: "policy", Chain: "forward", Handle: 12, Type: record.TypeRule,
			Verdict: "jump", Target: "pod-web", In: "veth7", Out: "eth0", Mark: 0x4000, Conntrack: 0x1234, Heard: 5,
			Network: []byte{0x45, 0}, Transport: []byte{1, 2, 3},
		}},
		Connections: []record.Connection{tcp, gone, {Namespace: "node/node-1", Protocol: packet.ICMPv6,
			Original: tuple("[fd00::1]:9", "[fd00::2]:9"), Reply: tuple("[fd00::2]:9", "[fd00::1]:9")}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := decode(traceMessage(tapTable), "node/node-1", 5, device); got != nil {
		t.Errorf("our own taps are told: %+v", got)
	}
}

func TestVerdictName(t *testing.T) {
	for v, want := range map[int32]string{0: "drop", 1: "accept", -1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return", 13 << 16: "drop", 3: "queue"} {
		if got := verdictName(v); got != want {
			t.Errorf("%d: %s, want %s", v, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(traceMessage("policy"))
	f.Add(append(connectionMessage(conntrackNew), connectionMessage(conntrackDelete)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := decode(b, "n", 0, device); got != nil && len(got.Rules)+len(got.Connections) == 0 {
			t.Error("an empty batch")
		}
	})
}

// A device that the lookup learns of later gets its peer then.
func TestDevices(t *testing.T) {
	var d devices
	var known record.Device
	n := 0
	d.open(func(int) (record.Device, bool) { n++; return known, known.Name != "" }, nil)
	d.asked[3] = asked{name: "veth3"}
	if got := d.get(3); got != (record.Device{Name: "veth3"}) || n != 1 {
		t.Errorf("%+v after %d", got, n)
	}
	if d.get(3); n != 1 {
		t.Error("asked for every packet")
	}
	known = record.Device{Name: "veth3", Peer: "pod/default/web"}
	d.asked[3] = asked{name: "veth3"} // the patience is over
	if got := d.get(3); got != known {
		t.Errorf("%+v", got)
	}
	if d.get(3); n != 2 {
		t.Error("asked for what is known")
	}
}

func TestPassed(t *testing.T) {
	const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      20    0    0    0     0       0          0
veth-a: 99 300 0 0 0 0 0 0 88 4000 0 0 0 0 0 0
`
	if got := passed(strings.NewReader(dev)); got != 4330 {
		t.Error(got)
	}
	if got := passed(strings.NewReader("veth: 1 x")); got != 0 {
		t.Error(got)
	}
}
