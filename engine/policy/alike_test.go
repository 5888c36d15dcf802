package policy

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	v1 "k8s.io/api/core/v1"
)

// Addresses of one key have one verdict, from and to every other, but for what always
// holds; and of equal pods not each has a key of its own.
func TestAlike(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	pairs := 0
	for range 60 {
		in := world()
		for i, o := range in.Pods[:3] {
			o = o.DeepCopy()
			o.Name, o.Status.PodIPs[0].IP = o.Name+"-2", netip.AddrFrom4([4]byte{10, 244, 1, byte(5 + i)}).String()
			in.Pods = append(in.Pods, o)
		}
		in.Policies = generate(r)
		plan := Compile(in)
		var all []netip.Addr
		for _, o := range in.Pods {
			all = append(all, netip.MustParseAddr(o.Status.PodIPs[0].IP))
		}
		for _, name := range []string{"node-1", "node-2", "client"} {
			all = append(all, addr(name))
		}
		keys := plan.Alike(all)
		for i, a := range all {
			for k, b := range all[:i] {
				if keys[i] != keys[k] {
					continue
				}
				pairs++
				for _, c := range all {
					for _, port := range []Port{{v1.ProtocolTCP, 80}, {v1.ProtocolTCP, 8080}, {v1.ProtocolUDP, 53}, {v1.ProtocolSCTP, 60}} {
						if c == a || c == b || c.As4()[0] == 172 && plan.Pod(a) != "" || a.As4()[0] == 172 {
							continue // itself, and the node of one of them
						}
						if x, y := plan.Verdict(a, c, port.Protocol, port.Number), plan.Verdict(b, c, port.Protocol, port.Number); x.Sentence != y.Sentence {
							t.Fatalf("%s and %s to %s %v: %s %s\n%s", a, b, c, port, x.Sentence, y.Sentence, keys[i])
						}
						if x, y := plan.Verdict(c, a, port.Protocol, port.Number), plan.Verdict(c, b, port.Protocol, port.Number); x.Sentence != y.Sentence {
							t.Fatalf("%s to %s and %s %v: %s %s\n%s", c, a, b, port, x.Sentence, y.Sentence, keys[i])
						}
					}
				}
			}
		}
	}
	if pairs < 60 {
		t.Errorf("%d pairs are alike", pairs)
	}
}

// A packet that a second node translates is judged where each end's policies are kept.
func TestWay(t *testing.T) {
	in := world()
	in.Policies = policies(t, article+`---
metadata: {name: out, namespace: other}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 172.18.0.12/32}}]}]}
`)
	plan := Compile(in)
	const no = "No ingress rule of default/my-network-policy admits it."
	open := func(from, to string, port uint16) Opening {
		return Opening{addr(from), addr(to), v1.ProtocolTCP, port}
	}
	for _, c := range []struct {
		out, in Opening
		want    string
	}{
		// To a node port of node-2, which leads to my-app on node-1, and as node-2's own.
		{open("other/db", "node-2", 30080), open("node-2", "my-app", 80), no},
		// The same to a pod that nothing isolates: egress is about the node's address.
		{open("other/db", "node-2", 30080), open("node-2", "allowed", 80), "Allowed by NetworkPolicy other/out, egress rule 1 (peer 172.18.0.12/32, any port)."},
		{open("other/db", "node-2", 30080), open("node-2", "third", 80), "Allowed: the node of default/third always reaches it."},
		{open("other/db", "third", 80), open("other/db", "third", 80), "No egress rule of other/out admits it."},
		// Where the sender's address stays, its egress was asked about already.
		{open("other/db", "node-2", 30080), open("other/db", "third", 80), "Allowed by NetworkPolicy other/out, egress rule 1 (peer 172.18.0.12/32, any port)."},
		{open("allowed", "node-2", 30080), open("allowed", "my-app", 80), "Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80)."},
		{open("client", "my-app", 80), open("node-2", "my-app", 80), no},
	} {
		if v := plan.Way(c.out, c.in); v.Sentence != c.want {
			t.Errorf("%v, %v: %s", c.out, c.in, v.Sentence)
		}
	}
}
