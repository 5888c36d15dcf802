package join

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Many packets of few keys are held no more than many of many are.
func TestMaxHeld(t *testing.T) {
	j := New(Config{MaxHeld: 100})
	for i := range 1000 {
		j.Add(sent{from: "10.244.1.2:1", to: "10.244.2.2:2", protocol: packet.UDP, ttl: 64, payload: fmt.Sprint(i % 3)}.at(int64(i), in), 1)
	}
	if h := j.Held(); h["records"] != 100 || h["packets"] != 3 {
		t.Errorf("held %v", h)
	}
	if got := j.Lost()["too many packets at once"]; got != 900 {
		t.Errorf("lost %d", got)
	}
	if n := len(j.Take(1e12)); n != 100 || j.Held()["records"] != 0 {
		t.Errorf("%d packets, held %v", n, j.Held())
	}
}

// Entries whose end was not heard of make room for new ones.
func TestOldestConnectionsMakeRoom(t *testing.T) {
	const limit = 100
	c, lost := newConnections(limit), 0
	connection := func(n int) record.Connection {
		a := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(n))
		b := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), 80)
		return record.Connection{Namespace: "node/node-1", Protocol: packet.TCP, ID: uint32(n), Original: record.Tuple{Source: a, Destination: b}, Reply: record.Tuple{Source: b, Destination: a}}
	}
	for n := range 1000 {
		r := connection(n)
		if !c.add(r, int64(n)) {
			lost++
		}
		if _, ok := c.find("node/node-1", flow{protocol: packet.TCP, tuple: r.Original}); !ok {
			t.Fatalf("%d is not known", n)
		}
		if len(c.byTuple) > limit || len(c.inOrder) > limit {
			t.Fatalf("%d tuples of %d connections are held", len(c.byTuple), len(c.inOrder))
		}
	}
	if lost != 1000-limit/2 {
		t.Errorf("%d were forgotten early", lost)
	}
	// Those whose end was heard of leave nothing.
	c, lost = newConnections(limit), 0
	for n := range 1000 {
		r := connection(n)
		if !c.add(r, int64(n)) {
			lost++
		}
		r.Gone = true
		c.add(r, int64(n))
		c.forget(int64(n) + 1)
	}
	if lost != 0 || len(c.byTuple) != 0 || len(c.inOrder) > limit || len(c.gone) != 0 {
		t.Errorf("%d forgotten early, %d tuples and %d in order are held", lost, len(c.byTuple), len(c.inOrder))
	}
}

// Errors about datagrams without IP IDs look the same. That of an early one must not
// take those of later ones along when it is forgotten, and they do not pile up.
func TestAnswersThatLookTheSame(t *testing.T) {
	a := newAnswers()
	answer := func(port int, now int64) {
		p := packet.Packet{Protocol: packet.ICMP, Type: packet.Unreachable, Code: 3, ID: uint16(port), Answers: &packet.Embedded{Protocol: packet.UDP, Length: 33,
			Source: netip.MustParseAddrPort("10.0.0.1:4000"), Destination: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), uint16(port))}}
		a.see(&Seen{Frame: record.Frame{Namespace: "node/node-1", Time: now}, Packet: p}, now)
	}
	q := quoted{packet.UDP, 0, 33}
	answer(1, 100)
	answer(2, 200)
	a.forget(150)
	if list := a.errors[q]; len(list) != 1 || list[0].Packet.Answers.Destination.Port() != 2 {
		t.Fatalf("%d are left", len(list))
	}
	for port := range 10_000 {
		answer(port+3, 300)
	}
	list := a.errors[q]
	if len(list) != maxEqual || list[len(list)-1].Packet.Answers.Destination.Port() != 10_002 || len(a.order) > maxAnswers {
		t.Errorf("%d answers, %d in order", len(list), len(a.order))
	}
	a.forget(1000)
	if len(a.errors) != 0 || len(a.order) != 0 {
		t.Errorf("%d lists and %d in order are left", len(a.errors), len(a.order))
	}
}

// Nothing of a time that is over is held, but conversations keep their names.
func TestRest(t *testing.T) {
	j := New(Config{})
	s := sent{"10.244.1.2:4000", "10.244.2.2:80", packet.TCP, 1, 64, 1, 0, packet.SYN, ""}
	j.Add(s.at(0, in), 0)
	a, b := netip.MustParseAddrPort("10.244.1.2:4000"), netip.MustParseAddrPort("10.244.2.2:80")
	j.Add(record.Batch{Connections: []record.Connection{{Namespace: "node/node-1", Protocol: packet.TCP, Original: record.Tuple{Source: a, Destination: b}, Reply: record.Tuple{Source: b, Destination: a}}}}, 0)
	was := j.Take(1e9)[0].Conversation
	j.Rest(2e9)
	if h := j.Held(); h["connections"] != 0 || h["conversations"] == 0 {
		t.Errorf("held %v", h)
	}
	s.id, s.flags = 2, packet.ACK
	j.Add(s.at(1, in), 3e9)
	if got := j.Take(4e9)[0].Conversation; got != was {
		t.Errorf("%s is %s now", was, got)
	}
	j.Rest(4e9 + 2*idle)
	if h := j.Held(); h["conversations"] != 0 {
		t.Errorf("held %v", h)
	}
}
