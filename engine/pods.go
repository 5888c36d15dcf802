package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/hostport"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

// pods keeps the sandboxes of a session: which pod is where in the network. It
// is safe for concurrent use.
type pods struct {
	users   *nsexec.UserNS
	network *network.Network
	log     *slog.Logger
	changed func()            // told when a pod has come or gone; never nil once the session is open
	leaving []func(id string) // told before a sandbox's namespaces are closed
	// ready waits until the node keeps the NetworkPolicies of a pod that has got its address.
	ready func(ctx context.Context, uid types.UID, node string) error

	// ruled is told when the rules of a node's host ports have changed.
	ruled func(node string)

	// joining is held shared while a pod comes or goes, alone while the whole network
	// is set: the list of pods is true then.
	joining sync.RWMutex

	leading sync.Mutex // held while host ports are written
	leads   map[string]*hostport.Ports

	mu        sync.Mutex
	sandboxes map[string]sandbox
	known     map[string]joint // by ID; see joints
}

type sandbox struct {
	name string // namespace/name
	uid  types.UID
	node string
	ips  []netip.Addr // the first of IPv4; none in the node's own network
	ns   *nsexec.Sandbox
	dns  cri.DNS
	host []cri.HostPort // that lead here
}

func newPods(users *nsexec.UserNS, n *network.Network, log *slog.Logger) *pods {
	return &pods{users: users, network: n, log: log, changed: func() {}, sandboxes: map[string]sandbox{}, known: map[string]joint{},
		ready: func(context.Context, types.UID, string) error { return nil },
		ruled: func(string) {}, leads: map[string]*hostport.Ports{}}
}

// joined tells whether it has a network of its own.
func (s sandbox) joined() bool { return len(s.ips) > 0 }

// onLeaving has f told before a sandbox's namespaces are closed. It is for the
// opening of the session, before there are any.
func (p *pods) onLeaving(f func(id string)) { p.leaving = append(p.leaving, f) }

// find returns the newest sandbox of a pod that has an address.
func (p *pods) find(name string) (id string, sb sandbox, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.sandboxes {
		if s.name == name && s.joined() {
			return i, s, true
		}
	}
	return "", sandbox{}, false
}

// vertex names the pod that has an address.
func (p *pods) vertex(ip netip.Addr) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sandboxes {
		if slices.Contains(s.ips, ip) {
			return network.PodVertex(s.name)
		}
	}
	return ""
}

// on gives one node's kubelet its part of the network.
func (p *pods) on(node string) cri.Network { return nodeNetwork{p, node} }

type nodeNetwork struct {
	*pods
	node string
}

// policyTimeout bounds how long a pod waits until its NetworkPolicies hold. The
// kubelet tries again.
const policyTimeout = 10 * time.Second

// Attach makes a pod's namespaces and joins them to the node. When it returns, the
// node enforces what isolates the pod: it has sent nothing yet. And its host ports
// lead to it.
func (n nodeNetwork) Attach(ctx context.Context, pod cri.Pod) (at cri.Attachment, err error) {
	sb, at, err := n.join(ctx, pod)
	if err != nil || pod.HostNetwork {
		return at, err
	}
	ctx, cancel := context.WithTimeout(ctx, policyTimeout)
	defer cancel()
	if err := n.ready(ctx, sb.uid, n.node); err != nil {
		err = fmt.Errorf("failed to set up pod %q network: network policies are not in place: %w", sb.name, err)
		return cri.Attachment{}, errors.Join(err, n.Detach(context.WithoutCancel(ctx), pod.ID))
	}
	if len(sb.host) > 0 {
		if err := n.lead(n.node); err != nil {
			err = fmt.Errorf("failed to set up pod %q network: %w", sb.name, err)
			return cri.Attachment{}, errors.Join(err, n.Detach(context.WithoutCancel(ctx), pod.ID))
		}
	}
	return at, nil
}

func (n nodeNetwork) join(ctx context.Context, pod cri.Pod) (sb sandbox, at cri.Attachment, err error) {
	n.joining.RLock()
	defer n.joining.RUnlock()
	sb = sandbox{name: pod.Namespace + "/" + pod.Name, uid: types.UID(pod.UID), node: n.node, dns: pod.DNS, host: pod.Ports}
	if sb.ns, err = nsexec.NewSandbox(n.users, pod.Hostname); err != nil {
		return sb, at, err
	}
	at.Sandbox = sb.ns
	if pod.HostNetwork {
		if at.HostNetwork = n.network.Node(n.node); at.HostNetwork == nil {
			return sb, at, closing(sb.ns, network.ErrNoNode)
		}
		at.Dial = at.HostNetwork.DialContext
	} else {
		joined, err := n.network.Attach(ctx, network.Pod{ID: pod.ID, Name: sb.name, Node: n.node, NS: sb.ns.Net})
		if err != nil {
			return sb, at, fmt.Errorf("failed to set up pod %q network: %w", sb.name, closing(sb.ns, err))
		}
		sb.ips = []netip.Addr{joined.IP}
		if joined.IP6.IsValid() {
			sb.ips = append(sb.ips, joined.IP6)
		}
		at.IPs = sb.ips
		at.Dial = sb.ns.Net.DialContext
	}
	n.mu.Lock()
	n.sandboxes[pod.ID] = sb
	n.mu.Unlock()
	n.changed()
	return sb, at, nil
}

// addresses are those that pods have, by UID.
func (p *pods) addresses() map[types.UID][]netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[types.UID][]netip.Addr, len(p.sandboxes))
	for _, s := range p.sandboxes {
		if s.joined() {
			all[s.uid] = append(all[s.uid], s.ips...)
		}
	}
	return all
}

// Detach takes the pod off the node and lets its namespaces go.
func (n nodeNetwork) Detach(ctx context.Context, id string) error {
	n.joining.RLock()
	defer n.joining.RUnlock()
	n.mu.Lock()
	sb, ok := n.sandboxes[id]
	delete(n.sandboxes, id)
	n.mu.Unlock()
	if !ok {
		return nil
	}
	defer n.changed()
	for _, f := range n.leaving {
		f(id)
	}
	var err error
	if sb.joined() {
		if len(sb.host) > 0 {
			err = n.lead(n.node)
		}
		err = errors.Join(err, n.network.Detach(ctx, id))
	}
	return closing(sb.ns, err)
}

// closing closes a sandbox whatever err is, which it returns first.
func closing(ns *nsexec.Sandbox, err error) error {
	if cerr := ns.Close(); err == nil {
		return cerr
	}
	return err
}

// set makes the session's network be what is desired, with the pods that there are
// on its nodes.
func (p *pods) set(ctx context.Context, d network.Desired) error {
	p.joining.Lock()
	defer p.joining.Unlock()
	for id, sb := range p.all() {
		if sb.joined() && slices.ContainsFunc(d.Nodes, func(n network.Node) bool { return n.Name == sb.node }) {
			pod := network.Pod{ID: id, Name: sb.name, Node: sb.node, IP: sb.ips[0], NS: sb.ns.Net}
			if len(sb.ips) > 1 {
				pod.IP6 = sb.ips[1]
			}
			d.Pods = append(d.Pods, pod)
		}
	}
	err := p.network.Set(ctx, d)
	p.mu.Lock()
	clear(p.known)
	p.mu.Unlock()
	return err
}

// all are the sandboxes by ID.
func (p *pods) all() map[string]sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.sandboxes)
}
