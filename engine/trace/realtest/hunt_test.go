package realtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/judge"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

var (
	huntSeed   = flag.Uint64("seed", 5, "of the policies that TestHunt makes up")
	huntRounds = flag.Int("rounds", 5, "how many of them, for each CNI")
)

// A hunter sends packets under policies, and compares what the planner says of them with
// what the kernel did and the journeys tell.
type hunter struct {
	*lab
	plan *policy.Plan

	watching sync.Mutex
	told     []model.Journey
	lost     int
}

func newHunter(t *testing.T, cni network.CNI) (*hunter, *trace.Tracer) {
	h := &hunter{lab: newLab(t, cni)}
	// All that is sent has its rules traced.
	tracer, err := trace.New(trace.Config{
		Sources: h.sources, Names: func(a netip.Addr) string { return h.names[a] }, TraceRate: 5000,
		Emit: func(j model.Journey) {
			h.watching.Lock()
			defer h.watching.Unlock()
			h.told = append(h.told, j)
		},
		Lost: func(n uint64, reason string) {
			h.watching.Lock()
			defer h.watching.Unlock()
			h.lost++
			t.Logf("lost %d: %s", n, reason)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracer.Close() })
	if _, err := tracer.Watch(); err != nil {
		t.Fatal(err)
	}
	return h, tracer
}

// keep has both nodes keep policies, and forget those of before.
func (h *hunter) keep(policies []*networking.NetworkPolicy) {
	h.t.Helper()
	client := fake.NewClientset()
	ctx := h.t.Context()
	must := func(_ any, err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	space := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"team": "a"}}}
	must(client.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}))
	for name, p := range h.pods {
		o := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": name}},
			Spec:       v1.PodSpec{NodeName: p.Node, Containers: []v1.Container{{Name: "main", Ports: []v1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
			Status:     v1.PodStatus{Phase: v1.PodRunning, PodIPs: []v1.PodIP{{IP: p.IP.String()}, {IP: p.IP6.String()}}},
		}
		must(client.CoreV1().Pods("default").Create(ctx, o, metav1.CreateOptions{}))
	}
	for _, p := range policies {
		must(client.NetworkingV1().NetworkPolicies("default").Create(ctx, p, metav1.CreateOptions{}))
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	cfg := policy.Config{Informers: factory}
	for _, n := range []string{"node-1", "node-2"} {
		cfg.Nodes = append(cfg.Nodes, policy.Node{Name: n, NS: h.net.Node(n)})
	}
	run, stop := context.WithCancel(context.Background())
	all, err := policy.Start(run, cfg)
	must(nil, err)
	defer func() { all.Close(); stop(); factory.Shutdown() }() // what they wrote stays
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for { // the informers tell what there was one by one
		must(nil, all.Settled(wait))
		if h.plan, _ = all.Plan(); factoryHas(factory, len(policies), len(h.pods)) {
			must(nil, all.Settled(wait))
			h.plan, _ = all.Plan()
			return
		}
		select {
		case <-wait.Done():
			h.t.Fatal("the informers do not have all objects")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func factoryHas(f informers.SharedInformerFactory, policies, pods int) bool {
	return len(f.Networking().V1().NetworkPolicies().Informer().GetStore().ListKeys()) == policies &&
		len(f.Core().V1().Pods().Informer().GetStore().ListKeys()) == pods
}

// A shot is one first packet.
type shot struct {
	from, to string // pods
	protocol v1.Protocol
	port     uint16
	six      bool   // over IPv6
	service  string // the address of the Service that it goes by, port 80; empty if by none
}

func (h *hunter) all() (all []shot) {
	for _, from := range []string{"shop", "web-0", "web-1", "web-2"} {
		for _, to := range []string{"shop", "web-0", "web-1", "web-2"} {
			if from == to {
				continue
			}
			for _, six := range []bool{false, true} {
				all = append(all, shot{from, to, v1.ProtocolTCP, 8080, six, ""}, shot{from, to, v1.ProtocolTCP, 9, six, ""}, shot{from, to, v1.ProtocolUDP, 53, six, ""})
			}
			if to == "web-1" { // the only endpoint of Service one
				all = append(all, shot{from, to, v1.ProtocolTCP, 8080, false, "10.96.0.22"})
			}
		}
	}
	return all
}

func (h *hunter) address(s shot) string {
	if s.service != "" {
		return s.service + ":80"
	}
	_, to := h.ends(s)
	return netip.AddrPortFrom(to, s.port).String()
}

// ends are the two pods' addresses.
func (h *hunter) ends(s shot) (from, to netip.Addr) {
	if s.six {
		return h.pods[s.from].IP6, h.pods[s.to].IP6
	}
	return h.pods[s.from].IP, h.pods[s.to].IP
}

// fire sends all at once, and returns the journey of each one's first packet.
func (h *hunter) fire(tracer *trace.Tracer, shots []shot) map[shot]model.Journey {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), time.Minute)
	defer stop()
	if err := tracer.Flush(ctx); err != nil { // what was sent again under other policies
		h.t.Fatal(err)
	}
	h.watching.Lock()
	h.told, h.lost = nil, 0
	h.watching.Unlock()
	var flying sync.WaitGroup
	for _, s := range shots {
		flying.Go(func() {
			d := strings.ToLower(string(s.protocol))
			c, err := h.pods[s.from].NS.DialContext(ctx, d, h.address(s))
			if err != nil {
				return // held up, or refused: the journey tells which
			}
			if s.protocol == v1.ProtocolUDP {
				_, _ = c.Write([]byte("?"))
			}
			c.Close()
		})
	}
	defer flying.Wait()
	defer stop()
	for {
		if err := tracer.Flush(ctx); err != nil {
			h.t.Fatal(err)
		}
		if found, missing := h.found(shots); len(missing) == 0 {
			return found
		} else if ctx.Err() != nil {
			h.t.Fatalf("no journeys of %v", missing)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// lossy reports whether something of the last shots is not told.
func (h *hunter) lossy() bool {
	h.watching.Lock()
	defer h.watching.Unlock()
	return h.lost > 0
}

func (h *hunter) found(shots []shot) (found map[shot]model.Journey, missing []shot) {
	h.watching.Lock()
	defer h.watching.Unlock()
	found = map[shot]model.Journey{}
	for _, s := range shots {
		i := slices.IndexFunc(h.told, func(j model.Journey) bool {
			return j.From == "pod/default/"+s.from && j.Destination == h.address(s) && j.Protocol == string(s.protocol) && !j.Reply &&
				(s.protocol == v1.ProtocolUDP || j.Summary == "SYN")
		})
		if i < 0 {
			missing = append(missing, s)
			continue
		}
		found[s] = h.told[i]
	}
	return found, missing
}

// differs says where a journey tells another story than the plan; empty if nowhere.
func (h *hunter) differs(s shot, j *model.Journey) string {
	from, to := h.ends(s)
	v := h.plan.Verdict(from, to, s.protocol, s.port)
	var last *model.Decision // of a policy
	for i := range j.Hops {
		if d := j.Hops[i].Decision; d != nil && d.Kind == "policy" {
			last = d
		}
	}
	who, path := "", ""
	if last != nil && last.Object != nil {
		who, path = last.Object.Namespace+"/"+last.Object.Name, last.Path
	}
	wantWho, wantPath := "", ""
	if len(v.Note.Policies) > 0 {
		wantWho, wantPath = v.Note.Policies[0], v.Note.Path()
	}
	arrived := j.To == "pod/default/"+s.to && j.Verdict != "dropped"
	switch {
	case arrived != v.Allowed:
		return fmt.Sprintf("the plan says: %s The journey: %s at %s", v.Sentence, j.Verdict, j.To)
	case who != wantWho, path != wantPath:
		return fmt.Sprintf("the plan says %s %s: %s The journey %s %s", wantWho, wantPath, v.Sentence, who, path)
	case last != nil && !v.Allowed && !strings.HasPrefix(last.Sentence, strings.TrimSuffix(v.Sentence, ".")):
		return fmt.Sprintf("the plan says %q, the journey %q", v.Sentence, last.Sentence)
	case last != nil && v.Allowed && !strings.Contains(last.Sentence, v.Note.Detail):
		return fmt.Sprintf("the plan says %q, the journey %q", v.Note.Detail, last.Sentence)
	case j.Verdict == "rejected" && !strings.Contains(j.Hops[len(j.Hops)-1].Sentence, "Nobody listens"):
		return "rejected, but not for want of a listener"
	}
	return ""
}

// Over policies by chance, what the planner says of a packet is what the kernel does and
// what its journey tells: whether it passes, and which policy, rule and peer decided.
// With -seed and -rounds it hunts further.
func TestHunt(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, network.Bridge} {
		t.Run(string(cni), func(t *testing.T) {
			h, tracer := newHunter(t, cni)
			r := rand.New(rand.NewPCG(*huntSeed, 0))
			admitted, denied := 0, 0
			for round := range *huntRounds {
				policies := madeUp(r)
				h.keep(policies)
				told := h.fire(tracer, h.all())
				for tries := 0; h.lossy() && tries < 3; tries++ {
					told = h.fire(tracer, h.all()) // of what was lost nothing is told
				}
				judge := judge.New(func() (*policy.Plan, time.Time) { return h.plan, time.Unix(1, 0) })
				for s, j := range told {
					if d := h.differs(s, &j); d != "" {
						t.Errorf("%v: %s\n%s", s, d, tracetest.Render(j))
					}
					if judge.Look(&j); j.Defect != "" {
						t.Errorf("%v: %s\n%s", s, j.Defect, tracetest.Render(j))
					}
					if j.Verdict == "dropped" {
						denied++
					} else {
						admitted++
					}
				}
				if t.Failed() {
					text, _ := yaml.Marshal(policies)
					t.Fatalf("-seed %d, round %d:\n%s\n%s%s", *huntSeed, round, text, h.plan.Node("node-1"), h.plan.Node("node-2"))
				}
			}
			if admitted == 0 || denied == 0 {
				t.Errorf("-seed %d: %d admitted, %d denied: the policies say too little", *huntSeed, admitted, denied)
			}
		})
	}
}

// Where the kernel does otherwise than the plan, as when a rule is gone, the journey says
// so.
func TestBrokenRuleIsADefect(t *testing.T) {
	h, tracer := newHunter(t, network.Routed)
	var policies []*networking.NetworkPolicy
	for doc := range strings.SplitSeq(rules, "---\n") {
		p := &networking.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(doc), p); err != nil {
			t.Fatal(err)
		}
		policies = append(policies, p)
	}
	h.keep(policies)
	nft := func(node string, command ...string) {
		t.Helper()
		if err := h.net.Node(node).Do(func() error {
			out, err := exec.Command("nft", command...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	judge := judge.New(func() (*policy.Plan, time.Time) { return h.plan, time.Unix(1, 0) })
	for _, c := range []struct {
		name, chain string // of node-2, that loses its rules
		shot        shot
		defect      string
	}{
		{"as it was written", "", shot{"shop", "web-1", v1.ProtocolTCP, 8080, false, ""}, ""},
		{"a rule that admits", "ingress-default/web-in", shot{"shop", "web-1", v1.ProtocolTCP, 8080, false, ""},
			"By the policies this packet should have passed (Allowed by NetworkPolicy default/web-in, ingress rule 1 (peer app=shop, port 8080)), but the kernel dropped it: please report it."},
		{"the end of a pod's chain", "to-default/web-1", shot{"web-2", "web-1", v1.ProtocolTCP, 8080, false, ""},
			"By the policies this packet should have been dropped (No ingress rule of default/web-in admits it), but it arrived: please report it."},
	} {
		if c.chain != "" {
			nft("node-2", "flush", "chain", "inet", "podhop-policy", c.chain)
		}
		j := h.fire(tracer, []shot{c.shot})[c.shot]
		if judge.Look(&j); j.Defect != c.defect {
			t.Errorf("%s: %q, want %q\n%s", c.name, j.Defect, c.defect, tracetest.Render(j))
		}
	}
}

// madeUp are one to four policies of the lab's pods, by chance.
func madeUp(r *rand.Rand) (out []*networking.NetworkPolicy) {
	chance := func(n int) bool { return r.IntN(n) == 0 }
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	selector := func() *metav1.LabelSelector {
		switch r.IntN(4) {
		case 0:
			return &metav1.LabelSelector{}
		case 1:
			return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{pick("shop", "web-0", "web-1")}}}}
		}
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": pick("shop", "web-0", "web-1", "web-2")}}
	}
	peers := func() (out []networking.NetworkPolicyPeer) {
		for range r.IntN(4) {
			var x networking.NetworkPolicyPeer
			switch r.IntN(4) {
			case 0:
				x.IPBlock = &networking.IPBlock{CIDR: pick("10.244.0.0/16", "10.244.1.0/29", "192.0.2.0/24", "fd00:10:244::/48")}
				if strings.HasPrefix(x.IPBlock.CIDR, "10.") && chance(2) {
					x.IPBlock.Except = []string{pick("10.244.1.2/31", "10.244.1.4/32")}
				}
			case 1:
				x.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick("a", "b")}}
			case 2:
				x.NamespaceSelector, x.PodSelector = &metav1.LabelSelector{}, selector()
			default:
				x.PodSelector = selector()
			}
			out = append(out, x)
		}
		return out
	}
	ports := func() (out []networking.NetworkPolicyPort) {
		for range r.IntN(3) {
			protocol := v1.Protocol(pick("TCP", "TCP", "UDP"))
			x := networking.NetworkPolicyPort{Protocol: &protocol}
			switch r.IntN(4) {
			case 0:
				n := intstr.FromInt32([]int32{9, 53, 8080}[r.IntN(3)])
				x.Port = &n
			case 1:
				n, end := intstr.FromInt32(int32(1+r.IntN(20))), int32(50+r.IntN(9000))
				x.Port, x.EndPort = &n, &end
			case 2:
				n := intstr.FromString("http")
				x.Port = &n
			}
			out = append(out, x)
		}
		return out
	}
	for i := range 1 + r.IntN(4) {
		p := &networking.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("p%d", i)}}
		p.Spec.PodSelector = *selector()
		if chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeIngress)
			for range r.IntN(4) {
				p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{From: peers(), Ports: ports()})
			}
		}
		if len(p.Spec.PolicyTypes) == 0 || chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeEgress)
			for range r.IntN(4) {
				p.Spec.Egress = append(p.Spec.Egress, networking.NetworkPolicyEgressRule{To: peers(), Ports: ports()})
			}
		}
		out = append(out, p)
	}
	return out
}
