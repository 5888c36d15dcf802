package network

import (
	"cmp"
	"slices"

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

// Pod returns an attached pod, with its address.
func (n *Network) Pod(id string) (Pod, Attachment, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.pods[id]
	if !ok {
		return Pod{}, Attachment{}, false
	}
	return p.Pod, p.attachment, true
}

// Wiring is what was done to join a pod to the network, each step as the command
// that would do the same.
func (n *Network) Wiring(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, ok := n.pods[id]; ok {
		return slices.Clone(p.wiring)
	}
	return nil
}

// Devices lists every device but lo, by vertex and index.
func (n *Network) Devices() []Device {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.desired.ClientIP.IsValid() {
		return nil
	}
	var pods []placed
	for _, p := range n.pods {
		pods = append(pods, p.placed)
	}
	var out []Device
	for v, f := range furnish(n.site, n.layout(pods)) {
		for _, l := range f.links {
			out = append(out, Device{Vertex: v, Name: l.name, Index: l.index, Peer: l.peer, PeerIndex: l.peerIndex})
		}
	}
	slices.SortFunc(out, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.Vertex, b.Vertex), cmp.Compare(a.Index, b.Index))
	})
	return out
}
