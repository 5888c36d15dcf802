package explain

import (
	"net/netip"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

func TestHostPort(t *testing.T) {
	table := ParseRuleset(`table inet cni_hostport { # handle 7
	chain hostports { # handle 2
		tcp dport 8080 dnat ip to 10.244.1.2:80 comment "hostPort of default/web" # handle 9
	}
	chain masquerading { # handle 5
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.244.1.2 ip daddr 10.244.1.2 masquerade comment "hostPort of default/web" # handle 12
	}
}
`).Table("inet", "cni_hostport")
	for _, test := range []struct {
		chain    string
		handle   uint64
		kind     string
		object   model.Object
		sentence string
	}{
		{"hostports", 9, kindDNAT, model.Object{Kind: "Pod", Namespace: "default", Name: "web"},
			"node-1 rewrote the destination to 10.244.1.2:80: its port 8080 is the hostPort of default/web."},
		{"masquerading", 12, kindMasquerade, model.Object{},
			"node-1 masqueraded it: the pod must see the answer come through node-1, whose port it was."},
	} {
		e := &evaluation{where: "node-1", table: table, rules: []*Rule{table.Rules[test.handle]}, Evaluation: &join.Evaluation{
			Events: []record.Rule{{Type: record.TypeRule, Family: "inet", Table: "cni_hostport", Chain: test.chain, Handle: test.handle, Verdict: "accept"}},
			Packet: packet.Packet{Protocol: packet.TCP, Destination: netip.MustParseAddrPort("172.18.0.11:8080")},
		}}
		v := (&Explainer{}).decide(e)
		if v.Decision == nil || v.Kind != test.kind || v.Sentence != test.sentence {
			t.Fatalf("%s: %+v", test.chain, v.Decision)
		}
		if test.kind == kindDNAT && (*v.Object != test.object || v.to != netip.MustParseAddrPort("10.244.1.2:80")) {
			t.Errorf("%+v to %s", v.Object, v.to)
		}
	}
}
