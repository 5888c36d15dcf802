package explain

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// rulesets are the rules of the nodes that the recordings are of.
type rulesets map[string]*Ruleset

func (r rulesets) Ruleset(namespace string) *Ruleset { return r[namespace] }

func (r rulesets) Rule(namespace, family, table string, handle uint64) *Rule {
	if t := r[namespace].Table(family, table); t != nil {
		return t.Rules[handle]
	}
	return nil
}

func load(t testing.TB) rulesets { return loadFrom(t, "testdata") }

func loadFrom(t testing.TB, folder string) rulesets {
	t.Helper()
	r := rulesets{}
	for _, node := range []string{"node-1", "node-2"} {
		b, err := os.ReadFile(folder + "/" + node + ".ruleset")
		if err != nil {
			t.Fatal(err)
		}
		r["node/"+node] = ParseRuleset(string(b))
	}
	return r
}

func names(a netip.Addr) string {
	return map[string]string{
		"172.18.0.11": "node/node-1", "172.18.0.12": "node/node-2", "10.244.1.1": "node/node-1", "10.244.2.1": "node/node-2", "172.18.0.100": "client",
		"10.244.1.2": "pod/default/shop", "10.244.1.3": "pod/default/web-0", "10.244.2.2": "pod/default/web-1", "10.244.2.3": "pod/default/web-2",
	}[a.String()]
}

func journeys(rules Rules, all []record.Batch) []model.Journey {
	j, x := join.New(join.Config{}), New(rules, names)
	for _, b := range all {
		j.Add(b, 1)
	}
	ways := j.Take(1e12)
	var out []model.Journey
	for i := range ways {
		out = append(out, x.Journey(&ways[i]))
	}
	return out
}

// What was recorded of real packets, told with the real rules.
func TestRecordings(t *testing.T) {
	tellAll(t, load(t), "../join/testdata", "testdata")
}

// The same for packets that NetworkPolicies let through or stopped.
func TestPolicyRecordings(t *testing.T) {
	tellAll(t, loadFrom(t, "testdata/policies"), "testdata/policies", "testdata/policies")
}

// The same where pods are ports of bridges, and where tunnels join the nodes.
func TestCNIRecordings(t *testing.T) {
	for _, cni := range []string{"bridge", "vxlan"} {
		t.Run(cni, func(t *testing.T) { tellAll(t, loadFrom(t, "testdata/"+cni), "testdata/"+cni, "testdata/"+cni) })
	}
}

func tellAll(t *testing.T, rules rulesets, recordings, golden string) {
	paths, err := filepath.Glob(recordings + "/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			all := tracetest.Load(t, path)
			tracetest.Golden(t, golden+"/"+name+".golden", tracetest.Render(journeys(rules, all)...), *update)
			for seed := range uint64(5) { // sockets' batches overtake each other
				some := tracetest.Shuffle(all, rand.New(rand.NewPCG(seed, 0)))
				tracetest.Golden(t, golden+"/"+name+".golden", tracetest.Render(journeys(rules, some)...), false)
			}
		})
	}
}

// Without rules or rule events a journey says less, but nothing untrue.
func TestLessKnown(t *testing.T) {
	all := tracetest.Load(t, "../join/testdata/nodeport.json")
	whole := journeys(load(t), all)[0]
	unlisted := journeys(rulesets{}, all)[0]
	for i := range all {
		all[i].Rules = nil
	}
	untraced := journeys(load(t), all)[0]
	for name, j := range map[string]model.Journey{"unlisted": unlisted, "untraced": untraced} {
		if len(j.Hops) != len(whole.Hops) || j.Verdict != whole.Verdict || j.To != whole.To {
			t.Errorf("%s: %s", name, tracetest.Render(j))
		}
	}
	var sentences []string
	for _, j := range []model.Journey{whole, unlisted, untraced} {
		for _, h := range j.Hops {
			if h.Place.Hook == "prerouting" {
				sentences = append(sentences, h.Sentence)
			}
		}
	}
	want := []string{
		"kube-proxy chose endpoint 2 of 3 of Service default/web, port http (10.244.2.2:8080).",
		"kube-proxy chose its endpoint 10.244.2.2:8080 for Service default/web, port http.",
		"kube-proxy chose endpoint 2 of 3 of Service default/web, port http (10.244.2.2:8080). Its rules were not traced, because there were too many packets.",
	}
	if whole.To == "pod/default/web-2" {
		for i := range want {
			want[i] = strings.NewReplacer("endpoint 2", "endpoint 3", "10.244.2.2", "10.244.2.3").Replace(want[i])
		}
	}
	if !reflect.DeepEqual(sentences, want) {
		t.Errorf("got  %q\nwant %q", sentences, want)
	}
}

func TestParseRuleset(t *testing.T) {
	r := ParseRuleset(`table ip kube-proxy { # handle 1
	comment "rules for kube-proxy"
	flags owner
	counter some_counter { # handle 9
		packets 0 bytes 0
	}

	set cluster-ips { # handle 23
		type ipv4_addr
		comment "Active ClusterIPs"
		elements = { 10.96.0.10, 10.96.41.7,
			     10.96.41.8 timeout 3h expires 2h59m }
	}

	map no-endpoint-services { # handle 28
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.41.8 . tcp . 80 comment "default/empty:http" : goto reject-chain,
			     10.96.41.9 . udp . 53 comment "a, b : c" : drop }
	}

	chain reject-chain { # handle 8
		comment "helper for @no-endpoint-services"
		reject # handle 47
	}

	chain filter-forward { # handle 18
		type filter hook forward priority filter; policy accept;
		ct state new jump service-endpoints-check comment "a } # handle 1 b" # handle 62
	}
}
table inet mine { # handle 2
	flowtable f { # handle 3
		hook ingress priority filter
		devices = { eth0 }
	}
	chain empty { # handle 1
	}
}
`)
	kp := r.Table("ip", "kube-proxy")
	if kp == nil || r.Table("inet", "mine") == nil || r.Table("inet", "kube-proxy") != nil || len(r.Tables) != 2 {
		t.Fatalf("%+v", r)
	}
	if c := kp.Chains["filter-forward"]; c.Hook != "forward" || len(c.Rules) != 1 || kp.Rules[62] != c.Rules[0] || kp.Rules[62].Chain != c {
		t.Errorf("%+v", c)
	}
	if got := kp.Rules[62]; got.Text != `ct state new jump service-endpoints-check comment "a } # handle 1 b"` || got.Comment != "a } # handle 1 b" {
		t.Errorf("%+v", got)
	}
	if c := kp.Chains["reject-chain"]; c.Hook != "" || c.Comment != "helper for @no-endpoint-services" || c.Rules[0].Text != "reject" {
		t.Errorf("%+v", c)
	}
	if want := []Element{{Key: "10.96.0.10"}, {Key: "10.96.41.7"}, {Key: "10.96.41.8"}}; !reflect.DeepEqual(kp.Sets["cluster-ips"].Elements, want) {
		t.Errorf("%+v", kp.Sets["cluster-ips"].Elements)
	}
	want := []Element{
		{Key: "10.96.41.8 . tcp . 80", Value: "goto reject-chain", Comment: "default/empty:http"},
		{Key: "10.96.41.9 . udp . 53", Value: "drop", Comment: "a, b : c"},
	}
	if !reflect.DeepEqual(kp.Sets["no-endpoint-services"].Elements, want) {
		t.Errorf("%+v", kp.Sets["no-endpoint-services"].Elements)
	}
	if r.Table("inet", "mine").Chains["empty"] == nil {
		t.Error("what comes after a flowtable is lost")
	}
}

func FuzzParseRuleset(f *testing.F) {
	b, err := os.ReadFile("testdata/node-1.ruleset")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add("table ip a { # handle 1\n}\n}\nchain\nset x {\nelements = { a : b\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, table := range ParseRuleset(s).Tables {
			for h, r := range table.Rules {
				if r.Handle != h || r.Chain == nil {
					t.Errorf("%+v", r)
				}
				choices(r.Text)
				dnatTarget(r.Text)
			}
		}
	})
}

func TestParseServiceChain(t *testing.T) {
	long := strings.Repeat("n", 63)
	for name, want := range map[string]serviceChain{
		"service-SUSTUHLJ-default/web/tcp/http":                       {role: "service", protocol: "tcp", object: model.Object{Kind: "Service", Namespace: "default", Name: "web", Port: "http"}},
		"external-SUSTUHLJ-my-ns/my-web/udp/":                         {role: "external", protocol: "udp", object: model.Object{Kind: "Service", Namespace: "my-ns", Name: "my-web"}},
		"local-SUSTUHLJ-a/b/sctp/c":                                   {role: "local", protocol: "sctp", object: model.Object{Kind: "Service", Namespace: "a", Name: "b", Port: "c"}},
		"endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80":           {role: "endpoint", protocol: "tcp", endpoint: "10.180.0.1/80", object: model.Object{Kind: "Service", Namespace: "ns1", Name: "svc1", Port: "p80"}},
		"endpoint-5OJB2KTY-ns1/svc1/tcp/p80__fd00.244.1..2/80":        {role: "endpoint", protocol: "tcp", endpoint: "fd00.244.1..2/80", object: model.Object{Kind: "Service", Namespace: "ns1", Name: "svc1", Port: "p80"}},
		"endpoint-5OJB2KTY-" + long + "/" + long + "/tcp/" + "abc...": {role: "endpoint", protocol: "tcp", object: model.Object{Kind: "Service", Namespace: long, Name: long, Port: "abc"}},
	} {
		if got, ok := parseServiceChain(name); !ok || got != want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"services", "service-endpoints-check", "masquerading", "reject-chain", "nat-prerouting", "local-x", "endpoint-12345678-a/b"} {
		if got, ok := parseServiceChain(name); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestParsePortComment(t *testing.T) {
	for s, want := range map[string]*model.Object{
		"default/web:http": {Kind: "Service", Namespace: "default", Name: "web", Port: "http"},
		"default/web":      {Kind: "Service", Namespace: "default", Name: "web"},
		"masquerade":       nil,
	} {
		if got := parsePortComment(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", s, got)
		}
	}
}

func TestLookup(t *testing.T) {
	table := load(t)["node/node-1"].Table("ip", "kube-proxy")
	for _, test := range []struct {
		to, want string
		protocol uint8
	}{
		{"10.96.41.7:80", "default/web:http", packet.TCP},
		{"172.18.0.11:30080", "default/web:http", packet.TCP},
		{"10.96.0.10:53", "kube-system/kube-dns:dns", packet.UDP},
		{"10.96.41.8:80", "default/empty:http", packet.TCP},
		{"10.96.0.10:53", "", packet.TCP},
		{"10.96.41.7:81", "", packet.TCP},
	} {
		got := ""
		if o := table.service(test.protocol, netip.MustParseAddrPort(test.to)); o != nil {
			got = o.Namespace + "/" + o.Name + ":" + o.Port
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.to, got, test.want)
		}
	}
	if o := table.serviceAt(netip.MustParseAddr("10.96.41.9")); o == nil || o.Name != "one" {
		t.Errorf("%+v", o)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := memory{byKey: map[memoryKey]remembered{}}
	for i := range maxMemory + 100 {
		m.put(strings.Repeat("c", i%7)+string(rune(i)), "node/node-1", &model.Decision{Kind: kindDNAT})
	}
	if len(m.byKey) > maxMemory || len(m.order) > maxMemory {
		t.Errorf("%d remembered", len(m.byKey))
	}
}

// Addresses of IPv6 have colons, as what parts a map's elements has.
func TestLookupIPv6(t *testing.T) {
	table := ParseRuleset(`table ip6 kube-proxy { # handle 1
	map no-endpoint-services { # handle 2
		type ipv6_addr . inet_proto . inet_service : verdict
		elements = { fd00:10:96::8 . tcp . 80 comment "default/empty:http" : goto reject-chain }
	}
	map service-ips { # handle 3
		type ipv6_addr . inet_proto . inet_service : verdict
		elements = { fd00:10:96::7 . tcp . 80 : goto service-SUSTUHLJ-default/web/tcp/http,
			     fd00:10:96::a . udp . 53 : goto service-FY5PMXPG-kube-system/kube-dns/udp/dns }
	}
	map service-nodeports { # handle 4
		type inet_proto . inet_service : verdict
		elements = { tcp . 30080 : goto external-SUSTUHLJ-default/web/tcp/http }
	}
}
`).Table("ip6", "kube-proxy")
	for to, want := range map[string]string{
		"[fd00:10:96::7]:80": "default/web:http", "[fd00:10:96::8]:80": "default/empty:http", "[fd00:172:18::11]:30080": "default/web:http",
		"[fd00:10:96::7]:81": "", "[fd00:10:96::a]:53": "",
	} {
		got := ""
		if o := table.service(packet.TCP, netip.MustParseAddrPort(to)); o != nil {
			got = o.Namespace + "/" + o.Name + ":" + o.Port
		}
		if got != want {
			t.Errorf("%s: %q, want %q", to, got, want)
		}
	}
	if o := table.serviceAt(netip.MustParseAddr("fd00:10:96::a")); o == nil || o.Name != "kube-dns" {
		t.Errorf("%+v", o)
	}
}

// A packet for an address of the underlay's own ends there; of any other, nobody knows.
func TestEndsInTheUnderlay(t *testing.T) {
	j := join.New(join.Config{})
	for _, b := range tracetest.Load(t, "../join/testdata/nodeport.json") {
		j.Add(b, 1)
	}
	way := j.Take(1e12)[0]
	for i := range way.Steps {
		if way.Steps[i].Namespace() == join.Underlay {
			way.Steps = way.Steps[:i+1]
			break
		}
	}
	for to, want := range map[string]string{
		"control-plane": "It is for control-plane, which has its address here: what becomes of it is not captured.",
		"node/node-1":   "Last seen here: nothing was heard of it since.",
		"":              "Last seen here: nothing was heard of it since.",
	} {
		x := New(load(t), func(a netip.Addr) string {
			if a == way.Steps[0].Packet().Destination.Addr() {
				return to
			}
			return names(a)
		})
		got := x.Journey(&way)
		if last := got.Hops[len(got.Hops)-1].Sentence; got.Verdict != Underway || got.To != cmp.Or(to, "underlay") || !strings.HasSuffix(last, want) {
			t.Errorf("for %q: %s", to, tracetest.Render(got))
		}
	}
}
