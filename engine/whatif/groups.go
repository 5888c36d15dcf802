package whatif

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
)

// A member is a pod with its addresses, or a place.
type member struct {
	pod   *v1.Pod // nil of a place
	id    string
	ips   []netip.Addr
	hosts []string // of a pod: its node's addresses
	class string   // what policies see of it, before and after
}

// A group is a row of the table.
type group struct {
	model.ReachGroup
	members []*member
}

// groups are the rows: pods by what they belong to, in order of their names, then the places.
func (t *table) groups() (all []*group) {
	var members []*member
	onNodes := map[string][]string{} // pods of a node's own network
	for _, p := range t.Now.Pods {
		if p.Status.Phase == v1.PodSucceeded || p.Status.Phase == v1.PodFailed {
			continue
		}
		if p.Spec.HostNetwork {
			onNodes["node/"+p.Spec.NodeName] = append(onNodes["node/"+p.Spec.NodeName], podID(p.Namespace+"/"+p.Name))
			continue
		}
		m := &member{pod: p, id: podID(p.Namespace + "/" + p.Name), ips: addresses(t.now, t.Now, p)}
		if len(m.ips) == 0 {
			t.out.Waiting = append(t.out.Waiting, m.id)
			continue
		}
		for _, ip := range p.Status.HostIPs {
			m.hosts = append(m.hosts, ip.IP)
		}
		members = append(members, m)
	}
	slices.Sort(t.out.Waiting)
	slices.SortFunc(members, func(a, b *member) int { return cmp.Compare(a.id, b.id) })
	var places []*member
	for _, p := range t.Places {
		places = append(places, &member{id: p.ID, ips: p.IPs})
	}
	t.classify(slices.Concat(members, places))

	by := map[string]*group{}
	parts := map[string][]*group{} // by what they belong to: one unless policies tell them apart
	for _, m := range members {
		owner := ownerOf(m.pod)
		key := fmt.Sprint(owner, "\x00", m.class, "\x00", declared(m.pod))
		if owner.ID == m.id && len(m.pod.Labels) > 0 {
			// Pods of nobody's are alike by their labels.
			key = fmt.Sprint(owner.Namespace, "\x00", labelText(m.pod.Labels), "\x00", m.class, "\x00", declared(m.pod))
		}
		g := by[key]
		if g == nil {
			g = &group{ReachGroup: owner}
			by[key] = g
			all = append(all, g)
			parts[owner.ID] = append(parts[owner.ID], g)
		}
		g.members = append(g.members, m)
		g.Pods = append(g.Pods, m.id)
	}
	for _, g := range all {
		own := g.Kind == "Pod"
		switch n := len(g.Pods); {
		case n > 1 && own:
			g.Note = fmt.Sprintf("And %d more pods of the same labels.", n-1)
		case len(parts[g.ID]) > 1 && n == 1:
			g.ReachGroup = podGroup(g.members[0].pod)
			g.Pods = []string{g.ID}
		case len(parts[g.ID]) > 1:
			g.Note = "Policies tell it from other pods of the same owner."
		}
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	for i, p := range t.Places {
		g := model.ReachGroup{ID: p.ID, Kind: p.Kind, Name: p.Name, Note: p.Note, Pods: onNodes[p.ID]}
		slices.Sort(g.Pods)
		all = append(all, &group{ReachGroup: g, members: places[i : i+1]})
	}
	return all
}

// classify gives those that both plans cannot tell apart the same class.
func (t *table) classify(all []*member) {
	var ips []netip.Addr
	for _, m := range all {
		ips = append(ips, m.ips...)
	}
	now := t.now.Alike(ips)
	then := now
	if t.tried {
		then = t.after.Alike(ips)
	}
	short := map[string]int{}
	i := 0
	for _, m := range all {
		for range m.ips {
			key := now[i] + "\x00" + then[i]
			if _, ok := short[key]; !ok {
				short[key] = len(short)
			}
			m.class += fmt.Sprintf("%d,", short[key])
			i++
		}
	}
}

// ownerOf names what a pod belongs to: its controller, of a ReplicaSet the Deployment
// that made it, or itself.
func ownerOf(p *v1.Pod) model.ReachGroup {
	ref := metav1.GetControllerOfNoCopy(p)
	if ref == nil {
		return podGroup(p)
	}
	g := model.ReachGroup{Kind: ref.Kind, Namespace: p.Namespace, Name: ref.Name}
	if name, ok := strings.CutSuffix(ref.Name, "-"+p.Labels["pod-template-hash"]); ok && ref.Kind == "ReplicaSet" {
		g.Kind, g.Name = "Deployment", name
	}
	g.ID = strings.ToLower(g.Kind) + "/" + g.Namespace + "/" + g.Name
	return g
}

func podGroup(p *v1.Pod) model.ReachGroup {
	return model.ReachGroup{ID: podID(p.Namespace + "/" + p.Name), Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
}

func labelText(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%s=%s,", k, labels[k])
	}
	return b.String()
}
