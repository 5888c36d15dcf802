package why

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/model"
)

// world is what the traps are set in; "in" is a further object of each.
const world = `
kind: Namespace
metadata: {name: default}
---
kind: Namespace
metadata: {name: shop}
---
kind: Service
metadata: {namespace: default, name: web}
spec:
  selector: {app: web}
  clusterIPs: [10.96.0.7]
  ports: [{protocol: TCP, port: 80, targetPort: 8081, nodePort: 30080}]
---
kind: EndpointSlice
metadata: {namespace: default, name: web-1, labels: {kubernetes.io/service-name: web}}
endpoints: [{addresses: [10.244.2.2], nodeName: node-2, conditions: {ready: true}}]
---
kind: Pod
metadata: {namespace: default, name: web-0, labels: {app: web}}
spec: {containers: [{name: main, ports: [{containerPort: 8080, protocol: TCP, name: http}]}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
---
kind: Service
metadata: {namespace: shop, name: cart}
spec: {clusterIPs: [10.96.0.8], ports: [{protocol: TCP, port: 8000}]}
`

func objects(t *testing.T, text string) *Objects {
	t.Helper()
	index := func() cache.Indexer {
		return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	all := map[string]cache.Indexer{"Namespace": index(), "Service": index(), "Pod": index(), "EndpointSlice": index()}
	for doc := range strings.SplitSeq(text, "---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		o := map[string]runtime.Object{"Namespace": &v1.Namespace{}, "Service": &v1.Service{}, "Pod": &v1.Pod{}, "EndpointSlice": &discovery.EndpointSlice{}}[kind.Kind]
		if err := yaml.UnmarshalStrict([]byte(doc), o); err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		if err := all[kind.Kind].Add(o); err != nil { // the latest by a name counts
			t.Fatal(err)
		}
	}
	return &Objects{
		Services: corelisters.NewServiceLister(all["Service"]), Pods: corelisters.NewPodLister(all["Pod"]),
		Namespaces: corelisters.NewNamespaceLister(all["Namespace"]), EndpointSlices: discoverylisters.NewEndpointSliceLister(all["EndpointSlice"]),
		Zone: "cluster.local",
	}
}

// rejected is a packet of shop that node-1's kube-proxy ended.
func rejected(kind, protocol, to, object string) model.Journey {
	j := model.Journey{ID: "j1", Protocol: protocol, Verdict: map[string]string{"reject": "rejected", "drop": "dropped"}[kind], From: "pod/default/shop", To: "node/node-1", Hops: []model.Hop{
		{Place: model.Place{Vertex: "pod/default/shop"}, Header: model.Header{Source: "10.244.1.2:40000", Destination: to}},
		{Place: model.Place{Vertex: "node/node-1", Hook: "forward"}, Header: model.Header{Source: "10.244.1.2:40000", Destination: to}, Sentence: "It was stopped.",
			Decision: &model.Decision{Kind: kind, Table: "ip kube-proxy", Sentence: "kube-proxy stopped it."}},
	}}
	if namespace, name, ok := strings.Cut(object, "/"); ok {
		j.Hops[1].Decision.Object = &model.Object{Kind: "Service", Namespace: namespace, Name: name}
	}
	return j
}

// refused is a packet that web-0 got, by Service web or not, and refused.
func refused(byService bool) model.Journey {
	j := model.Journey{ID: "j1", Protocol: "TCP", Verdict: "rejected", From: "pod/default/shop", To: "pod/default/web-0", Hops: []model.Hop{
		{Place: model.Place{Vertex: "node/node-1", Hook: "prerouting"}, Header: model.Header{Destination: "10.244.2.2:8081"}},
		{Place: model.Place{Vertex: "pod/default/web-0"}, Header: model.Header{Destination: "10.244.2.2:8081"}, Decision: &model.Decision{Kind: "reject", Sentence: "Nobody listens."}},
	}}
	if byService {
		j.Hops[0].Before = &model.Header{Destination: "10.96.0.7:80"}
		j.Hops[0].Decision = &model.Decision{Kind: "dnat", Sentence: "kube-proxy chose.", Object: &model.Object{Kind: "Service", Namespace: "default", Name: "web"}}
	}
	return j
}

func answered(summary string) model.Journey {
	return model.Journey{ID: "j1", Protocol: "UDP", Verdict: "delivered", Reply: true, Summary: summary, To: "pod/default/shop", Hops: []model.Hop{{}}}
}

func held(path, to string) model.Journey {
	j := rejected("drop", "UDP", to, "")
	j.Hops[1].Decision = &model.Decision{Kind: "policy", Path: path, Sentence: "No rule admits it.", Object: &model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "deny"}}
	return j
}

func listens(all ...string) func(*v1.Pod, v1.Protocol) ([]netip.AddrPort, bool) {
	return func(*v1.Pod, v1.Protocol) (out []netip.AddrPort, ok bool) {
		for _, a := range all {
			out = append(out, netip.MustParseAddrPort(a))
		}
		return out, true
	}
}

func TestPacket(t *testing.T) {
	const empty = `---
kind: Service
metadata: {namespace: default, name: empty}
spec: {selector: {app: wbe}, clusterIPs: [10.96.0.9], ports: [{protocol: TCP, port: 80, targetPort: 80}]}
`
	unready := func(status string) string {
		return strings.ReplaceAll(empty, "wbe", "slow") + "---\nkind: Pod\nmetadata: {namespace: default, name: slow-0, labels: {app: slow}}\n" +
			"spec: {containers: [{name: main, readinessProbe: {httpGet: {path: /healthz, port: 8080}}}]}\nstatus: " + status + "\n"
	}
	for _, c := range []struct {
		name           string
		in             string // further objects
		listening      func(*v1.Pod, v1.Protocol) ([]netip.AddrPort, bool)
		journey        model.Journey
		trap, sentence string
		seen           string // in one of the findings
		advice         string // in the first
		command        string // of the first
	}{
		{name: "a ping of a ClusterIP", journey: rejected("reject", "ICMP", "10.96.0.7", "default/web"), trap: TrapPing,
			sentence: "A ClusterIP cannot be pinged: 10.96.0.7 is no machine's address, but stands in the nodes' rules for TCP port 80 of Service default/web. A ping has no port.",
			seen:     "kube-proxy stopped it.", advice: "Ask for one of its ports instead: http://web.default."},
		{name: "a ping of a ClusterIP that the rules do not name", journey: rejected("reject", "ICMP", "10.96.0.8", ""), trap: TrapPing,
			sentence: "TCP port 8000 of Service shop/cart", advice: "cart.shop:8000"},
		{name: "a ping of nobody", journey: rejected("drop", "ICMP", "10.96.9.9", "")},
		{name: "its node port at its own address", journey: rejected("reject", "TCP", "10.96.0.7:30080", "default/web"), trap: TrapServicePort,
			sentence: "Service default/web has no TCP port 30080: it takes TCP port 80. 30080 is its nodePort, which the nodes' addresses have, and this one has not.",
			seen:     "Its ports: TCP port 80.", advice: "Ask for a port that it has: http://web.default."},
		{name: "its port at a load balancer's address that it had", in: strings.ReplaceAll(strings.ReplaceAll(empty, "empty", "balanced"), "wbe", "none") + "status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}\n",
			journey: rejected("reject", "TCP", "203.0.113.1:80", "default/balanced"), trap: TrapSelector, sentence: "Service default/balanced has no endpoints"},
		{name: "a port that the Service has not", journey: rejected("reject", "TCP", "10.96.0.7:8080", "default/web"), trap: TrapServicePort,
			sentence: "Service default/web has no TCP port 8080: it takes TCP port 80.", advice: "http://web.default"},
		{name: "a selector that matches nothing", in: empty, journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapSelector,
			sentence: "no pod of namespace default has the labels that it selects: app=wbe.", seen: "Pod default/web-0 has app=web.",
			advice: "Select app=web, which pods here have.", command: "kubectl set selector service -n default empty app=web"},
		{name: "a selector by other keys", in: strings.ReplaceAll(empty, "app: wbe", "tier: front"), journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapSelector,
			sentence: "selects: tier=front."},
		{name: "a selector of another namespace's pods", in: strings.ReplaceAll(empty, "namespace: default", "namespace: shop") + "---\nkind: Pod\nmetadata: {namespace: default, name: wbe, labels: {app: wbe}}\n",
			journey: rejected("reject", "TCP", "10.96.0.9:80", "shop/empty"), trap: TrapSelector, sentence: "no pod of namespace shop", seen: "Namespace shop has no pods.",
			advice: "Namespace default has pods with these labels"},
		{name: "no selector", in: strings.ReplaceAll(empty, "selector: {app: wbe}, ", ""), journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapSelector, sentence: "has no selector"},
		{name: "a probe that fails", in: unready("{phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: main, ready: false, state: {running: {}}}]}"),
			journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapNotReady,
			sentence: "Service default/empty selects one pod, which is not ready: only pods that are ready are asked.",
			seen:     "Pod default/slow-0: container main runs, but its readiness probe (GET /healthz at port 8080) does not succeed.",
			command:  "kubectl describe pod -n default slow-0"},
		{name: "an image that is not there", in: unready("{phase: Pending, containerStatuses: [{name: main, ready: false, state: {waiting: {reason: ImagePullBackOff}}}]}"),
			journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapNotReady, sentence: "not ready", seen: "container main waits: ImagePullBackOff."},
		{name: "ready by now", in: unready("{phase: Running, conditions: [{type: Ready, status: 'True'}]}"), journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty")},
		{name: "a targetPort by a name that no container has", in: strings.ReplaceAll(strings.ReplaceAll(empty, "wbe", "web"), "targetPort: 80", "targetPort: htp"),
			journey: rejected("reject", "TCP", "10.96.0.9:80", "default/empty"), trap: TrapTargetPort, sentence: "a port that is named htp", seen: "They name http.",
			command: `kubectl patch service -n default empty --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":"http"}]'`},
		{name: "a targetPort that nobody listens on", listening: listens("[::]:8080", "0.0.0.0:8080", "127.0.0.1:9000"), journey: refused(true), trap: TrapTargetPort,
			sentence: "Service default/web sends its port 80 on to 8081, its targetPort, and nothing in pod default/web-0 listens there.", seen: "What web-0 listens on, of TCP: 127.0.0.1:9000 and port 8080.",
			advice:  "Have the Service send it to port 8080, where the pod listens.",
			command: `kubectl patch service -n default web --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}]'`},
		{name: "the same, by what the pod declares", journey: refused(true), trap: TrapTargetPort, sentence: "targetPort", seen: "Its containers declare TCP port 8080.", advice: "port 8080"},
		{name: "a pod that listens for itself only", listening: listens("127.0.0.1:8081"), journey: refused(true), trap: TrapTargetPort,
			sentence: "Pod default/web-0 listens on 127.0.0.1:8081 only", advice: "Have its program listen on all addresses (0.0.0.0:8081)."},
		{name: "a pod that was asked itself", listening: listens(), journey: refused(false), trap: TrapPort, sentence: "Nothing in pod default/web-0 listens on TCP port 8081.",
			seen: "web-0 listens on no TCP port at all.", command: "kubectl logs -n default web-0"},
		{name: "Local, elsewhere", in: "---\nkind: Service\nmetadata: {namespace: default, name: web}\nspec: {externalTrafficPolicy: Local, clusterIPs: [10.96.0.7], ports: [{protocol: TCP, port: 80, nodePort: 30080}]}\n",
			journey: rejected("drop", "TCP", "172.18.0.11:30080", "default/web"), trap: TrapLocal,
			sentence: "Service default/web has externalTrafficPolicy Local, so that a node uses only its own endpoints, and node-1 has none: it drops what comes, without a word.",
			seen:     "Its ready endpoints are on node-2.", advice: "Ask a node that has one: node-2."},
		{name: "internal traffic, too", in: "---\nkind: Service\nmetadata: {namespace: default, name: web}\nspec: {internalTrafficPolicy: Local, clusterIPs: [10.96.0.7], ports: [{protocol: TCP, port: 80}]}\n",
			journey: rejected("drop", "TCP", "10.96.0.7:80", "default/web"), trap: TrapLocal, sentence: "internalTrafficPolicy Local",
			command: `kubectl patch service -n default web -p '{"spec":{"internalTrafficPolicy":"Cluster"}}'`},
		{name: "a source that a load balancer does not take", in: "---\nkind: Service\nmetadata: {namespace: default, name: web}\nspec: {loadBalancerSourceRanges: [192.0.2.0/24], ports: [{protocol: TCP, port: 80}]}\n",
			journey: func() model.Journey {
				j := rejected("drop", "TCP", "203.0.113.9:80", "default/web")
				j.Hops[1].Decision.Chain = "firewall-SUSTUHLJ-default/web/tcp/http"
				return j
			}(), trap: TrapSourceRanges, sentence: "takes only what comes from 192.0.2.0/24 by its load balancer, and 10.244.1.2 is not of those",
			command: `kubectl patch service -n default web --type=json -p '[{"op":"add","path":"/spec/loadBalancerSourceRanges/-","value":"10.244.1.2/32"}]'`},
		{name: "dropped for another reason", journey: rejected("drop", "TCP", "172.18.0.11:30080", "default/web")},
		{name: "an egress policy without DNS", journey: held("spec.egress", "10.244.2.9:53"), trap: TrapDNSEgress,
			sentence: "NetworkPolicy default/deny lets no such question out of default/shop: it finds no name", seen: "No rule admits it."},
		{name: "an ingress policy of the DNS server", journey: held("spec.ingress", "10.244.2.9:53")},
		{name: "an egress policy and another port", journey: held("spec.egress", "10.244.2.9:5353")},
		{name: "DNS, asked in the wrong namespace", journey: answered("DNS A? cart.default.svc.cluster.local no such name"), trap: TrapName,
			sentence: "There is no Service cart in namespace default. There is a Service cart in namespace shop: ask for cart.shop. A name without a namespace is looked for in the asker's own.",
			seen:     "DNS was asked for cart.default.svc.cluster.local, and answered that there is no such name.", advice: "Ask for cart.shop."},
		{name: "DNS, asked for a namespace by the wrong name", journey: answered("DNS AAAA? web.defualt.svc.cluster.local no such name"), trap: TrapName,
			sentence: "There is no namespace defualt. There is a Service web in namespace default: ask for web.default."},
		{name: "a search list", journey: answered("DNS A? example.com.default.svc.cluster.local no such name")},
		{name: "a search list, further on", journey: answered("DNS A? example.com.svc.cluster.local no such name")},
		{name: "a name that is there by now", journey: answered("DNS A? web.default.svc.cluster.local no such name")},
		{name: "an answer", journey: answered("DNS A? web.default.svc.cluster.local 10.96.0.7")},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := objects(t, world+c.in)
			o.Listening = c.listening
			w := o.Packet(&c.journey)
			check(t, w, c.trap, c.sentence)
			if w == nil {
				return
			}
			var all []string
			for _, f := range w.Seen {
				all = append(all, f.Sentence)
				if f.Journey != "" && f.Hop >= len(c.journey.Hops) {
					t.Errorf("no such hop: %+v", f)
				}
			}
			if !strings.Contains(strings.Join(all, "\n"), c.seen) {
				t.Errorf("seen: %q", all)
			}
			var first model.Advice
			if len(w.Advice) > 0 {
				first = w.Advice[0]
			}
			if !strings.Contains(first.Sentence, c.advice) || c.command != "" && first.Command != c.command {
				t.Errorf("advice: %+v", w.Advice)
			}
		})
	}
}

func TestOutside(t *testing.T) {
	o := objects(t, world+`---
kind: Pod
metadata: {namespace: default, name: web-9}
status: {phase: Running, podIPs: [{ip: 10.244.2.9}]}
`)
	for to, want := range map[string]string{
		"10.96.0.7":  "10.96.0.7 is the ClusterIP of Service default/web: it is known to the nodes' rules alone, and nobody outside has a route to it.|Ask any node, for its port 30080.|",
		"10.96.0.8":  "10.96.0.8 is the ClusterIP of Service shop/cart: |Have each node lead a port to it.|kubectl patch service -n shop cart -p '{\"spec\":{\"type\":\"NodePort\"}}'",
		"10.244.2.9": "10.244.2.9 is the address of pod default/web-9: only|Have a Service of type NodePort|",
		"192.0.2.1":  "",
	} {
		w := o.Outside(netip.MustParseAddr(to))
		if w == nil {
			if want != "" {
				t.Errorf("%s: nothing", to)
			}
			continue
		}
		check(t, w, TrapOutside, strings.Split(want, "|")[0])
		if a := w.Advice[0]; !strings.HasPrefix(a.Sentence, strings.Split(want, "|")[1]) || a.Command != strings.Split(want, "|")[2] {
			t.Errorf("%s: %+v", to, a)
		}
	}
}

func check(t *testing.T, w *model.Why, trap, sentence string) {
	t.Helper()
	got, _ := json.Marshal(w)
	if w == nil && trap != "" || w != nil && (w.Trap != trap || !strings.Contains(w.Sentence, sentence) || len(w.Seen) == 0) {
		t.Errorf("want %s: %s\ngot  %s", trap, sentence, got)
	}
}

func TestName(t *testing.T) {
	o := objects(t, world)
	for _, c := range []struct{ host, namespace, sentence string }{
		{"web", "default", ""},
		{"web.default", "shop", ""},
		{"web.default.svc", "shop", ""},
		{"web.default.svc.cluster.local.", "shop", ""},
		{"example.com", "default", ""},
		{"www.example.com", "default", ""},
		{"web.defualt.svc", "shop", "There is no namespace defualt. There is a Service web in namespace default: ask for web.default."},
		{"web", "shop", "There is no Service web in namespace shop. There is a Service web in namespace default: ask for web.default. A name without"},
		{"Web.Defualt", "shop", "There is no namespace defualt."},
		{"car", "shop", "There is no Service car in namespace shop, but one called cart: ask for cart.shop."},
		{"redis", "shop", "There is no Service redis in namespace shop."},
		{"redis.shop.svc.cluster.local", "default", "There is no Service redis in namespace shop."},
	} {
		w := o.Name(c.host, c.namespace)
		trap := TrapName
		if c.sentence == "" {
			trap = ""
		}
		check(t, w, trap, c.sentence)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"defualt", "default", 2}, {"web", "wbe", 2}, {"cart", "car", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != c.want {
			t.Errorf("%s, %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
