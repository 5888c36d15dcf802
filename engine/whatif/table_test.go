package whatif

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

// Each cell says what the planner says of every pair of its members, before by the
// objects there are, after by a fresh plan of those that there would be.
func TestCellsAreTheirVerdicts(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed))
	var n counts
	for round := range 120 {
		in := world(round%2 == 1)
		in.Now.Policies = once(generate(r))
		in.Put = once(generate(r))
		for _, p := range in.Now.Policies {
			if r.IntN(4) == 0 {
				in.Remove = append(in.Remove, p.Namespace+"/"+p.Name)
			}
		}
		applied := map[string]*networking.NetworkPolicy{}
		for _, p := range slices.Concat(in.Now.Policies, in.Put) {
			applied[p.Namespace+"/"+p.Name] = p
		}
		for _, name := range in.Remove {
			if !slices.ContainsFunc(in.Put, func(p *networking.NetworkPolicy) bool { return p.Namespace+"/"+p.Name == name }) {
				delete(applied, name)
			}
		}
		then := in.Now
		then.Policies = nil
		for _, p := range applied {
			then.Policies = append(then.Policies, p)
		}
		got := Try(in).Reachability
		check(t, in, got, got.Before, policy.Compile(in.Now), &n)
		if got.After == nil {
			got.After = got.Before // nothing was tried
		}
		check(t, in, got, got.After, policy.Compile(then), &n)
		if t.Failed() {
			text, _ := yaml.Marshal(map[string]any{"now": in.Now.Policies, "put": in.Put, "remove": in.Remove})
			t.Fatalf("round %d:\n%s", round, text)
		}
	}
	t.Logf("%+v", n)
	if n.allowed < 1000 || n.refused < 1000 || n.besides < 100 || n.six < 20 || n.split < 10 {
		t.Errorf("%+v: the policies say too little", n)
	}
}

type counts struct{ allowed, refused, besides, six, split int }

func once(all []*networking.NetworkPolicy) (out []*networking.NetworkPolicy) {
	for _, p := range all {
		if !slices.ContainsFunc(out, func(q *networking.NetworkPolicy) bool { return q.Namespace == p.Namespace && q.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return out
}

// ends are a group's members: their names and addresses, and of pods the node.
type end struct {
	id, node string
	ips      []netip.Addr
}

func endsOf(in Input, g model.ReachGroup) (out []end) {
	for _, p := range in.Places {
		if p.ID == g.ID {
			return []end{{id: p.ID, ips: p.IPs}}
		}
	}
	for _, p := range in.Now.Pods {
		if id := "pod/" + p.Namespace + "/" + p.Name; slices.Contains(g.Pods, id) {
			e := end{id: id, node: "node/" + p.Spec.NodeName}
			for _, ip := range p.Status.PodIPs {
				e.ips = append(e.ips, netip.MustParseAddr(ip.IP))
			}
			out = append(out, e)
		}
	}
	return out
}

func check(t *testing.T, in Input, got model.Reachability, cells [][]int, plan *policy.Plan, n *counts) {
	t.Helper()
	seen := 0
	for _, g := range got.Groups {
		seen += len(endsOf(in, g))
		if strings.HasPrefix(g.Note, "Policies tell it") {
			n.split++
		}
	}
	if seen != len(in.Now.Pods)+len(in.Places) {
		t.Fatalf("%d are in groups, of %d", seen, len(in.Now.Pods)+len(in.Places))
	}
	for k, target := range got.Targets {
		if target.Family != "" {
			n.six++
		}
		other := k+1 < len(got.Targets) && got.Targets[k+1].Family != "" && got.Targets[k+1].Group == target.Group &&
			got.Targets[k+1].Port == target.Port && got.Targets[k+1].Protocol == target.Protocol
		for i, g := range got.Groups {
			v := got.Verdicts[cells[i][k]]
			for _, from := range endsOf(in, g) {
				for _, to := range endsOf(in, got.Groups[target.Group]) {
					for f := range from.ips {
						if six := from.ips[f].Is6(); six && other || !six && target.Family != "" {
							continue
						}
						port := uint16(target.Port)
						if port == 0 {
							port = 9 // which no rule names
						}
						want := plan.Verdict(from.ips[f], to.ips[f], v1.Protocol(target.Protocol), port)
						what := fmt.Sprintf("%s to %s %s %d %v", from.id, to.id, target.Protocol, port, from.ips[f])
						sure := from.id == to.id || from.id == to.node
						switch {
						case sure && !want.Allowed:
							t.Errorf("%s: %s", what, want.Sentence)
						case sure && !v.Allowed:
							n.besides++
							if !strings.Contains(v.Except, "always reaches") {
								t.Errorf("%s: %s, except: %q", what, v.Sentence, v.Except)
							}
						case sure:
						case v.Allowed != want.Allowed || v.Sentence != want.Sentence:
							t.Errorf("%s: %q, want %q", what, v.Sentence, want.Sentence)
						case v.Allowed:
							n.allowed++
						default:
							n.refused++
						}
					}
				}
			}
		}
	}
}

const article = `
metadata: {name: my-network-policy, namespace: default}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: allowed-app}}}]
    ports: [{protocol: TCP, port: 80}]
`

func parse(t testing.TB, text string) *networking.NetworkPolicy {
	t.Helper()
	p := &networking.NetworkPolicy{}
	if err := yaml.UnmarshalStrict([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// lines writes a table as one line a cell of a target: who, before, and after.
func lines(r model.Reachability, target string) (out []string) {
	for k, c := range r.Targets {
		name := fmt.Sprintf("%s %s %d%s", r.Groups[c.Group].ID, c.Protocol, c.Port, c.Family)
		if name != target {
			continue
		}
		for i, g := range r.Groups {
			v := r.Verdicts[r.Before[i][k]]
			line := strings.TrimSpace(g.ID + ": " + v.Sentence + " " + v.Except)
			if r.After != nil && r.After[i][k] != r.Before[i][k] {
				line += " => " + r.Verdicts[r.After[i][k]].Sentence
			}
			out = append(out, line)
		}
	}
	return out
}

func TestArticle(t *testing.T) {
	in := world(false)
	if got := Try(in); got.Reachability.After != nil || len(got.Results) != 0 {
		t.Errorf("nothing was tried: %+v", got)
	}
	in.Put = []*networking.NetworkPolicy{parse(t, article)}
	got := Try(in).Reachability
	const free, none = "Allowed: no NetworkPolicy isolates either end.", " => No ingress rule of default/my-network-policy admits it."
	want := []string{
		"pod/default/allowed: " + free + " => Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80).",
		"statefulset/default/db: " + free + none,
		"pod/default/my-app: Allowed: default/my-app reaches itself, which no NetworkPolicy can forbid.",
		"deployment/default/web: " + free + none,
		"pod/other/lone: " + free + none,
		"deployment/other/web: " + free + none,
		"node/node-1: Allowed: the node of default/my-app always reaches it.",
		"node/node-2: " + free + none,
		"client: " + free + none,
	}
	if got := lines(got, "pod/default/my-app TCP 80"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Its deletion is the other way round.
	in.Now.Policies, in.Put, in.Remove = in.Put, nil, []string{"default/my-network-policy"}
	back := lines(Try(in).Reachability, "pod/default/my-app TCP 80")
	for i := range back {
		before, after, _ := strings.Cut(strings.TrimPrefix(back[i], strings.SplitAfter(back[i], ": ")[0]), " => ")
		if was, then, _ := strings.Cut(strings.TrimPrefix(want[i], strings.SplitAfter(want[i], ": ")[0]), " => "); before != or(then, was) || after != "" && after != was {
			t.Errorf("%s, after %s", back[i], want[i])
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// What is always so is said of a row that is only partly its own exception.
func TestBesides(t *testing.T) {
	in := world(false)
	in.Now.Policies = []*networking.NetworkPolicy{parse(t, "{metadata: {name: deny, namespace: default}, spec: {podSelector: {}, policyTypes: [Ingress]}}")}
	const no = "No ingress rule of default/deny admits it."
	got := lines(Try(in).Reachability, "deployment/default/web TCP 80")
	for _, want := range []string{
		"deployment/default/web: " + no + " Each of these pods always reaches itself.",
		"node/node-1: " + no + " node-1 always reaches those that run on it, 2 of 3.",
		"node/node-2: " + no + " node-2 always reaches those that run on it, 1 of 3.",
		"client: " + no,
		"statefulset/default/db: " + no,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// Ports are known from containers, Services, rules, and use.
func TestPorts(t *testing.T) {
	in := world(false)
	in.Now.Policies = []*networking.NetworkPolicy{parse(t, article)}
	number, name := int32(8443), "https"
	in.EndpointSlices = []*discovery.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discovery.LabelServiceName: "web"}},
		Ports:      []discovery.EndpointPort{{Name: &name, Port: &number}, {}},
		Endpoints:  []discovery.Endpoint{{Addresses: []string{in.Now.Pods[0].Status.PodIPs[0].IP}}},
	}}
	in.Journeys = []model.Journey{journey("other/lone", "allowed", 7000, in.Time.UnixNano())}
	waiting := in.Now.Pods[0].DeepCopy()
	waiting.Name, waiting.Status.PodIPs, waiting.UID = "web-new", nil, "new"
	own := in.Now.Pods[0].DeepCopy()
	own.Name, own.Spec.HostNetwork, own.UID = "exporter", true, "own"
	in.Now.Pods = append(in.Now.Pods, waiting, own)
	r := Try(in).Reachability
	var got []string
	for _, c := range r.Targets {
		got = append(got, fmt.Sprintf("%s %s %d: %s", r.Groups[c.Group].ID, c.Protocol, c.Port, c.Known))
	}
	want := []string{
		"pod/default/allowed TCP 7000: seen in use",
		"statefulset/default/db UDP 53: containerPort dns",
		"statefulset/default/db TCP 5432: containerPort",
		"pod/default/my-app TCP 80: a rule of default/my-network-policy",
		"deployment/default/web TCP 80: containerPort http",
		"deployment/default/web TCP 8443: Service default/web",
		"pod/other/lone TCP 80: containerPort http",
		"deployment/other/web TCP 8080: containerPort http",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if !slices.Equal(r.Waiting, []string{"pod/default/web-new"}) {
		t.Errorf("waiting: %v", r.Waiting)
	}
	node := r.Groups[slices.IndexFunc(r.Groups, func(g model.ReachGroup) bool { return g.ID == "node/node-1" })]
	if !slices.Equal(node.Pods, []string{"pod/default/exporter"}) {
		t.Errorf("%+v", node)
	}
}

// big is a cluster of many pods, each of its own labels if they are lone.
func big(lone bool) Input {
	in := Input{Now: policy.Input{Namespaces: world(false).Now.Namespaces}, Places: world(false).Places}
	for i := range 200 {
		w := pods{"default", fmt.Sprintf("app-%d", i%20), "ReplicaSet", fmt.Sprintf("app-%d", i%20), nil, []v1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 443}}}
		if lone {
			w.owner, w.app, w.kind = fmt.Sprintf("pod-%d", i), fmt.Sprintf("app-%d", i), ""
		}
		in.Now.Pods = append(in.Now.Pods, w.pod(i, 1+i%2, 2+i/2, false))
	}
	for i := range 30 {
		in.Now.Policies = append(in.Now.Policies, &networking.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("p%d", i)},
			Spec: networking.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", i)}},
				Ingress: []networking.NetworkPolicyIngressRule{{From: []networking.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", i+1)}}}}}}},
		})
	}
	in.Put = []*networking.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "deny-last"},
		Spec:       networking.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "app-199"}}},
	}}
	return in
}

// Two hundred pods make a table of workloads; if each is another's, one that is bounded
// and keeps what changes.
func TestBound(t *testing.T) {
	small := Try(big(false))
	if r := small.Reachability; len(r.Groups) != 23 || len(r.Targets) != 40 || r.Omitted != 0 {
		t.Errorf("%d groups, %d targets, %d omitted", len(r.Groups), len(r.Targets), r.Omitted)
	}
	in := big(true)
	for i, p := range in.Now.Pods {
		for n := range 4 {
			p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, v1.ContainerPort{ContainerPort: int32(1000 + 10*i + n)})
		}
	}
	r := Try(in).Reachability
	if cells := len(r.Groups) * len(r.Targets); len(r.Groups) != 203 || cells > maxCells || cells < maxCells*9/10 || r.Omitted != 1200-len(r.Targets) {
		t.Errorf("%d groups, %d targets, %d omitted", len(r.Groups), len(r.Targets), r.Omitted)
	}
	if !slices.ContainsFunc(r.Targets, func(c model.ReachTarget) bool { return r.Groups[c.Group].ID == "pod/default/pod-199" }) {
		t.Error("the one that changes is left out")
	}
	text, err := json.Marshal(r)
	if err != nil || len(text) > 2<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	t.Logf("%d bytes of %d cells", len(text), len(r.Groups)*len(r.Targets))
}

// Two hundred pods with two ports each and 30 policies: of 20 workloads, and all different.
func BenchmarkTry(b *testing.B) {
	for name, lone := range map[string]bool{"20 workloads": false, "200 lone pods": true} {
		in := big(lone)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				text, _ := json.Marshal(Try(in))
				size = len(text)
			}
			b.ReportMetric(float64(size), "bytes/answer")
		})
	}
}
