package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/policy/note"
)

// An Advice is one change after which a refused connection would be let in, or
// would get further. The planner has tried it.
type Advice struct {
	Sentence string
	// Command makes the change with kubectl; Manifest is a policy that makes it. One
	// of them, or none where it is the request that should change.
	Command  string
	Manifest string
}

// A refusal is what advice is wanted for.
type refusal struct {
	*Plan
	Verdict
	from, to netip.Addr
	protocol v1.Protocol
	port     uint16
	other    *pod // the end that the isolating policies' rules are about; nil: it is no pod
}

// Advice says what would let a connection through that Verdict refuses, the smallest
// change first; nothing for one that is allowed. Policies add up: a further one that
// admits the connection always helps, and is the last advice.
func (p *Plan) Advice(from, to netip.Addr, protocol v1.Protocol, port uint16) []Advice {
	r := refusal{Plan: p, Verdict: p.Verdict(from, to, protocol, port), from: from, to: to, protocol: protocol, port: port}
	if r.Allowed {
		return nil
	}
	r.other = p.byIP[from]
	if r.Note.Direction == note.Egress {
		r.other = p.byIP[to]
	}
	all := r.byLabels()
	if len(all) == 0 {
		all = r.byPort()
	}
	return append(all, r.byPolicy()...)
}

// isolating are the policies that refuse.
func (r *refusal) isolating() (all []*policy) {
	for _, p := range r.policies {
		if slices.Contains(r.Note.Policies, p.name) {
			all = append(all, p)
		}
	}
	return all
}

// byLabels is the rule whose peer the other end would be with a few labels more.
func (r *refusal) byLabels() []Advice {
	if r.other == nil {
		return nil
	}
	var best *labelling
	for _, p := range r.isolating() {
		for _, x := range p.rules(r.Note.Direction) {
			if x.source == nil || !x.port.admits(r.to, r.protocol, r.port) {
				continue
			}
			l := r.labelling(p, x)
			if l != nil && (best == nil || len(l.pod)+len(l.namespace) < len(best.pod)+len(best.namespace)) {
				best = l
			}
		}
	}
	if best == nil {
		return nil
	}
	then, ok := r.after(best.input(r))
	if !ok {
		return nil
	}
	return []Advice{{Sentence: best.sentence(r) + then, Command: best.command(r)}}
}

// A labelling is the labels that pod and namespace lack to be a rule's peer.
type labelling struct {
	policy         string
	rule           int
	pod, namespace map[string]string
}

func (r *refusal) labelling(p *policy, x *rule) *labelling {
	l := &labelling{policy: p.name, rule: x.note.Rule}
	ok := true
	own, _, _ := strings.Cut(p.name, "/")
	switch {
	case x.source.NamespaceSelector != nil:
		l.namespace, ok = missing(x.source.NamespaceSelector, r.namespaces[r.other.object.Namespace])
	case r.other.object.Namespace != own:
		return nil // no label makes it a pod of the policy's own namespace
	}
	if ok && x.source.PodSelector != nil {
		l.pod, ok = missing(x.source.PodSelector, r.other.object.Labels)
	}
	if !ok || len(l.pod)+len(l.namespace) == 0 {
		return nil
	}
	return l
}

// missing are the labels to add for a selector to match; false if adding is not enough.
func missing(s *metav1.LabelSelector, has map[string]string) (map[string]string, bool) {
	add := map[string]string{}
	for k, v := range s.MatchLabels {
		if has[k] != v {
			add[k] = v
		}
	}
	for _, e := range s.MatchExpressions {
		value, there := has[e.Key]
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			if !there || !slices.Contains(e.Values, value) {
				add[e.Key] = e.Values[0]
			}
		case metav1.LabelSelectorOpExists:
			if !there {
				add[e.Key] = "true"
			}
		case metav1.LabelSelectorOpNotIn:
			if there && slices.Contains(e.Values, value) {
				return nil, false
			}
		default:
			if there {
				return nil, false
			}
		}
	}
	return add, true
}

// input is the planner's, with the labels.
func (l *labelling) input(r *refusal) Input {
	in := r.in
	in.Pods, in.Namespaces = slices.Clone(in.Pods), slices.Clone(in.Namespaces)
	for i, o := range in.Pods {
		if o == r.other.object {
			o = o.DeepCopy()
			o.Labels = merged(o.Labels, l.pod)
			in.Pods[i] = o
		}
	}
	for i, o := range in.Namespaces {
		if o.Name == r.other.object.Namespace {
			o = o.DeepCopy()
			o.Labels = merged(o.Labels, l.namespace)
			in.Namespaces[i] = o
		}
	}
	return in
}

func merged(a, b map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

func (l *labelling) sentence(r *refusal) string {
	var what []string
	if len(l.namespace) > 0 {
		what = append(what, fmt.Sprintf("namespace %s %s", r.other.object.Namespace, labelText(l.namespace, ",")))
	}
	if len(l.pod) > 0 {
		what = append(what, fmt.Sprintf("pod %s %s", r.other.name, labelText(l.pod, ",")))
	}
	return fmt.Sprintf("Label %s: %s rule %d of NetworkPolicy %s then admits it.", strings.Join(what, " and "), r.Note.Direction, l.rule, l.policy)
}

func (l *labelling) command(r *refusal) string {
	var all []string
	if len(l.namespace) > 0 {
		all = append(all, fmt.Sprintf("kubectl label --overwrite namespace %s %s", r.other.object.Namespace, labelText(l.namespace, " ")))
	}
	if len(l.pod) > 0 {
		all = append(all, fmt.Sprintf("kubectl label --overwrite -n %s pod %s %s", r.other.object.Namespace, r.other.object.Name, labelText(l.pod, " ")))
	}
	return strings.Join(all, " && ")
}

func labelText(labels map[string]string, between string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+"="+labels[k])
	}
	return strings.Join(all, between)
}

// byPort is a rule that admits the peer to other ports.
func (r *refusal) byPort() []Advice {
	peer := r.from
	if r.Note.Direction == note.Egress {
		peer = r.to
	}
	for _, p := range r.isolating() {
		for _, x := range p.rules(r.Note.Direction) {
			if x.peer != nil && !contains(x.peer.ranges, peer) {
				continue
			}
			_, ports, _ := strings.Cut(x.note.Detail, ", ")
			return []Advice{{Sentence: fmt.Sprintf("%s rule %d of NetworkPolicy %s admits this peer, but to %s: it was %s port %d that was asked for.",
				capital(r.Note.Direction), x.note.Rule, p.name, ports, r.protocol, r.port)}}
		}
	}
	return nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// byPolicy is a further policy, of this one connection.
func (r *refusal) byPolicy() []Advice {
	isolated := r.byIP[r.to]
	peer := r.from
	if r.Note.Direction == note.Egress {
		isolated, peer = r.byIP[r.from], r.to
	}
	port := intstr.FromInt32(int32(r.port))
	ports := []networking.NetworkPolicyPort{{Protocol: &r.protocol, Port: &port}}
	who := r.peerOf(peer)
	o := &networking.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networking.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: isolated.object.Namespace, Name: r.name(isolated.object.Namespace)},
		Spec:       networking.NetworkPolicySpec{PodSelector: *r.selecting(isolated)},
	}
	if r.Note.Direction == note.Egress {
		o.Spec.PolicyTypes = []networking.PolicyType{networking.PolicyTypeEgress}
		o.Spec.Egress = []networking.NetworkPolicyEgressRule{{To: who, Ports: ports}}
	} else {
		o.Spec.PolicyTypes = []networking.PolicyType{networking.PolicyTypeIngress}
		o.Spec.Ingress = []networking.NetworkPolicyIngressRule{{From: who, Ports: ports}}
	}
	in := r.in
	in.Policies = append(slices.Clone(in.Policies), o)
	then, ok := r.after(in)
	if !ok {
		return nil
	}
	text, err := yaml.Marshal(o)
	if err != nil {
		return nil
	}
	sentence := fmt.Sprintf("Or apply a NetworkPolicy that admits it: policies of a pod add up.%s", then)
	if r.port == 53 && r.Note.Direction == note.Egress {
		sentence = fmt.Sprintf("It was a question to DNS: whose egress is isolated finds no name until a policy lets it ask. Apply one.%s", then)
	}
	return []Advice{{Sentence: sentence, Manifest: string(text)}}
}

// name is one that no policy of the namespace has: it would be replaced.
func (r *refusal) name(namespace string) string {
	base := fmt.Sprintf("allow-%s-%s-%d", r.Note.Direction, strings.ToLower(string(r.protocol)), r.port)
	taken := func(name string) bool {
		return slices.ContainsFunc(r.policies, func(p *policy) bool { return p.name == namespace+"/"+name })
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// selecting is a pod's selector by those labels that are its own and its replicas'.
func (r *refusal) selecting(p *pod) *metav1.LabelSelector {
	labels := maps.Clone(p.object.Labels)
	for _, k := range []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"} {
		delete(labels, k)
	}
	return &metav1.LabelSelector{MatchLabels: labels}
}

func (r *refusal) peerOf(a netip.Addr) []networking.NetworkPolicyPeer {
	if r.other == nil {
		return []networking.NetworkPolicyPeer{{IPBlock: &networking.IPBlock{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}}}
	}
	return []networking.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1.LabelMetadataName: r.other.object.Namespace}},
		PodSelector:       r.selecting(r.other),
	}}
}

// after tries a change. It helps if the direction that refused does so no more; what
// stands in the way then is told.
func (r *refusal) after(in Input) (then string, helps bool) {
	v := Compile(in).Verdict(r.from, r.to, r.protocol, r.port)
	switch {
	case v.Allowed:
		return "", true
	case v.Note.Direction != r.Note.Direction:
		return " Then the other end's policies have their say: " + v.Sentence, true
	}
	return "", false
}
