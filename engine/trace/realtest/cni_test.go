package realtest

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/record"
)

var recordings = flag.Bool("record", false, "write explain/testdata/bridge and vxlan anew, from this kernel")

// rules let shop into web-1 and web-0, whose egress is to web-1 only, and nobody else.
const rules = `
metadata: {name: web-in}
spec:
  podSelector: {matchExpressions: [{key: app, operator: In, values: [web-0, web-1]}]}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}], ports: [{port: 8080}]}]
---
metadata: {name: web-0-out}
spec:
  podSelector: {matchLabels: {app: web-0}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: web-1}}}]}]
`

// enforce has engine/policy keep the policies on both nodes.
func (l *lab) enforce(text string) {
	l.t.Helper()
	for name, p := range l.pods {
		o := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": name}},
			Spec:       v1.PodSpec{NodeName: p.Node},
			Status:     v1.PodStatus{Phase: v1.PodRunning, PodIPs: []v1.PodIP{{IP: p.IP.String()}}},
		}
		if _, err := l.client.CoreV1().Pods("default").Create(l.t.Context(), o, metav1.CreateOptions{}); err != nil {
			l.t.Fatal(err)
		}
	}
	for doc := range strings.SplitSeq(text, "---\n") {
		p := &networking.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(doc), p); err != nil {
			l.t.Fatal(err)
		}
		if _, err := l.client.NetworkingV1().NetworkPolicies("default").Create(l.t.Context(), p, metav1.CreateOptions{}); err != nil {
			l.t.Fatal(err)
		}
	}
	cfg := policy.Config{Informers: informers.NewSharedInformerFactory(l.client, 0)}
	for _, n := range []string{"node-1", "node-2"} {
		cfg.Nodes = append(cfg.Nodes, policy.Node{Name: n, NS: l.net.Node(n)})
	}
	all, err := policy.Start(context.Background(), cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { all.Close() })
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	if err := all.Settled(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// journeysUnder are connections, and what becomes of them under rules.
var journeysUnder = []struct {
	name, from, to, verdict, sentence string
}{
	{"pod-same-node", "pod/default/shop", "web-0", "delivered", "Allowed by NetworkPolicy default/web-in, ingress rule 1 (peer app=shop, port 8080)."},
	{"pod-other-node", "pod/default/shop", "web-1", "delivered", "Allowed by NetworkPolicy default/web-in, ingress rule 1 (peer app=shop, port 8080)."},
	{"service-other-node", "pod/default/shop", "10.96.0.22:80", "delivered", "Allowed by NetworkPolicy default/web-in, ingress rule 1 (peer app=shop, port 8080)."},
	{"service-same-node", "pod/default/shop", "10.96.0.25:80", "delivered", "Allowed by NetworkPolicy default/web-in, ingress rule 1 (peer app=shop, port 8080)."},
	{"hairpin", "pod/default/web-0", "10.96.0.25:80", "delivered", ""},
	{"node-own-pod", "node/node-1", "web-0", "delivered", ""},
	{"node-port-dropped", "client", "172.18.0.12:30082", "dropped", "No ingress rule of default/web-in admits it; that policy selects web-1, which therefore takes in only what a rule admits: node-2 dropped it."},
	{"dropped-same-node", "pod/default/web-2", "web-1", "dropped", "No ingress rule of default/web-in admits it; that policy selects web-1, which therefore takes in only what a rule admits: node-2 dropped it."},
	{"egress-dropped", "pod/default/web-0", "web-2", "dropped", "No egress rule of default/web-0-out admits it; that policy selects web-0, which therefore may send only what a rule admits: node-1 dropped it."},
	{"no-endpoints", "pod/default/shop", "10.96.0.23:80", "rejected", ""},
}

func (l *lab) address(to string) string {
	if p, ok := l.pods[to]; ok {
		return p.IP.String() + ":8080"
	}
	return to
}

// Journeys are whole and in order, policies' part in them is told, and nothing else
// is: neither of what encapsulates, nor of neighbours that look for each other.
func TestCNI(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, network.Bridge, network.VXLAN} {
		t.Run(string(cni), func(t *testing.T) {
			l := newLab(t, cni)
			l.enforce(rules)
			tracer := l.watch()
			for _, c := range journeysUnder {
				t.Run(c.name, func(t *testing.T) {
					l.t = t
					_, told := l.get(tracer, c.from, l.address(c.to))
					if len(told) == 0 || told[0].Summary != "SYN" {
						t.Fatalf("no SYN among:\n%s", tracetest.Render(told...))
					}
					j := told[0]
					got := ""
					for _, h := range j.Hops {
						if d := h.Decision; d != nil && d.Kind == "policy" {
							got += d.Sentence
						}
					}
					if j.Verdict != c.verdict || got != c.sentence {
						t.Errorf("%s: %s\n%s", j.Verdict, got, tracetest.Render(j))
					}
					l.whole(t, cni, &j)
					l.mu.Lock()
					defer l.mu.Unlock()
					for _, j := range l.all {
						if j.Verdict == "underway" || !strings.Contains(j.Destination, ".") || strings.HasSuffix(j.Destination, ":8472") {
							t.Errorf("%s", tracetest.Render(j))
						}
					}
				})
			}
		})
	}
}

// whole looks for the hops that a delivered packet to another node must have.
func (l *lab) whole(t *testing.T, cni network.CNI, j *model.Journey) {
	t.Helper()
	if j.Verdict != "delivered" || !strings.HasPrefix(j.From, "pod/") || j.To != "pod/default/web-1" {
		return
	}
	want := map[network.CNI]string{
		network.Routed: "eth0 out, veth in, eth0 out, node-2 out, eth0 in, veth out, eth0 in",
		network.Bridge: "eth0 out, veth in, cni0 in, eth0 out, node-2 out, eth0 in, cni0 out, veth out, eth0 in",
		network.VXLAN:  "eth0 out, veth in, cni0 in, flannel.1 out, eth0 out, node-2 out, eth0 in, flannel.1 in, cni0 out, veth out, eth0 in",
	}[cni]
	var got []string
	for _, h := range j.Hops {
		if h.Place.Device != "" {
			got = append(got, veths.ReplaceAllString(h.Place.Device, "veth")+" "+h.Place.Direction)
		}
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("by %s, want %s", got, want)
	}
	text := tracetest.Render(*j)
	for _, s := range []string{"Encapsulated by flannel.1 for node-2, VNI 1", "flannel.1 on node-2 unpacked it"} {
		if strings.Contains(text, s) != (cni == network.VXLAN) {
			t.Errorf("%q in:\n%s", s, text)
		}
	}
}

var veths = regexp.MustCompile(`^veth[0-9a-f]+`)

// TestRecordCNI makes what engine/trace/explain is tested with:
//
//	go test ./engine/trace/realtest -run TestRecordCNI -record
func TestRecordCNI(t *testing.T) {
	if !*recordings {
		t.Skip("only with -record")
	}
	for _, cni := range []network.CNI{network.Bridge, network.VXLAN} {
		l := newLab(t, cni)
		l.enforce(rules)
		folder := "../explain/testdata/" + string(cni)
		for _, node := range []string{"node-1", "node-2"} {
			c, err := capture.Open(capture.Config{Net: l.net.Node(node), Rules: true, Emit: func(record.Batch) {}})
			if err != nil {
				t.Fatal(err)
			}
			text, err := c.List()
			c.Close()
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, node+".ruleset"), []byte(text))
		}
		for _, c := range journeysUnder {
			b, err := json.MarshalIndent(l.record(func() { l.send(c.from, l.address(c.to)) }), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, c.name+".json"), b)
		}
	}
}

// record captures what do sends, without joining it.
func (l *lab) record(do func()) (all []record.Batch) {
	l.t.Helper()
	var mu sync.Mutex
	var captures []*capture.Capture
	for _, s := range l.sources() {
		c, err := capture.Open(capture.Config{Name: s.Name, Net: s.Net, Device: s.Devices, Rules: strings.HasPrefix(s.Name, "node/"), Emit: func(b record.Batch) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, b)
		}})
		if err != nil {
			l.t.Fatal(err)
		}
		captures = append(captures, c)
	}
	do()
	for _, c := range captures {
		if err := c.Flush(context.Background()); err != nil {
			l.t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			l.t.Fatal(err)
		}
	}
	return all
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
