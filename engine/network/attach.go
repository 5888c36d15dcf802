package network

import (
	"context"
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
		return old.attachment, nil
	}
	at, err := n.place(p)
	if err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	vertices := []string{NodeVertex(p.Node), PodVertex(p.Name)}
	want := map[string]*furniture{vertices[0]: {}, vertices[1]: {}}
	furnishPod(n.site, n.node(p.Node), at.placed, want[vertices[0]], want[vertices[1]])
	ops := diff(n.site, vertices, want, nil)

	inside := &space{ns: p.NS}
	defer inside.close()
	spaces := map[string]*space{vertices[0]: n.spaces[vertices[0]], vertices[1]: inside}
	if err := apply(ops, spaces); err != nil {
		// Leave nothing half: one link may be deleted, if not hundreds.
		undo := append(n.remove(at), op{vertex: vertices[0], action: deleteLink, link: want[vertices[0]].links[0]})
		if uerr := apply(undo, spaces); uerr != nil {
			n.log.Warn("undoing an attachment", "pod", p.Name, "err", uerr)
		}
		return Attachment{}, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	n.noteWiring(at, ops)
	return at.attachment, nil
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
	if err := n.forget(p.attachment.IP, p.attachment.IP6); err != nil {
		n.log.Warn("the next pod with this address may go on with its connections", "pod", p.Name, "ip", p.IP, "err", err)
	}
	if err := apply(n.remove(p), n.spaces); err != nil {
		return fmt.Errorf("detach %s: %w", p.Name, err)
	}
	return nil
}

// place gives a pod its address and index, unless it has them.
func (n *Network) place(p Pod) (*pod, error) {
	if old, ok := n.pods[p.ID]; ok {
		old.NS = p.NS
		return old, nil
	}
	m := n.ipams[p.Node]
	if m == nil || n.spaces[NodeVertex(p.Node)] == nil {
		return nil, fmt.Errorf("node %s: %w", p.Node, ErrNoNode)
	}
	var err error
	if p.IP.IsValid() {
		err = m.reserve(p.ID, p.IP)
	} else {
		p.IP, err = m.allocate(p.ID)
	}
	if err != nil {
		return nil, err
	}
	at := &pod{placed: placed{Pod: p, host: n.next[p.Node]}}
	n.next[p.Node]++
	at.attachment = Attachment{
		IP: p.IP, Gateway: m.gateway(), MAC: macOf(p.IP), HostDevice: vethName(p.ID), HostIndex: at.host,
	}
	n.pods[p.ID] = at
	return at, nil
}

// remove forgets a pod, and plans what is left to do on its node.
func (n *Network) remove(p *pod) []op {
	delete(n.pods, p.ID)
	n.ipams[p.Node].release(p.ID, p.IP)
	v, dev := NodeVertex(p.Node), p.attachment.HostDevice
	return []op{
		{vertex: v, action: deleteGuard, guard: guard{dev, p.IP}},
		{vertex: v, action: deleteRoute, route: route{dst: netip.PrefixFrom(p.IP, 32), dev: p.host}, dev: dev},
	}
}

// noteWiring keeps what was done for a pod, in its namespace and on its node.
func (n *Network) noteWiring(p *pod, ops []op) {
	var out []string
	for _, o := range ops {
		mine := o.vertex == PodVertex(p.Name)
		if o.vertex == NodeVertex(p.Node) {
			mine = o.dev == p.attachment.HostDevice || o.guard.device == p.attachment.HostDevice || o.link.name == p.attachment.HostDevice
		}
		if mine && o.action != deleteRoute && o.action != deleteGuard {
			out = append(out, o.String())
		}
	}
	if len(out) > 0 {
		p.wiring = out
	}
}

func (n *Network) node(name string) Node {
	return n.desired.Nodes[slices.IndexFunc(n.desired.Nodes, func(x Node) bool { return x.Name == name })]
}
