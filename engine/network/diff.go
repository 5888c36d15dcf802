package network

import (
	"slices"
	"strings"
)

// diff says what must be done for have to become want, in an order in which each
// step finds what it needs: the far ends of veths come to be in later vertices.
// It is pure, and plans nothing when nothing is missing.
func diff(s site, vertices []string, want, have map[string]*furniture) []op {
	var ops []op
	// Before there are links: these copy what is the default when they come to be.
	for _, v := range vertices {
		for _, c := range want[v].settings() {
			if !s.noSysctl && !slices.Contains(have[v].settings(), c) {
				ops = append(ops, op{vertex: v, action: setSysctl, sysctl: c})
			}
		}
	}
	for _, v := range vertices {
		w, h := want[v], have[v]
		if w == nil {
			continue
		}
		if h == nil {
			h = &furniture{}
		}
		ops = append(ops, diffOne(s, v, w, h)...)
	}
	return ops
}

func diffOne(s site, v string, w, h *furniture) (ops []op) {
	names := map[int]string{loIndex: "lo"}
	for _, l := range slices.Concat(h.links, w.links) {
		names[l.index] = l.name
	}
	isNode := strings.HasPrefix(v, "node/")
	for _, g := range h.guards {
		if !slices.Contains(w.guards, g) {
			ops = append(ops, op{vertex: v, action: deleteGuard, guard: g})
		}
	}
	gone := map[int]bool{}
	for _, l := range h.links {
		// A machine's port outlasts its namespace for as long as the kernel takes to end that.
		stale := isNode && strings.HasPrefix(l.name, "veth") || v == VertexUnderlay && l.kind == "veth"
		if stale && !slices.ContainsFunc(w.links, func(x link) bool { return x.name == l.name }) {
			ops = append(ops, op{vertex: v, action: deleteLink, link: l})
			gone[l.index] = true
		}
	}
	for _, r := range h.routes {
		// A route goes with its device; one that another will replace is no stale one.
		if (isNode || v == VertexClient) && !gone[r.dev] && !slices.ContainsFunc(w.routes, func(x route) bool { return x.dst == r.dst }) {
			ops = append(ops, op{vertex: v, action: deleteRoute, route: r, dev: names[r.dev]})
		}
	}
	for _, l := range w.links {
		i := slices.IndexFunc(h.links, func(x link) bool { return x.name == l.name })
		switch {
		case i < 0 && l.kind != "":
			ops = append(ops, op{vertex: v, action: addLink, link: l})
		case i < 0 || !h.links[i].up:
			ops = append(ops, op{vertex: v, action: setUp, link: l})
		}
		if i < 0 && s.noSysctl && isNode {
			ops = append(ops, op{vertex: v, action: setForwarding, link: l})
		}
	}
	for _, a := range w.addrs {
		if !slices.Contains(h.addrs, a) {
			ops = append(ops, op{vertex: v, action: addAddr, addr: a, dev: names[a.dev]})
		}
	}
	for _, r := range w.routes {
		if !slices.ContainsFunc(h.routes, r.equal) {
			ops = append(ops, op{vertex: v, action: addRoute, route: r, dev: names[r.dev]})
		}
	}
	for _, n := range w.neighs {
		if !slices.Contains(h.neighs, n) {
			ops = append(ops, op{vertex: v, action: addNeigh, neigh: n, dev: names[n.dev]})
		}
	}
	for _, g := range w.guards {
		if !slices.Contains(h.guards, g) {
			ops = append(ops, op{vertex: v, action: addGuard, guard: g})
		}
	}
	return ops
}
