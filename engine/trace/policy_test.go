package trace_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// policies are rules on node-2 as engine/policy writes them: web-1 may be reached
// at 8081 by shop and web-2, web-2 may reach web-1 only.
func (l *lab) policies() {
	l.t.Helper()
	rules, err := os.ReadFile("testdata/policy.nft")
	if err != nil {
		l.t.Fatal(err)
	}
	l.nft("node/node-2", string(rules))
}

// policyCases are connections, with the sentence that the policies come to.
var policyCases = []struct {
	name, from, to, verdict, want string
}{
	{"policy-ingress", "pod/default/shop", "10.96.41.9:80", "delivered",
		"Allowed by NetworkPolicy default/web-1-in, ingress rule 1 (peer app=shop, port 8081)."},
	{"policy-both", "pod/default/web-2", "10.96.41.9:80", "delivered",
		"Allowed by NetworkPolicy default/web-2-out, egress rule 1 (peer app=web-1, any port). " +
			"Allowed by NetworkPolicy default/web-1-in, ingress rule 2 (peer app=web-2, port 8081)."},
	{"policy-dropped", "pod/default/web-0", "10.96.41.9:80", "dropped",
		"No ingress rule of default/deny-all, default/web-1-in admits it; those policies select web-1, which therefore takes in only what a rule admits: node-2 dropped it."},
	{"policy-egress-dropped", "pod/default/web-2", "172.18.0.11:9999", "dropped",
		"No egress rule of default/web-2-out admits it; that policy selects web-2, which therefore may send only what a rule admits: node-2 dropped it."},
}

func TestPolicies(t *testing.T) {
	l := newLab(t)
	l.policies()
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	for _, c := range policyCases {
		t.Run(c.name, func(t *testing.T) {
			w.reset()
			l.t = t
			if c.verdict == "delivered" {
				if _, err := l.get(c.from, c.to); err != nil {
					t.Fatal(err)
				}
			} else if _, err := l.dialWithin(c.from, c.to, 300*time.Millisecond); err == nil {
				t.Fatal("it got there")
			}
			var told []model.Journey
			for _, j := range w.to(c.to) {
				if j.From == c.from && strings.Contains(j.Summary, "SYN") && !j.Reply {
					told = append(told, j)
				}
			}
			if len(told) == 0 {
				t.Fatal("no journey")
			}
			j := told[0]
			var got []string
			for _, h := range j.Hops {
				if d := h.Decision; d != nil && d.Kind == "policy" {
					got = append(got, d.Sentence)
					if h.Place.Vertex != "node/node-2" || h.Place.Hook != "forward" || d.Object == nil || d.Object.Kind != "NetworkPolicy" {
						t.Errorf("%+v %+v", h, d)
					}
				}
			}
			if j.Verdict != c.verdict || strings.Join(got, "\n") != c.want {
				t.Errorf("%s: got %q\n%s", j.Verdict, got, l.text(told))
			}
		})
	}
}
