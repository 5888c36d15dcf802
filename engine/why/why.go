package why

import (
	"net/netip"
	"strings"

	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
)

// Traps; model.Why lists them.
const (
	TrapPing        = "ping"
	TrapServicePort = "service-port"
	TrapSelector    = "selector"
	TrapNotReady    = "not-ready"
	TrapTargetPort  = "target-port"
	TrapPort        = "port"
	TrapLocal       = "local"
	TrapDNSEgress   = "dns-egress"
	TrapName        = "name"

	TrapOutside      = "outside"
	TrapSourceRanges = "source-ranges"
)

// Objects are what the answers are taken from, as the API has them now. Its methods
// are safe for concurrent use if the listers and Listening are.
type Objects struct {
	Services       corelisters.ServiceLister
	Pods           corelisters.PodLister
	Namespaces     corelisters.NamespaceLister
	EndpointSlices discoverylisters.EndpointSliceLister
	// Listening are the addresses at which a pod's programs take connections of TCP, or
	// datagrams of UDP; false if that cannot be known. May be nil.
	Listening func(pod *v1.Pod, protocol v1.Protocol) ([]netip.AddrPort, bool)
	// Zone is the cluster's domain: cluster.local.
	Zone string
}

// Packet says why a packet did not arrive, or why DNS knew no name; nil where it is
// none of the mistakes that are known.
func (o *Objects) Packet(j *model.Journey) *model.Why {
	if len(j.Hops) == 0 {
		return nil
	}
	c := &failure{Objects: o, j: j, last: len(j.Hops) - 1}
	c.decision = j.Hops[c.last].Decision
	var w *model.Why
	switch {
	case j.Verdict == "delivered" && j.Reply && strings.HasSuffix(j.Summary, noSuchName):
		w = c.denied()
	case c.decision == nil:
	case c.decision.Kind == "policy" && j.Verdict == "dropped":
		w = c.unasked()
	case c.decision.Kind == "reject" && strings.HasPrefix(j.To, "pod/"):
		w = c.unheard()
	case c.decision.Kind == "reject" || c.decision.Kind == "drop":
		w = c.service()
	}
	return w
}

// A failure is a journey that is to be explained.
type failure struct {
	*Objects
	j        *model.Journey
	last     int // the hop where it ended
	decision *model.Decision
}

// seen is what the journey shows at a hop.
func (c *failure) seen(hop int) model.Finding {
	h := &c.j.Hops[hop]
	s := h.Sentence
	if h.Decision != nil && h.Decision.Sentence != "" {
		s = h.Decision.Sentence
	}
	return model.Finding{Sentence: s, Journey: c.j.ID, Hop: hop}
}

// destination is where the packet was going at a hop: before that hop's decision.
func (c *failure) destination(hop int) (to netip.AddrPort, ok bool) {
	h := &c.j.Hops[hop].Header
	if b := c.j.Hops[hop].Before; b != nil {
		h = b
	}
	if to, err := netip.ParseAddrPort(h.Destination); err == nil {
		return to, true
	}
	ip, err := netip.ParseAddr(h.Destination)
	return netip.AddrPortFrom(ip, 0), err == nil
}

// pod is the one whose vertex this is; nil if it is none, or is gone.
func (o *Objects) pod(vertex string) *v1.Pod {
	name, ok := strings.CutPrefix(vertex, "pod/")
	if !ok {
		return nil
	}
	namespace, name, _ := strings.Cut(name, "/")
	p, err := o.Pods.Pods(namespace).Get(name)
	if err != nil {
		return nil
	}
	return p
}

func object(kind, namespace, name string) *model.Object {
	return &model.Object{Kind: kind, Namespace: namespace, Name: name}
}
