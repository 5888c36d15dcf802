package trace

import (
	"net/netip"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

func TestNotes(t *testing.T) {
	at := time.Unix(1000, 0)
	client, server := netip.MustParseAddrPort("10.244.1.2:40000"), netip.MustParseAddrPort("10.244.2.2:53")
	way := func(source, destination netip.AddrPort, when time.Time) *join.Way {
		return &join.Way{Steps: []join.Step{{Seen: &join.Seen{Frame: record.Frame{Time: when.UnixNano()},
			Packet: packet.Packet{Protocol: packet.UDP, Source: source, Destination: destination}}}}}
	}
	question, answer := way(client, server, at), way(server, client, at)
	for _, c := range []struct {
		name  string
		note  Note
		way   *join.Way
		place int // of the note's hop among the two there are then; -1: it is not about this
	}{
		{"sent", Note{Source: server, Destination: client}, answer, 0},
		{"got", Note{Source: client, Destination: server, Got: true}, question, 1},
		{"the other direction", Note{Source: server, Destination: client}, question, -1},
		{"another protocol", Note{Protocol: "tcp", Source: server, Destination: client}, answer, -1},
		{"long before", Note{Source: server, Destination: client}, way(server, client, at.Add(time.Minute)), -1},
	} {
		var x notes
		c.note.Time, c.note.Decision = at, model.Decision{Kind: "fault", Sentence: "said"}
		if c.note.Protocol == "" {
			c.note.Protocol = "udp"
		}
		x.put(c.note)
		for i := range 2 { // a note is told once
			j := &model.Journey{From: "pod/a", To: "pod/b", Hops: []model.Hop{{Sentence: "hop"}}}
			x.add(c.way, j)
			place := -1
			for k, h := range j.Hops {
				if h.Sentence == "said" {
					place = k
				}
			}
			if want := c.place; i == 0 && place != want || i > 0 && place >= 0 {
				t.Errorf("%s, time %d: at %d of %d", c.name, i+1, place, len(j.Hops))
			}
		}
	}
	var x notes
	for range 2 * maxNotes {
		x.put(Note{})
	}
	if len(x.all) != maxNotes {
		t.Errorf("%d are kept", len(x.all))
	}
}
