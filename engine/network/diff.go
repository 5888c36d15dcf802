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
		d := differ{site: s, vertex: v, want: w, have: h, names: map[int]string{loIndex: "lo"}}
		for _, l := range slices.Concat(h.links, w.links) {
			d.names[l.index] = l.name
		}
		d.takeLinks()
		d.takeFlaws()
		d.takeRest()
		d.giveLinks()
		d.giveRest()
		d.giveFlaws()
		d.takeAddrs()
		ops = append(ops, d.ops...)
	}
	return ops
}

// A differ plans for one namespace.
type differ struct {
	site       site
	vertex     string
	want, have *furniture
	names      map[int]string
	ops        []op
}

func (d *differ) isNode() bool { return strings.HasPrefix(d.vertex, "node/") }

func (d *differ) plan(o op) {
	o.vertex = d.vertex
	d.ops = append(d.ops, o)
}

// ours tells whether a link is one that only we make here. Others are left alone.
func (d *differ) ours(l link) bool {
	switch {
	case d.isNode():
		return strings.HasPrefix(l.name, "veth") || l.name == bridgeName || l.name == tunnelName(v4) || l.name == tunnelName(v6)
	case d.vertex == VertexUnderlay:
		return l.kind == "veth"
	}
	return false
}

// takeLinks deletes links that are not wanted, or not so, and forgets all that goes
// with them.
func (d *differ) takeLinks() {
	var gone []int
	for _, l := range d.have.links {
		wanted := slices.ContainsFunc(d.want.links, func(w link) bool {
			return w.name == l.name && w.index == l.index && (w.kind == "" || w.kind == l.kind)
		})
		if !wanted && d.ours(l) {
			d.plan(op{action: deleteLink, link: l})
			gone = append(gone, l.index)
		}
	}
	if len(gone) == 0 {
		return
	}
	left := func(dev int) bool { return !slices.Contains(gone, dev) }
	h := &furniture{guards: d.have.guards, portGuard: d.have.portGuard, flaws: d.have.flaws}
	ports := map[int]bool{} // that are none any more
	for _, l := range d.have.links {
		if l.master != 0 && !left(l.master) {
			l.master, l.port, ports[l.index] = 0, port{}, true
		}
		if left(l.index) {
			h.links = append(h.links, l)
		}
	}
	h.addrs = filter(d.have.addrs, func(a addr) bool { return left(a.dev) })
	h.routes = filter(d.have.routes, func(r route) bool { return left(r.dev) })
	h.neighs = filter(d.have.neighs, func(n neigh) bool { return left(n.dev) })
	h.fdb = filter(d.have.fdb, func(f fdb) bool { return left(f.dev) && !(ports[f.dev] && !f.dst.IsValid()) })
	d.have = h
}

func filter[T any](all []T, keep func(T) bool) (out []T) {
	for _, x := range all {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// takeRest deletes what is not wanted, but for addresses. What another entry will
// replace is no stale one.
func (d *differ) takeRest() {
	for _, g := range d.have.guards {
		goes := g.mac != "" && !d.want.portGuard // with its table
		if !goes && !slices.Contains(d.want.guards, g) {
			d.plan(op{action: deleteGuard, guard: g})
		}
	}
	if d.have.portGuard && !d.want.portGuard {
		d.plan(op{action: deletePortGuard})
	}
	for _, r := range d.have.routes {
		replaced := func(x route) bool {
			// IPv6 takes no gateway on a device that this one would have it elsewhere than.
			return x.dst == r.dst && (x.dev == r.dev || !x.onlink)
		}
		if !slices.ContainsFunc(d.want.routes, replaced) {
			d.plan(op{action: deleteRoute, route: r, dev: d.names[r.dev]})
		}
	}
	for _, n := range d.have.neighs {
		if d.furnished(n.dev) && !slices.ContainsFunc(d.want.neighs, func(x neigh) bool { return x.dev == n.dev && x.ip == n.ip }) {
			d.plan(op{action: deleteNeigh, neigh: n, dev: d.names[n.dev]})
		}
	}
	for _, f := range d.have.fdb {
		if d.furnished(f.dev) && !slices.ContainsFunc(d.want.fdb, func(x fdb) bool { return x.dev == f.dev && x.mac == f.mac }) {
			d.plan(op{action: deleteFDB, fdb: f, dev: d.names[f.dev]})
		}
	}
}

func (d *differ) furnished(dev int) bool {
	return dev == loIndex || slices.ContainsFunc(d.want.links, func(l link) bool { return l.index == dev })
}

func (d *differ) giveLinks() {
	for _, l := range d.want.links {
		i := slices.IndexFunc(d.have.links, func(x link) bool { return x.name == l.name })
		made := i < 0 && l.kind != ""
		h := link{mtu: l.mtu, up: made && l.up}
		if i >= 0 {
			h = d.have.links[i]
		}
		if made {
			d.plan(op{action: addLink, link: l, master: d.names[l.master]})
			if d.site.noSysctl && d.isNode() {
				d.plan(op{action: setForwarding, link: l})
			}
		} else {
			if l.kind != "" && l.master != h.master {
				d.plan(op{action: setMaster, link: l, master: d.names[l.master]})
				h.port = port{}
			}
			if l.mtu != 0 && l.mtu != h.mtu {
				d.plan(op{action: setMTU, link: l})
			}
		}
		if l.kind != "" && l.master != 0 && l.port != h.port {
			d.plan(op{action: setPort, link: l})
		}
		if i < 0 && d.site.noSysctl && d.isNode() && !made {
			d.plan(op{action: setForwarding, link: l})
		}
		switch {
		case l.up && !h.up:
			d.plan(op{action: setUp, link: l})
		case !l.up && h.up:
			d.plan(op{action: setDown, link: l})
		}
	}
}

func (d *differ) giveRest() {
	for _, a := range d.want.addrs {
		if slices.Contains(d.have.addrs, a) {
			continue
		}
		// IPv6 knows an address once on a device: with one prefix, or with another.
		for _, o := range d.have.addrs {
			if o.dev == a.dev && o.prefix.Addr() == a.prefix.Addr() && o.prefix.Addr().Is6() {
				d.plan(op{action: deleteAddr, addr: o, dev: d.names[o.dev]})
			}
		}
		d.plan(op{action: addAddr, addr: a, dev: d.names[a.dev]})
	}
	for _, r := range d.want.routes {
		if !slices.ContainsFunc(d.have.routes, r.equal) {
			d.plan(op{action: addRoute, route: r, dev: d.names[r.dev]})
		}
	}
	for _, n := range d.want.neighs {
		if !slices.Contains(d.have.neighs, n) {
			d.plan(op{action: addNeigh, neigh: n, dev: d.names[n.dev]})
		}
	}
	for _, f := range d.want.fdb {
		if !slices.Contains(d.have.fdb, f) {
			d.plan(op{action: addFDB, fdb: f, dev: d.names[f.dev]})
		}
	}
	if d.want.portGuard && !d.have.portGuard {
		d.plan(op{action: addPortGuard})
	}
	for _, g := range d.want.guards {
		if !slices.Contains(d.have.guards, g) {
			d.plan(op{action: addGuard, guard: g})
		}
	}
}

// takeAddrs deletes addresses that are not wanted: last, so that connections keep theirs
// when it only moves or its prefix changes.
func (d *differ) takeAddrs() {
	for _, a := range d.have.addrs {
		ip := a.prefix.Addr()
		replaced := func(w addr) bool { return w == a || ip.Is6() && w.dev == a.dev && w.prefix.Addr() == ip }
		if d.furnished(a.dev) && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !slices.ContainsFunc(d.want.addrs, replaced) {
			d.plan(op{action: deleteAddr, addr: a, dev: d.names[a.dev]})
		}
	}
}
