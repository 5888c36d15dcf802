package trace

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

func socket(local, remote string) Socket {
	return Socket{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote)}
}

// way is a packet of TCP as one device saw it.
func way(conversation string, s Socket, flags uint8, payload int) *join.Way {
	return &join.Way{Conversation: conversation, Steps: []join.Step{{Seen: &join.Seen{Frame: record.Frame{Namespace: "node/node-1"},
		Packet: packet.Packet{Protocol: packet.TCP, Source: s.Local, Destination: s.Remote, Flags: flags, PayloadLength: payload}}}}}
}

func TestRelays(t *testing.T) {
	client, backend := socket("10.244.1.2:80", "172.18.0.100:40000"), socket("10.244.1.2:50000", "10.244.2.2:8080")
	from := Socket{Local: client.Remote, Remote: client.Local}
	answers := Socket{Local: backend.Remote, Remote: backend.Local}
	relays := newRelays()
	conversation := func(_ uint8, t record.Tuple) string {
		return map[record.Tuple]string{{Source: from.Local, Destination: from.Remote}: "c1"}[t]
	}
	chose := model.Decision{Kind: "proxy", Sentence: "chose"}
	relays.put(Relay{Protocol: "tcp", Client: client, Backend: backend, Decision: chose})
	explain := func(s Socket, flags uint8, payload int) (via string, decided bool) {
		j := model.Journey{From: "pod/a/proxy", Hops: []model.Hop{{Sentence: "first"}}}
		relays.explain(way("c2", s, flags, payload), &j, conversation)
		return j.Via, j.Hops[0].Decision != nil && j.Hops[0].Place.Vertex == "pod/a/proxy" && j.Hops[1].Sentence == "first"
	}
	for _, c := range []struct {
		what    string
		s       Socket
		flags   uint8
		payload int
		via     string
		decided bool
	}{
		{"to the backend", backend, packet.SYN, 0, "c1", true},
		{"a request", backend, packet.ACK, 10, "c1", true},
		{"an acknowledgement", backend, packet.ACK, 0, "c1", false},
		{"the backend's answer", answers, packet.ACK, 10, "c1", false},
		{"the client's", from, packet.ACK, 10, "", false},
		{"another's", socket("10.244.1.2:50001", "10.244.2.2:8080"), packet.SYN, 0, "", false},
	} {
		if via, decided := explain(c.s, c.flags, c.payload); via != c.via || decided != c.decided {
			t.Errorf("%s: via %q, decided %v", c.what, via, decided)
		}
	}
	// An answer of its own is told of until the connection is used for another.
	relays.put(Relay{Protocol: "tcp", Client: client, Decision: chose})
	if via, decided := explain(client, packet.ACK, 10); via != "" || !decided {
		t.Errorf("an answer of its own: via %q, decided %v", via, decided)
	}
	relays.put(Relay{Protocol: "tcp", Client: client, Backend: backend, Decision: chose})
	if _, decided := explain(client, packet.ACK, 10); decided {
		t.Error("a backend's answer is called the proxy's own")
	}
	for n := range 2 * maxRelays {
		relays.put(Relay{Protocol: "tcp", Client: client, Backend: socket(fmt.Sprintf("10.244.9.9:%d", n+1), "10.244.2.2:8080")})
	}
	if n := len(relays.byTuple); n > maxRelays || len(relays.inOrder) != n {
		t.Errorf("%d relays are remembered, %d in order", n, len(relays.inOrder))
	}
}
