package network

import (
	"cmp"
	"slices"
	"strings"

	"github.com/podhop/podhop/internal/nsexec"
)

// Node returns a node's namespace, nil if there is none by that name.
func (n *Network) Node(name string) *nsexec.NetNS { return n.space(NodeVertex(name)) }

// Client returns the namespace of the client outside.
func (n *Network) Client() *nsexec.NetNS { return n.space(VertexClient) }

// Underlay returns the namespace of the bridge that joins nodes and client.
func (n *Network) Underlay() *nsexec.NetNS { return n.space(VertexUnderlay) }

func (n *Network) space(vertex string) *nsexec.NetNS {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.spaces[vertex]; s != nil {
		return s.ns
	}
	return nil
}

// Pod returns an attached pod, with its addresses.
func (n *Network) Pod(id string) (Pod, Attachment, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.pods[id]
	if !ok {
		return Pod{}, Attachment{}, false
	}
	return p.Pod, n.attachment(p), true
}

// Wiring is what joins a pod to the network, as the network is now, each step as the
// command that does the same.
func (n *Network) Wiring(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.pods[id]
	if !ok {
		return nil
	}
	return commands(n.wire(p.placed))
}

// NodeWiring is the same for a node, without its pods: its place in the underlay, its
// bridge and tunnels, and its ways to other nodes.
func (n *Network) NodeWiring(name string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spaces[NodeVertex(name)] == nil {
		return nil
	}
	want := furnish(n.site, n.layout(nil))
	v, under := NodeVertex(name), want[VertexUnderlay]
	br := under.links[0]
	under.links = filter(under.links, func(l link) bool { return l.peer == v || l.index == br.index })
	under.neighs = filter(under.neighs, func(e neigh) bool { return e.mac == under.links[1].peerMAC })
	under.fdb = filter(under.fdb, func(e fdb) bool { return e.dev == under.links[1].index })
	under.sysctls, under.addrs = nil, nil
	have := map[string]*furniture{VertexUnderlay: {links: []link{{name: br.name, index: br.index, kind: br.kind, up: true}}}}
	return commands(diff(n.site, []string{VertexUnderlay, v}, want, have))
}

func commands(ops []op) (out []string) {
	for _, o := range ops {
		out = append(out, o.String())
	}
	return out
}

// Devices lists every device but lo, by vertex and index.
func (n *Network) Devices() []Device {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.desired.ClientIP.IsValid() {
		return nil
	}
	var out []Device
	for v, f := range furnish(n.site, n.layout(n.placed())) {
		out = append(out, f.devices(v)...)
	}
	slices.SortFunc(out, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.Vertex, b.Vertex), cmp.Compare(a.Index, b.Index))
	})
	return out
}

// Device finds one of them, without looking at all.
func (n *Network) Device(vertex string, index int) (Device, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.desired.ClientIP.IsValid() {
		return Device{}, false
	}
	f := &furniture{}
	node, isNode := strings.CutPrefix(vertex, "node/")
	switch {
	case isNode && index >= podIndexes || strings.HasPrefix(vertex, "pod/"):
		for _, p := range n.pods {
			mine := &furniture{}
			switch {
			case p.Node == node && p.host == index:
				furnishPod(n.site, n.layout(nil), n.node(node), p.placed, f, mine)
			case PodVertex(p.Name) == vertex:
				furnishPod(n.site, n.layout(nil), n.node(p.Node), p.placed, mine, f)
			}
		}
	default:
		f = furnish(n.site, n.layout(nil))[vertex]
	}
	if f != nil {
		for _, d := range f.devices(vertex) {
			if d.Index == index {
				return d, true
			}
		}
	}
	return Device{}, false
}

func (f *furniture) devices(vertex string) (out []Device) {
	real := func(v string) string {
		v, _, _ = strings.Cut(v, "@")
		return v
	}
	for _, l := range f.links {
		d := Device{Vertex: real(vertex), Name: l.name, Index: l.index, Peer: real(l.peer), PeerName: l.peerName, PeerIndex: l.peerIndex}
		switch {
		case l.master != 0 && vertex == VertexUnderlay:
			d.Bridge = underlayBridge
		case l.master != 0:
			d.Bridge = bridgeName
		}
		out = append(out, d)
	}
	return out
}
