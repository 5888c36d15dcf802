package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Set makes the network what d says, whatever it was: the full resync. Pods that
// d does not name are detached, nodes that it does not name are closed with all
// that is on them; so is one whose addresses have changed, and another opened. Pods
// keep their addresses whatever the CNI was. A session's families are those of the
// first Set. On error what could be done has been done, and Set may be called again;
// ErrInvalid means that nothing was.
func (n *Network) Set(ctx context.Context, d Desired) error {
	_, err := n.set(ctx, d)
	return err
}

func (n *Network) set(ctx context.Context, d Desired) ([]op, error) {
	return n.update(ctx, func(now *Desired) { *now = d })
}

// Update is Set for those who want something else than there is: change is given
// what is desired now, with the pods that are attached, and no pod comes or goes until
// Update returns. It must not call the Network.
func (n *Network) Update(ctx context.Context, change func(*Desired)) error {
	_, err := n.update(ctx, change)
	return err
}

// Desired is what the network was last told to be, with the pods that are attached.
func (n *Network) Desired() Desired {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.current()
}

func (n *Network) current() Desired {
	d := n.desired
	d.Nodes = slices.Clone(d.Nodes)
	for _, p := range n.placed() {
		d.Pods = append(d.Pods, p.Pod)
	}
	return d
}

// placed are the pods that are attached, in a lasting order.
func (n *Network) placed() (out []placed) {
	for _, p := range n.pods {
		out = append(out, p.placed)
	}
	slices.SortFunc(out, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.host, b.host))
	})
	return out
}

func (n *Network) update(ctx context.Context, change func(*Desired)) ([]op, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	d := n.current()
	change(&d)
	d.CNI = cmp.Or(d.CNI, Routed)
	if err := d.check(n.site); err != nil {
		return nil, err
	}
	if n.desired.ClientIP.IsValid() && n.desired.ClientIP6.IsValid() != d.ClientIP6.IsValid() {
		return nil, fmt.Errorf("%w: a session stays dual stack, or not", ErrInvalid)
	}
	if d.CNI != n.desired.CNI && d.bridged() && n.site.noFilter {
		n.log.Info("the kernel has no br_netfilter: pods on one bridge reach each other by way of their node")
	}
	fresh, err := n.setNodes(d)
	if err != nil {
		return nil, err
	}
	if err := n.setPods(d); err != nil {
		return nil, err
	}
	spaces := map[string]*space{}
	vertices := []string{VertexUnderlay, VertexClient}
	for _, node := range d.Nodes {
		vertices = append(vertices, NodeVertex(node.Name))
	}
	for v, s := range n.spaces {
		spaces[v] = s
	}
	pods := n.placed()
	for _, p := range pods {
		s := &space{ns: p.NS}
		defer s.close()
		spaces[p.vertex()] = s
		vertices = append(vertices, p.vertex())
	}
	want := furnish(n.site, n.layout(pods))
	n.faulty = n.faulty || len(d.Faults) > 0
	have, err := n.observe(slices.DeleteFunc(slices.Clone(vertices), func(v string) bool { return fresh[v] }), want, spaces)
	if err != nil {
		return nil, err
	}
	ops := diff(n.site, vertices, want, have)
	if err := errors.Join(apply(ops, spaces), n.hold(want, spaces)); err != nil {
		return ops, err
	}
	n.faulty = len(d.Faults) > 0
	return ops, nil
}

func (n *Network) layout(pods []placed) layout {
	return layout{Desired: n.desired, pods: pods, announced: n.announced}
}

// observe looks at what is in some of the namespaces.
func (n *Network) observe(vertices []string, want map[string]*furniture, spaces map[string]*space) (map[string]*furniture, error) {
	have := map[string]*furniture{}
	for _, v := range vertices {
		node := n.spaces[v] != nil && n.spaces[v].nf != nil
		if err := spaces[v].ns.Do(func() (err error) {
			have[v], err = observe(want[v], node, n.faulty)
			return err
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", v, err)
		}
	}
	return have, nil
}

// setNodes opens and closes nodes' namespaces, and returns those that are new.
func (n *Network) setNodes(d Desired) (fresh map[string]bool, err error) {
	n.closeNodes(d)
	fresh = map[string]bool{}
	if !n.desired.ClientIP.IsValid() {
		fresh[VertexUnderlay] = true // nothing was ever put into it
	}
	vertices := []string{VertexClient}
	for _, node := range d.Nodes {
		vertices = append(vertices, NodeVertex(node.Name))
	}
	var mu sync.Mutex
	var g errgroup.Group
	for _, v := range filter(vertices, func(v string) bool { return n.spaces[v] == nil }) {
		fresh[v] = true
		g.Go(func() error {
			s, err := n.newSpace(n.newNS, v != VertexClient, d.ClientIP6.IsValid())
			if err != nil {
				return fmt.Errorf("%s: %w", v, err)
			}
			mu.Lock()
			defer mu.Unlock()
			n.spaces[v] = s
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, node := range d.Nodes {
		if n.next[node.Name] != 0 {
			continue
		}
		n.next[node.Name] = podIndexes
		m := [2]*ipam{newIPAM(node.PodCIDR)}
		if node.PodCIDR6.IsValid() {
			m[v6] = newIPAM(node.PodCIDR6)
		}
		n.ipams[node.Name] = m
	}
	n.desired = d
	n.desired.Nodes, n.desired.Faults, n.desired.Pods = slices.Clone(d.Nodes), slices.Clone(d.Faults), nil
	return fresh, nil
}

// closeNodes lets go of the nodes that are to go, and of the pods on them.
func (n *Network) closeNodes(d Desired) {
	for _, old := range n.desired.Nodes {
		stays := slices.ContainsFunc(d.Nodes, func(node Node) bool {
			node.Down = old.Down
			return node == old
		})
		if stays {
			continue
		}
		v := NodeVertex(old.Name)
		if s := n.spaces[v]; s != nil {
			s.close()
			s.ns.Close()
		}
		delete(n.spaces, v)
		delete(n.ipams, old.Name)
		delete(n.next, old.Name)
		for id, p := range n.pods {
			if p.Node == old.Name {
				delete(n.pods, id)
			}
		}
	}
}

// setPods places new pods and forgets those that are no longer desired, whose rests
// the planner will find.
func (n *Network) setPods(d Desired) error {
	wanted := map[string]bool{}
	for _, p := range d.Pods {
		wanted[p.ID] = true
	}
	for id, p := range n.pods {
		if !wanted[id] {
			n.free(p)
		}
	}
	var errs []error
	for _, p := range d.Pods {
		if _, err := n.place(p); err != nil {
			errs = append(errs, fmt.Errorf("pod %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}
