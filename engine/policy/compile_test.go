package policy

import (
	"net/netip"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// policies reads NetworkPolicies from YAML; what they do not say is as the API
// server defaults it.
func policies(t testing.TB, text string) (out []*networking.NetworkPolicy) {
	t.Helper()
	for doc := range strings.SplitSeq(text, "---\n") {
		p := &networking.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(doc), p); err != nil {
			t.Fatal(err)
		}
		if p.Namespace == "" {
			p.Namespace = "default"
		}
		out = append(out, p)
	}
	return out
}

func podOf(name, ip, node, host, app string) *v1.Pod {
	namespace, name, _ := strings.Cut(name, "/")
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}},
		Spec: v1.PodSpec{NodeName: node, Containers: []v1.Container{{Name: "main", Ports: []v1.ContainerPort{
			{Name: "http", ContainerPort: 80}, {Name: "dns", ContainerPort: 53, Protocol: v1.ProtocolUDP},
		}}}},
		Status: v1.PodStatus{Phase: v1.PodRunning, PodIPs: []v1.PodIP{{IP: ip}}, HostIPs: []v1.HostIP{{IP: host}}},
	}
}

// world is two namespaces and five pods on two nodes.
func world() Input {
	in := Input{
		Namespaces: []*v1.Namespace{
			{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"team": "a", v1.LabelMetadataName: "default"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"team": "b", v1.LabelMetadataName: "other"}}},
		},
		Pods: []*v1.Pod{
			podOf("default/my-app", "10.244.1.2", "node-1", "172.18.0.11", "my-app"),
			podOf("default/allowed", "10.244.1.3", "node-1", "172.18.0.11", "allowed-app"),
			podOf("default/third", "10.244.2.2", "node-2", "172.18.0.12", "third"),
			podOf("other/allowed", "10.244.2.3", "node-2", "172.18.0.12", "allowed-app"),
			podOf("other/db", "10.244.1.4", "node-1", "172.18.0.11", "db"),
		},
	}
	// The one pod whose port "http" is another.
	in.Pods[4].Spec.Containers[0].Ports[0].ContainerPort = 8080
	return in
}

var addresses = map[string]string{
	"my-app": "10.244.1.2", "allowed": "10.244.1.3", "third": "10.244.2.2", "other/allowed": "10.244.2.3", "other/db": "10.244.1.4",
	"node-1": "172.18.0.11", "node-2": "172.18.0.12", "client": "172.18.0.100",
}

func addr(name string) netip.Addr { return netip.MustParseAddr(addresses[name]) }

const article = `
metadata:
  name: my-network-policy
spec:
  podSelector:
    matchLabels:
      app: my-app
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: allowed-app
    ports:
    - protocol: TCP
      port: 80
`

const denyAll = `
metadata: {name: deny-all}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`

// A try is a connection: "from > to protocol port", and what the plan says of it.
type try struct{ connection, want string }

var cases = []struct {
	name, policies string
	tries          []try
}{
	{"the article's", article, []try{
		{"allowed > my-app TCP 80", "Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80)."},
		{"allowed > my-app TCP 81", "No ingress rule of default/my-network-policy admits it."},
		{"allowed > my-app UDP 80", "No ingress rule of default/my-network-policy admits it."},
		{"third > my-app TCP 80", "No ingress rule of default/my-network-policy admits it."},
		{"other/allowed > my-app TCP 80", "No ingress rule of default/my-network-policy admits it."}, // of another namespace
		{"client > my-app TCP 80", "No ingress rule of default/my-network-policy admits it."},
		{"node-2 > my-app TCP 80", "No ingress rule of default/my-network-policy admits it."},
		{"node-1 > my-app TCP 80", "Allowed: the node of default/my-app always reaches it."},
		{"my-app > my-app TCP 9", "Allowed: default/my-app reaches itself, which no NetworkPolicy can forbid."},
		{"my-app > third TCP 80", "Allowed: no NetworkPolicy isolates either end."},
		{"third > allowed TCP 80", "Allowed: no NetworkPolicy isolates either end."},
	}},
	{"deny all", denyAll, []try{
		{"third > my-app TCP 80", "No egress rule of default/deny-all admits it."},
		{"other/db > my-app TCP 80", "No ingress rule of default/deny-all admits it."},
		{"my-app > other/db TCP 80", "No egress rule of default/deny-all admits it."},
		{"other/db > other/allowed TCP 80", "Allowed: no NetworkPolicy isolates either end."},
		{"my-app > node-1 TCP 80", "Allowed: no NetworkPolicy isolates either end."},
		{"my-app > node-2 TCP 80", "No egress rule of default/deny-all admits it."},
	}},
	{"allow all beats deny all", denyAll + `---
metadata: {name: allow-all}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
`, []try{
		{"other/db > my-app TCP 80", "Allowed by NetworkPolicy default/allow-all, ingress rule 1 (any peer, any port)."},
		{"my-app > other/db UDP 99", "Allowed by NetworkPolicy default/allow-all, egress rule 1 (any peer, any port)."},
		{"my-app > third SCTP 7", "Allowed by NetworkPolicy default/allow-all, ingress rule 1 (any peer, any port)."},
	}},
	{"egress only", `
metadata: {name: out}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [third]}]}}]
  - ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 8000, endPort: 8100}]
`, []try{
		{"my-app > third SCTP 80", "Allowed by NetworkPolicy default/out, egress rule 1 (peer app in (third), any port)."},
		{"my-app > client UDP 53", "Allowed by NetworkPolicy default/out, egress rule 2 (any peer, UDP port 53)."},
		{"my-app > client TCP 53", "No egress rule of default/out admits it."},
		{"my-app > allowed TCP 8000", "Allowed by NetworkPolicy default/out, egress rule 2 (any peer, ports 8000-8100)."},
		{"my-app > allowed TCP 8100", "Allowed by NetworkPolicy default/out, egress rule 2 (any peer, ports 8000-8100)."},
		{"my-app > allowed TCP 8101", "No egress rule of default/out admits it."},
		{"my-app > allowed TCP 7999", "No egress rule of default/out admits it."},
		{"allowed > my-app TCP 80", "Allowed: no NetworkPolicy isolates either end."},
	}},
	{"default types: with egress rules, both", `
metadata: {name: both}
spec:
  podSelector: {matchLabels: {app: my-app}}
  egress: [{ports: [{port: 80}]}]
`, []try{
		{"third > my-app TCP 80", "No ingress rule of default/both admits it."},
		{"my-app > third TCP 80", "Allowed by NetworkPolicy default/both, egress rule 1 (any peer, port 80)."},
		{"my-app > third TCP 81", "No egress rule of default/both admits it."},
	}},
	{"default types: ingress", `
metadata: {name: in}
spec: {podSelector: {matchLabels: {app: my-app}}}
`, []try{
		{"third > my-app TCP 80", "No ingress rule of default/in admits it."},
		{"my-app > third TCP 80", "Allowed: no NetworkPolicy isolates either end."},
	}},
	{"namespaces", `
metadata: {name: spaces}
spec:
  podSelector: {matchLabels: {app: my-app}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: allowed-app}}}]
    ports: [{port: 80}]
  - from: [{namespaceSelector: {matchLabels: {team: b}}}]
    ports: [{port: 81}]
  - from: [{namespaceSelector: {}}]
    ports: [{port: 82}]
  - from: [{podSelector: {}}]
    ports: [{port: 53, protocol: UDP}, {protocol: SCTP}]
`, []try{
		{"other/allowed > my-app TCP 80", "Allowed by NetworkPolicy default/spaces, ingress rule 1 (peer app=allowed-app of namespaces team=b, port 80)."},
		{"other/db > my-app TCP 80", "No ingress rule of default/spaces admits it."},
		{"other/db > my-app TCP 81", "Allowed by NetworkPolicy default/spaces, ingress rule 2 (peer all pods of namespaces team=b, port 81)."},
		{"third > my-app TCP 81", "No ingress rule of default/spaces admits it."},
		{"third > my-app TCP 82", "Allowed by NetworkPolicy default/spaces, ingress rule 3 (peer all pods of all namespaces, port 82)."},
		{"client > my-app TCP 82", "No ingress rule of default/spaces admits it."},
		{"third > my-app UDP 53", "Allowed by NetworkPolicy default/spaces, ingress rule 4 (peer all pods, UDP port 53)."},
		{"third > my-app SCTP 9", "Allowed by NetworkPolicy default/spaces, ingress rule 4 (peer all pods, any SCTP port)."},
		{"other/db > my-app UDP 53", "No ingress rule of default/spaces admits it."},
	}},
	{"ipBlock", `
metadata: {name: block}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16, except: [10.244.2.2/32, 10.244.1.4/31]}}]}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [172.18.0.0/24]}}]}]
`, []try{
		{"allowed > my-app TCP 80", "Allowed by NetworkPolicy default/block, ingress rule 1 (peer 10.244.0.0/16 except 10.244.2.2/32 10.244.1.4/31, any port)."},
		{"third > my-app TCP 80", "No ingress rule of default/block admits it."},
		{"other/db > my-app TCP 80", "No ingress rule of default/block admits it."},
		{"client > my-app TCP 80", "No ingress rule of default/block admits it."},
		{"my-app > third TCP 80", "Allowed by NetworkPolicy default/block, egress rule 1 (peer 0.0.0.0/0 except 172.18.0.0/24, any port)."},
		{"my-app > client TCP 80", "No egress rule of default/block admits it."},
	}},
	{"named ports", `
metadata: {name: named}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{ports: [{port: http}, {port: dns, protocol: UDP}]}]
---
metadata: {name: named-out}
spec:
  podSelector: {matchLabels: {app: third}}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {matchLabels: {team: b}}}], ports: [{port: http}]}]
`, []try{
		{"other/db > my-app TCP 80", "Allowed by NetworkPolicy default/named, ingress rule 1 (any peer, port http)."},
		{"other/db > my-app TCP 53", "No ingress rule of default/named admits it."},
		{"other/db > my-app UDP 53", "Allowed by NetworkPolicy default/named, ingress rule 1 (any peer, UDP port dns)."},
		{"third > other/db TCP 8080", "Allowed by NetworkPolicy default/named-out, egress rule 1 (peer all pods of namespaces team=b, port http)."},
		{"third > other/db TCP 80", "No egress rule of default/named-out admits it."},
		{"third > other/allowed TCP 80", "Allowed by NetworkPolicy default/named-out, egress rule 1 (peer all pods of namespaces team=b, port http)."},
		{"third > my-app TCP 80", "No egress rule of default/named-out admits it."},
	}},
	{"both ends", article + `---
metadata: {name: out}
spec: {podSelector: {matchLabels: {app: allowed-app}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}
`, []try{
		{"allowed > my-app TCP 80", "Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80)."},
		{"allowed > third TCP 80", "Allowed by NetworkPolicy default/out, egress rule 1 (any peer, port 80)."},
		{"allowed > my-app TCP 81", "No egress rule of default/out admits it."},
	}},
	{"union", article + `---
metadata: {name: another}
spec: {podSelector: {matchLabels: {app: my-app}}, ingress: [{from: [{podSelector: {matchLabels: {app: third}}}]}]}
`, []try{
		{"allowed > my-app TCP 80", "Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80)."},
		{"third > my-app UDP 7", "Allowed by NetworkPolicy default/another, ingress rule 1 (peer app=third, any port)."},
		{"allowed > my-app TCP 81", "No ingress rule of default/another, default/my-network-policy admits it."},
	}},
}

func TestVerdict(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := world()
			in.Policies = policies(t, c.policies)
			plan := Compile(in)
			for _, try := range c.tries {
				from, to, protocol, port := parse(t, try.connection)
				v := plan.Verdict(addr(from), addr(to), protocol, port)
				if v.Sentence != try.want || v.Allowed != strings.HasPrefix(try.want, "Allowed") {
					t.Errorf("%s: got %v %q, want %q", try.connection, v.Allowed, v.Sentence, try.want)
				}
			}
		})
	}
}

// Policies are not for pods of the node's own network, nor for ended ones.
func TestLeftOut(t *testing.T) {
	in := world()
	in.Policies = policies(t, denyAll)
	in.Pods[0].Spec.HostNetwork = true
	in.Pods[1].Status.Phase = v1.PodSucceeded
	in.Pods[2].Status.PodIPs = nil
	plan := Compile(in)
	for _, node := range []string{"node-1", "node-2"} {
		if got := plan.Node(node).String(); got != "" {
			t.Errorf("%s: %s", node, got)
		}
	}
	if v := plan.Verdict(addr("other/db"), addr("my-app"), v1.ProtocolTCP, 80); !v.Allowed {
		t.Error(v)
	}
}

// Where the network says which addresses pods have, statuses say nothing: neither of
// a pod that has just got one, nor of one that has lost it to another.
func TestAddresses(t *testing.T) {
	in := world()
	in.Policies = policies(t, denyAll)
	in.Addresses = map[types.UID][]netip.Addr{"new": {addr("my-app")}, "ended": {addr("allowed")}}
	in.Pods[0].UID, in.Pods[0].Status.PodIPs = "new", nil
	in.Pods[1].UID, in.Pods[1].Status.Phase = "ended", v1.PodFailed // and yet it has one
	in.Pods[2].UID, in.Pods[2].Status.PodIPs = "gone", in.Pods[1].Status.PodIPs
	plan := Compile(in)
	for from, want := range map[string]string{
		"my-app":  "No egress rule of default/deny-all admits it.",
		"allowed": "No egress rule of default/deny-all admits it.",
		"third":   "Allowed: no NetworkPolicy isolates either end.",
	} {
		if v := plan.Verdict(addr(from), addr("other/db"), v1.ProtocolTCP, 80); v.Sentence != want {
			t.Errorf("%s: %s", from, v.Sentence)
		}
	}
	// Without its word, two pods of one address are the first's.
	in.Addresses = nil
	in.Pods[1].Status.Phase = v1.PodRunning
	if got := Compile(in).Node("node-2").String(); got != "" {
		t.Errorf("the address is another's, on node-1\n%s", got)
	}
}

func TestNodeTable(t *testing.T) {
	in := world()
	in.Policies = policies(t, article+`---
metadata: {name: out}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    ports: [{port: http}, {port: 8000, endPort: 8100, protocol: SCTP}]
`)
	plan := Compile(in)
	want := `table inet podhop-policy {
  set egress-default/out-1-1 { 10.0.0.0-10.0.255.255, 10.2.0.0-10.255.255.255 }
  set egress-default/out-port-1 { 10.244.1.2 . 80, 10.244.1.3 . 80, 10.244.1.4 . 8080, 10.244.2.2 . 80, 10.244.2.3 . 80 }
  set ingress-default/my-network-policy-1-1 { 10.244.1.3 }
  set themselves { 10.244.1.2 . 10.244.1.2 }
  map from-pods { 10.244.1.2 : goto from-default/my-app }
  map into-pods { 10.244.1.2 : goto to-default/my-app }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept comment "what was let through goes on, and is answered"
    ip saddr . ip daddr @themselves accept comment "a pod always reaches itself"
    ip saddr vmap @from-pods
    goto to-pods
  }
  chain to-pods {
    ip daddr vmap @into-pods
    accept
  }
  chain egress-default/out {
    ip daddr @egress-default/out-1-1 ip daddr . tcp dport @egress-default/out-port-1 goto to-pods comment "default/out egress rule 1 to[0] (peer 10.0.0.0/8 except 10.1.0.0/16, port http)"
    ip daddr @egress-default/out-1-1 sctp dport 8000-8100 goto to-pods comment "default/out egress rule 1 to[0] (peer 10.0.0.0/8 except 10.1.0.0/16, SCTP ports 8000-8100)"
  }
  chain from-default/my-app {
    jump egress-default/out
    drop comment "no egress rule of default/out admits it"
  }
  chain ingress-default/my-network-policy {
    ip saddr @ingress-default/my-network-policy-1-1 tcp dport 80 accept comment "default/my-network-policy ingress rule 1 from[0] (peer app=allowed-app, port 80)"
  }
  chain to-default/my-app {
    jump ingress-default/my-network-policy
    drop comment "no ingress rule of default/my-network-policy admits it"
  }
}
`
	if got := plan.Node("node-1").String(); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := plan.Node("node-2").String(); got != "" {
		t.Errorf("a node without isolated pods has\n%s", got)
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct{ cidr, except, want string }{
		{"10.0.0.0/8", "", "10.0.0.0-10.255.255.255"},
		{"0.0.0.0/0", "255.255.255.255/32", "0.0.0.0-255.255.255.254"},
		{"10.0.0.7/24", "10.0.0.0/25", "10.0.0.128-10.0.0.255"},
		{"10.0.0.0/24", "10.0.0.128/25 10.0.0.0/26 10.0.0.16/28", "10.0.0.64-10.0.0.127"},
		{"10.0.0.0/24", "10.0.0.0/16", ""},
		{"10.0.0.0/31", "10.0.0.0/32", "10.0.0.1"},
		{"fd00::/126", "fd00::1/128 10.0.0.0/8", "fd00:: fd00::2-fd00::3"},
	} {
		var except []netip.Prefix
		for _, e := range strings.Fields(c.except) {
			except = append(except, netip.MustParsePrefix(e))
		}
		var got []string
		for _, r := range without(netip.MustParsePrefix(c.cidr), except) {
			got = append(got, r.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s except %s: %v", c.cidr, c.except, got)
		}
	}
}

func parse(t testing.TB, s string) (from, to string, protocol v1.Protocol, port uint16) {
	t.Helper()
	f := strings.Fields(s)
	p, err := netip.ParseAddrPort("0.0.0.0:" + f[4])
	if err != nil {
		t.Fatal(err)
	}
	return f[0], f[2], v1.Protocol(f[3]), p.Port()
}

// Who is let in though no rule says so, and why.
func TestOpen(t *testing.T) {
	in := world()
	in.Policies = policies(t, article)
	plan := Compile(in)
	for _, c := range []struct{ from, to, want string }{
		{"my-app", "third", "No NetworkPolicy isolates it for ingress: it takes in whatever comes."},
		{"my-app", "my-app", "NetworkPolicies isolate it, but not from itself."},
		{"node-1", "my-app", "NetworkPolicies isolate it, but not from its own node."},
		{"allowed", "my-app", ""},
	} {
		if got := plan.Open(addr(c.from), addr(c.to), "it"); got != c.want {
			t.Errorf("%s > %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	in.Policies, in.Pods = nil, nil // as they are read where there is no policy
	if got := Compile(in).Open(addr("my-app"), addr("third"), "it"); !strings.HasPrefix(got, "No NetworkPolicy isolates it") {
		t.Error(got)
	}
}
