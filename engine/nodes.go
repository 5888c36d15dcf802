package engine

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/network"
)

// nodes are a session's machines, in the order of their addresses. It is safe for
// concurrent use; who changes it holds Session.changing.
type nodes struct {
	mu  sync.Mutex
	all []*machine
}

// A machine is one node of a session, switched on or off.
type machine struct {
	network.Node
	on    bool                  // under nodes.mu
	power atomic.Pointer[power] // what runs on it; nil while nothing does
	disk  cri.Disk              // the images that were pulled to it
	gate  gate                  // between its kubelet and the API server
}

func newNodes(list []network.Node) *nodes {
	n := &nodes{}
	for _, node := range list {
		n.all = append(n.all, &machine{Node: node, on: true})
	}
	return n
}

// list are all machines.
func (n *nodes) list() []*machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// on are those that are switched on: they have a network namespace.
func (n *nodes) on() (on []network.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.all {
		if m.on {
			on = append(on, m.Node)
		}
	}
	return on
}

// off are the names of the others.
func (n *nodes) off() (off []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.all {
		if !m.on {
			off = append(off, m.Name)
		}
	}
	return off
}

// find returns the machine of a name, or nil.
func (n *nodes) find(name string) *machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.all {
		if m.Name == name {
			return m
		}
	}
	return nil
}

func (n *nodes) add(m *machine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, m)
	slices.SortFunc(n.all, func(a, b *machine) int { return a.IP.Compare(b.IP) })
}

func (n *nodes) remove(m *machine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = slices.DeleteFunc(n.all, func(x *machine) bool { return x == m })
}

// turn says whether a machine is switched on; making it so is the caller's.
func (n *nodes) turn(m *machine, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m.on = on
}

// cut says whether a machine's link is down; making it so is the caller's.
func (n *nodes) cut(m *machine, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Down = cut
}

// state tells whether a machine is on, and whether it is cut off.
func (n *nodes) state(m *machine) (on, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return m.on, m.Down
}

// names lists machines for a learner to read.
func (n *nodes) names() string {
	var names []string
	for _, m := range n.list() {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}
