package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
)

func (t try) parse() (from, to netip.Addr, protocol v1.Protocol, port uint16) {
	var a, b string
	fmt.Sscanf(strings.Replace(t.connection, ">", "", 1), "%s %s %s %d", &a, &b, &protocol, &port)
	return addr(a), addr(b), protocol, port
}

// Whatever is refused gets advice, and whoever follows it to the end is let in; what
// is allowed gets none.
func TestAdviceIsFollowed(t *testing.T) {
	for _, c := range cases {
		for _, x := range c.tries {
			from, to, protocol, port := x.parse()
			in := world()
			in.Policies = policies(t, c.policies)
			for n := 0; ; n++ {
				plan := Compile(in)
				v, all := plan.Verdict(from, to, protocol, port), plan.Advice(from, to, protocol, port)
				if v.Allowed {
					if len(all) > 0 {
						t.Errorf("%s: %s is allowed, but: %+v", c.name, x.connection, all)
					}
					break
				}
				if len(all) == 0 || all[len(all)-1].Manifest == "" || n == 2 {
					t.Errorf("%s: %s: after %d policies more: %s %+v", c.name, x.connection, n, v.Sentence, all)
					break
				}
				in.Policies = append(slices.Clone(in.Policies), policies(t, all[len(all)-1].Manifest)...)
			}
		}
	}
}

func TestAdvice(t *testing.T) {
	spaces := `
metadata: {name: spaces}
spec:
  podSelector: {matchLabels: {app: my-app}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchExpressions: [{key: access, operator: Exists}]}}]
    ports: [{port: 80}]
`
	for _, c := range []struct{ policies, connection, sentence, command string }{
		{article, "third > my-app TCP 80", "Label pod default/third app=allowed-app: ingress rule 1 of NetworkPolicy default/my-network-policy then admits it.",
			"kubectl label --overwrite -n default pod third app=allowed-app"},
		{article, "allowed > my-app TCP 81", "Ingress rule 1 of NetworkPolicy default/my-network-policy admits this peer, but to port 80: it was TCP port 81 that was asked for.", ""},
		{article, "other/allowed > my-app TCP 80", "Or apply a NetworkPolicy that admits it: policies of a pod add up.", ""},
		{spaces, "third > my-app TCP 80", "Label namespace default team=b and pod default/third access=true: ingress rule 1 of NetworkPolicy default/spaces then admits it.",
			"kubectl label --overwrite namespace default team=b && kubectl label --overwrite -n default pod third access=true"},
		{spaces, "other/db > my-app TCP 80", "Label pod other/db access=true: ingress rule 1 of NetworkPolicy default/spaces then admits it.",
			"kubectl label --overwrite -n other pod db access=true"},
		{denyAll, "my-app > other/db UDP 53", "It was a question to DNS: whose egress is isolated finds no name until a policy lets it ask. Apply one.", ""},
		{denyAll, "my-app > third TCP 80", "Or apply a NetworkPolicy that admits it: policies of a pod add up. Then the other end's policies have their say: No ingress rule of default/deny-all admits it.", ""},
	} {
		in := world()
		in.Policies = policies(t, c.policies)
		all := Compile(in).Advice(try{connection: c.connection}.parse())
		if len(all) == 0 || all[0].Sentence != c.sentence || all[0].Command != c.command {
			t.Errorf("%s: %+v", c.connection, all)
		}
	}
	// The name of a policy that is there is not taken for another.
	in := world()
	in.Policies = policies(t, denyAll)
	for range 2 {
		all := Compile(in).Advice(try{connection: "other/db > my-app TCP 80"}.parse())
		m := strings.ReplaceAll(all[len(all)-1].Manifest, "port: 80", "port: 81")
		in.Policies = append(in.Policies, policies(t, m)...)
	}
	if names := []string{in.Policies[1].Name, in.Policies[2].Name}; !slices.Equal(names, []string{"allow-ingress-tcp-80", "allow-ingress-tcp-80-2"}) {
		t.Errorf("%q", names)
	}
}
