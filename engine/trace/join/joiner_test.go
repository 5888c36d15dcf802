package join

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// A sent is one packet for tests, written as a frame.
type sent struct {
	from, to string
	protocol uint8
	id       uint16
	ttl      uint8
	seq, ack uint32
	flags    uint8
	payload  string
}

func (s sent) frame() []byte {
	from, to := netip.MustParseAddrPort(s.from), netip.MustParseAddrPort(s.to)
	transport := binary.BigEndian.AppendUint16(nil, from.Port())
	transport = binary.BigEndian.AppendUint16(transport, to.Port())
	if s.protocol == packet.TCP {
		transport = binary.BigEndian.AppendUint32(transport, s.seq)
		transport = binary.BigEndian.AppendUint32(transport, s.ack)
		transport = append(transport, 5<<4, s.flags, 0, 0, 0, 0, 0, 0)
	} else {
		transport = append(transport, 0, byte(8+len(s.payload)), 0, 0)
	}
	transport = append(transport, s.payload...)
	b := append(make([]byte, 12), 8, 0, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(transport)))
	b = binary.BigEndian.AppendUint16(b, s.id)
	b = append(b, 0x40, 0, s.ttl, s.protocol, 0, 0)
	b = append(append(b, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	return append(b, transport...)
}

// at is the packet at a device: "node/node-1 eth0 out".
func (s sent) at(time int64, place string) record.Batch {
	f := strings.Fields(place)
	b := s.frame()
	return record.Batch{Frames: []record.Frame{{Time: time, Namespace: f[0], Device: record.Device{Name: f[1]}, Direction: f[2], Length: len(b), Data: b}}}
}

func ways(j *Joiner, batches ...record.Batch) []Way {
	for _, b := range batches {
		j.Add(b, 1)
	}
	return j.Take(1e12)
}

func shape(all []Way) string {
	var s []string
	for _, w := range all {
		s = append(s, fmt.Sprintf("%s/%d", w.Conversation, len(w.Steps)))
	}
	return strings.Join(s, " ")
}

const in, out = "node/node-1 veth in", "node/node-1 eth0 out"

// A sight that stands for both ends of its link gives that of the sending end, unless it
// was captured there after all.
func TestBothEnds(t *testing.T) {
	s := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, 9, 64, 7, 0, packet.SYN, ""}
	both := s.at(3, "underlay node-1 foreign")
	both.Frames[0].Device.Peer, both.Frames[0].Device.PeerName, both.Frames[0].BothEnds = "node/node-1", "eth0", true
	for _, c := range []struct {
		name     string
		batches  []record.Batch
		inferred bool
	}{
		{"not captured", []record.Batch{s.at(0, in), both}, true},
		{"captured", []record.Batch{s.at(0, in), s.at(2, out), both}, false},
	} {
		all := ways(New(Config{}), c.batches...)
		if len(all) != 1 || len(all[0].Steps) != 3 {
			t.Errorf("%s: %s", c.name, shape(all))
			continue
		}
		o := all[0].Steps[1].Seen
		if o.Namespace != "node/node-1" || o.Device.Name != "eth0" || o.Direction != record.Out || o.Inferred != c.inferred || o.BothEnds {
			t.Errorf("%s: %+v", c.name, o)
		}
		if c.inferred && (o.Time != 3 || o.Device.Peer != "underlay" || o.Device.PeerName != "node-1") {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

// Whoever asks for a connection's conversation before its first packet is whole is
// told the one that the packet will join, behind NAT too.
func TestExpectedConversation(t *testing.T) {
	s := sent{"10.244.1.2:4000", "10.96.0.1:80", packet.TCP, 9, 64, 7, 0, packet.SYN, ""}
	masqueraded := s
	masqueraded.from, masqueraded.to = "172.18.0.11:4000", "10.244.2.2:80"
	j := New(Config{})
	j.Add(s.at(0, in), 1)
	to := record.Tuple{Source: netip.MustParseAddrPort(masqueraded.from), Destination: netip.MustParseAddrPort(masqueraded.to)}
	expected := j.Conversation(packet.TCP, to, 1)
	all := ways(j, masqueraded.at(5, out))
	if shape(all) != expected+"/2" || all[0].Reply {
		t.Errorf("%s, expected %s", shape(all), expected)
	}
	if got := j.Conversation(packet.TCP, to, 2); got != expected {
		t.Errorf("then %s", got)
	}
	// The same ports again: another conversation, and the latest is told.
	masqueraded.seq, masqueraded.id = 70, 10
	if all := ways(j, masqueraded.at(9, out)); all[0].Conversation == expected || j.Conversation(packet.TCP, to, 3) != all[0].Conversation {
		t.Errorf("the ports' next use: %s", shape(all))
	}
}

// A SYN ACK has no IP ID: sent again it is equal, but another packet.
func TestRetransmission(t *testing.T) {
	s := sent{"10.244.2.2:80", "10.244.1.2:4000", packet.TCP, 0, 64, 7, 8, packet.SYN | packet.ACK, ""}
	forwarded := s
	forwarded.ttl--
	all := ways(New(Config{}), s.at(0, in), forwarded.at(5, out), s.at(1e9, in), forwarded.at(1e9+5, out))
	if shape(all) != "c1/2 c1/2" || all[0].Start() != 0 || all[1].Start() != 1e9 {
		t.Errorf("%s", shape(all))
	}
}

// In a routing loop a packet is at one place again and again, with a smaller TTL.
func TestRoutingLoop(t *testing.T) {
	s := sent{"10.244.2.2:80", "10.244.1.2:4000", packet.TCP, 9, 64, 7, 8, packet.ACK, ""}
	var batches []record.Batch
	for i := range 3 {
		batches = append(batches, s.at(int64(i*10), in))
		s.ttl--
		batches = append(batches, s.at(int64(i*10+5), out))
	}
	if all := ways(New(Config{}), batches...); shape(all) != "c1/6" {
		t.Errorf("%s", shape(all))
	}
}

// A question and the answer to another one may be equal in payload and IP ID.
func TestEqualID(t *testing.T) {
	q := sent{from: "10.244.1.2:4000", to: "10.244.2.2:53", protocol: packet.UDP, id: 7, ttl: 64, payload: "hello"}
	a := q
	a.from, a.to = q.to, q.from
	if all := ways(New(Config{}), q.at(0, in), q.at(1, out), a.at(2, "node/node-1 eth0 in"), a.at(3, "node/node-1 veth out")); shape(all) != "c1/2 c1/2" || all[0].Reply == all[1].Reply {
		t.Errorf("%s", shape(all))
	}
	// Without conntrack's word, one side that stays is enough.
	dnat := q
	dnat.to = "10.244.2.3:5353"
	if all := ways(New(Config{}), q.at(0, in), dnat.at(1, out)); shape(all) != "c1/2" {
		t.Errorf("%s", shape(all))
	}
}

// Equal datagrams of different senders differ by their tuples, also behind NAT
// that only conntrack knows of.
func TestEqualDatagrams(t *testing.T) {
	tuple := func(from, to string) record.Tuple {
		return record.Tuple{Source: netip.MustParseAddrPort(from), Destination: netip.MustParseAddrPort(to)}
	}
	var batches []record.Batch
	for i, from := range []string{"10.244.1.2:53", "10.244.1.3:53"} {
		s := sent{from: from, to: "10.96.0.10:53", protocol: packet.UDP, ttl: 64, payload: "hello"}
		dnat := s
		dnat.to = "10.244.2.2:53"
		batches = append(batches, s.at(int64(i), in), dnat.at(int64(10-i), out), record.Batch{Connections: []record.Connection{{
			Namespace: "node/node-1", ID: uint32(i), Protocol: packet.UDP,
			Original: tuple(from, "10.96.0.10:53"), Reply: tuple("10.244.2.2:53", from),
		}}})
	}
	all := ways(New(Config{}), batches...)
	if shape(all) != "c1/2 c2/2" {
		t.Fatalf("%s", shape(all))
	}
	for _, w := range all {
		if w.Steps[0].Packet().Source != w.Steps[1].Packet().Source || w.Steps[0].Translated == nil || *w.Steps[0].Translated != w.Steps[1].Packet().Tuple() {
			t.Errorf("%+v", w.Steps)
		}
	}
}

// Ports are used again: a new initial sequence number is a new conversation, a
// repeated one is not.
func TestPortsUsedAgain(t *testing.T) {
	j := New(Config{})
	syn := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, 1, 64, 100, 0, packet.SYN, ""}
	again, data, anew := syn, syn, syn
	again.id = 2
	data.id, data.seq, data.flags = 3, 101, packet.ACK
	anew.id, anew.seq = 4, 900
	var got []string
	for i, s := range []sent{syn, again, data, anew} {
		for _, w := range ways(j, s.at(int64(i), in)) {
			got = append(got, w.Conversation)
		}
	}
	if want := []string{"c1", "c1", "c1", "c2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Nothing that comes may make the joiner hold more than its bounds; what it does
// not hold it counts.
func TestBounds(t *testing.T) {
	j := New(Config{MaxPackets: 10, MaxRecords: 5, MaxConnections: 20})
	for i := range 100 {
		s := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, uint16(i + 1), 64, uint32(i), 0, packet.ACK, ""}
		j.Add(s.at(int64(i), in), 1)
		a := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i))
		j.Add(record.Batch{Connections: []record.Connection{{Namespace: "node/node-1", Protocol: packet.TCP, ID: uint32(i), Original: record.Tuple{Source: a, Destination: a}}}}, 1)
	}
	if n := len(j.Take(1e12)); n != 10 {
		t.Errorf("%d packets", n)
	}
	for i := range 100 {
		j.Add(sent{from: "10.244.1.2:1", to: "10.244.2.2:2", protocol: packet.UDP, ttl: 64, payload: "same"}.at(int64(i), in), 1)
	}
	if n := len(j.Take(1e12)); n != 5 {
		t.Errorf("%d equal packets", n)
	}
	lost := j.Lost()
	if lost["too many packets at once"] != 90 || lost["too many equal packets at once"] != 95 || lost["too many connections at once"] == 0 {
		t.Errorf("lost %v", lost)
	}
	if j.Lost() != nil {
		t.Error("counted twice")
	}
	for i := range 1000 {
		s := sent{fmt.Sprintf("10.244.1.2:%d", i+1), "10.244.2.2:80", packet.TCP, 7, 64, uint32(i), 0, packet.SYN, ""}
		j.Add(s.at(int64(i), in), int64(i))
		j.Take(int64(i) + 1e9)
	}
	if n := len(j.conversations.byFlow); n > 22 {
		t.Errorf("%d conversations' tuples", n)
	}
}

// A way is taken when nothing was heard of it for long enough, not before.
func TestQuiet(t *testing.T) {
	j := New(Config{Quiet: 50})
	s := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, 1, 64, 1, 0, packet.SYN, ""}
	if j.Next() != 0 {
		t.Error("nothing is on its way")
	}
	j.Add(s.at(0, in), 1000)
	mark := j.Mark()
	j.Add(s.at(1, out), 1040)
	if j.Next() != 1090 || len(j.Take(1089)) != 0 || j.Passed(mark) {
		t.Error("taken too early")
	}
	if all := j.Take(1090); shape(all) != "c1/2" || !j.Passed(mark) || j.Next() != 0 {
		t.Errorf("%s", shape(all))
	}
}

// Equal datagrams that come without a pause are told all the same, each once,
// and do not keep a Passed waiting.
func TestNoPause(t *testing.T) {
	j := New(Config{Quiet: 50e6, MaxAge: 500e6})
	s := sent{from: "10.244.1.2:1", to: "10.244.2.2:2", protocol: packet.UDP, ttl: 64, payload: "beat"}
	var mark uint64
	passed, steps, taken := 0, 0, 0
	count := func(all []Way) {
		for _, w := range all {
			taken, steps = taken+1, steps+len(w.Steps)
		}
	}
	for i := range 200 {
		now := int64(i) * 10e6
		j.Add(s.at(now, in), now)
		j.Add(s.at(now+1e5, out), now+1e5)
		if i == 0 {
			mark = j.Mark()
		}
		count(j.Take(now + 1e5))
		if passed == 0 && j.Passed(mark) {
			passed = i
		}
	}
	if passed < 50 || passed > 52 || taken == 0 {
		t.Errorf("the first is told after %d, %d are told", passed, taken)
	}
	count(j.Take(1e12))
	if taken != 200 || steps != 400 {
		t.Errorf("%d packets, %d steps", taken, steps)
	}
}

// Connections that went are forgotten, but not before the packets of their time.
func TestDestroy(t *testing.T) {
	c := newConnections(100)
	r := record.Connection{Namespace: "node/node-1", ID: 1, Protocol: packet.TCP,
		Original: record.Tuple{Source: netip.MustParseAddrPort("10.244.1.2:4000"), Destination: netip.MustParseAddrPort("10.96.0.1:443")},
		Reply:    record.Tuple{Source: netip.MustParseAddrPort("172.18.0.1:6443"), Destination: netip.MustParseAddrPort("10.244.1.2:4000")}}
	c.add(r, 1)
	gone := r
	gone.Gone = true
	c.add(gone, 100)
	c.forget(100)
	if len(c.byTuple) != 2 {
		t.Error("forgotten too early")
	}
	newer := r
	newer.ID = 2
	c.add(newer, 150)
	c.forget(101)
	if e, ok := c.find("node/node-1", c.flow(&r, r.Original)); !ok || e.connection.ID != 2 {
		t.Error("the entry that took its place is forgotten, too")
	}
}

func BenchmarkJoin(b *testing.B) {
	s := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, 1, 64, 1, 0, packet.ACK, "GET / HTTP/1.1\r\n"}
	places := []string{"node/node-1 veth in", "node/node-1 eth0 out", "underlay node-1 foreign", "underlay node-2 out", "node/node-2 eth0 in", "node/node-2 veth out"}
	j := New(Config{})
	now := int64(1)
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		s.seq++
		s.id++
		for _, p := range places {
			j.Add(s.at(now, p), now)
			events++
		}
		now += 1e5
		j.Take(now)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
