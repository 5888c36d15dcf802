package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Attach joins one pod to its node, as Set with that pod added would, planning
// for that pod alone. Attaching it again changes nothing.
func (n *Network) Attach(ctx context.Context, p Pod) (Attachment, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.ready(ctx); err != nil {
		return Attachment{}, err
	}
	if old, ok := n.pods[p.ID]; ok {
		return n.attachment(old), nil
	}
	at, err := n.place(p)
	if err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	v, inside := NodeVertex(p.Node), &space{ns: p.NS}
	defer inside.close()
	spaces := map[string]*space{v: n.spaces[v], at.vertex(): inside}
	if err := apply(n.wire(at.placed), spaces); err != nil {
		// Leave nothing half: one link may be deleted, if not hundreds.
		undo := append(n.unwire(at.placed), op{vertex: v, action: deleteLink, link: link{name: vethName(p.ID), index: at.host}})
		n.free(at)
		if uerr := apply(undo, spaces); uerr != nil {
			n.log.Warn("undoing an attachment", "pod", p.Name, "err", uerr)
		}
		return Attachment{}, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	if err := n.holdAgain(); err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	n.introduce(at.placed, addNeigh)
	return n.attachment(at), nil
}

// Detach takes a pod from its node: its address is free again and nothing leads
// to it or is let through from it. The links go when the pod's namespace does.
// Detaching one that is not attached is well.
func (n *Network) Detach(ctx context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	p, ok := n.pods[id]
	if !ok {
		return nil
	}
	n.free(p)
	if err := n.forget(p.IP); err != nil {
		n.log.Warn("the next pod with this address may go on with its connections", "pod", p.Name, "ip", p.IP, "err", err)
	}
	if err := errors.Join(apply(n.unwire(p.placed), n.spaces), n.holdAgain()); err != nil {
		return fmt.Errorf("detach %s: %w", p.Name, err)
	}
	n.introduce(p.placed, deleteNeigh)
	return nil
}

// place gives a pod its addresses and index, unless it has them.
func (n *Network) place(p Pod) (*pod, error) {
	if old, ok := n.pods[p.ID]; ok {
		old.NS = p.NS
		return old, nil
	}
	m, ok := n.ipams[p.Node]
	if !ok || n.spaces[NodeVertex(p.Node)] == nil {
		return nil, fmt.Errorf("node %s: %w", p.Node, ErrNoNode)
	}
	var err error
	if p.IP, err = m[v4].take(p.ID, p.IP); err != nil {
		return nil, err
	}
	if m[v6] != nil {
		if p.IP6, err = m[v6].take(p.ID, p.IP6); err != nil {
			m[v4].release(p.ID, p.IP)
			return nil, err
		}
	}
	at := &pod{placed{Pod: p, host: n.next[p.Node]}}
	n.next[p.Node]++
	n.pods[p.ID] = at
	return at, nil
}

func (n *Network) free(p *pod) {
	delete(n.pods, p.ID)
	for f, m := range n.ipams[p.Node] {
		if m != nil {
			m.release(p.ID, p.ip(family(f)))
		}
	}
}

func (n *Network) attachment(p *pod) Attachment {
	node := n.node(p.Node)
	at := Attachment{
		IP: p.IP, Gateway: node.gateway(v4), IP6: p.IP6, MAC: macOf(p.IP), HostDevice: vethName(p.ID), HostIndex: p.host,
	}
	if p.IP6.IsValid() {
		at.Gateway6 = node.gateway(v6)
	}
	return at
}

// wire plans one pod's place, from nothing.
func (n *Network) wire(p placed) []op {
	node, pod := &furniture{portGuard: n.desired.bridged()}, &furniture{}
	furnishPod(n.site, n.layout(n.placed()), n.node(p.Node), p, node, pod)
	v := NodeVertex(p.Node)
	want := map[string]*furniture{v: node, p.vertex(): pod}
	bridge := &furniture{portGuard: node.portGuard}
	if n.desired.bridged() { // which is there, to be a port of
		br := link{name: bridgeName, index: n.site.bridge(), up: true}
		node.links, bridge.links = append([]link{br}, node.links...), []link{br}
	}
	return diff(n.site, []string{v, p.vertex()}, want, map[string]*furniture{v: bridge})
}

// unwire plans what is left to do on the node of a pod that is no longer in n.pods.
func (n *Network) unwire(p placed) (ops []op) {
	node := &furniture{}
	furnishPod(n.site, n.layout(nil), n.node(p.Node), p, node, &furniture{})
	v, dev := NodeVertex(p.Node), vethName(p.ID)
	for _, g := range node.guards {
		ops = append(ops, op{vertex: v, action: deleteGuard, guard: g})
	}
	for _, f := range node.flaws {
		ops = append(ops, op{vertex: v, action: deleteFlaw, flaw: f})
	}
	for _, r := range node.routes {
		ops = append(ops, op{vertex: v, action: deleteRoute, route: r, dev: dev})
	}
	for _, e := range node.neighs {
		if e.dev == n.site.bridge() {
			ops = append(ops, op{vertex: v, action: deleteNeigh, neigh: e, dev: bridgeName})
		}
	}
	return ops
}

// introduce tells the others on a pod's bridge that it has come, or gone. It must
// not fail: their namespaces are their owners'.
func (n *Network) introduce(p placed, what action) {
	if !n.desired.bridged() {
		return
	}
	node := n.node(p.Node)
	for _, q := range n.placed() {
		if q.Node != p.Node || q.ID == p.ID {
			continue
		}
		var ops []op
		for _, e := range acquaint(n.site, n.layout(nil), node, p) {
			ops = append(ops, op{vertex: q.vertex(), action: what, neigh: e, dev: "eth0"})
		}
		s := &space{ns: q.NS}
		if err := apply(ops, map[string]*space{q.vertex(): s}); err != nil {
			n.log.Warn("introducing pods", "pod", p.Name, "to", q.Name, "err", err)
		}
		s.close()
	}
}

func (n *Network) node(name string) Node {
	return n.desired.Nodes[slices.IndexFunc(n.desired.Nodes, func(x Node) bool { return x.Name == name })]
}

// take reserves an address, or allocates one if none is given.
func (m *ipam) take(id string, a netip.Addr) (netip.Addr, error) {
	if !a.IsValid() {
		return m.allocate(id)
	}
	return a, m.reserve(id, a)
}
