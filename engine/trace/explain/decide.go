package explain

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	hostnote "github.com/podhop/podhop/engine/hostport/note"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy/note"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Kinds of decisions; model.Decision lists them.
const (
	kindDNAT       = "dnat"
	kindSNAT       = "snat"
	kindMasquerade = "masquerade"
	kindConntrack  = "conntrack"
	kindPolicy     = "policy"
	kindRoute      = "route"
	kindReject     = "reject"
	kindDrop       = "drop"
	kindFault      = "fault"
)

// A verdict is what one evaluation came to.
type verdict struct {
	*model.Decision // nil if nothing was decided that is worth telling
	// to is the destination that a DNAT chose.
	to netip.AddrPort
	// marked says that the packet was marked to be masqueraded later, and why.
	marked string
	object *model.Object // of what marked it
	// dropped says that a policy dropped it.
	dropped bool
}

// evaluation is what deciding one needs to know.
type evaluation struct {
	*join.Evaluation
	where string // the node's short name
	rules []*Rule
	table *Table
	// to is where conntrack, or the next step, says that the packet went on to.
	to netip.AddrPort
	// marked and markedFor carry on what earlier evaluations of this node marked.
	marked    string
	markedFor *model.Object
	memory    *memory
	at        int64 // when, in nanoseconds since the Unix epoch
	// names gives the vertex that has an address; empty if none has.
	names func(netip.Addr) string
}

// decide goes through an evaluation's events for the one that decided.
func (x *Explainer) decide(e *evaluation) verdict {
	var v verdict
	if note.Is(e.Events[0].Table) {
		e.policy(&v)
		return v
	}
	for i := range e.Events {
		ev, text := &e.Events[i], e.text(i)
		switch {
		case ev.Type == record.TypePolicy && ev.Verdict == "drop":
			v.Decision = e.decision(i, kindDrop)
			v.Sentence = sentence("%s dropped it: that is the policy of chain %s, and none of its rules took the packet.", e.where, ev.Chain)
		case ev.Type != record.TypeRule:
		case has(text, "masquerade"):
			e.masquerade(i, &v)
		case e.isDNAT(i):
			e.dnat(i, &v)
		case has(text, "redirect"):
			v.Decision = e.decision(i, kindDNAT)
			v.Sentence = sentence("%s redirected it to a port of its own.", e.where)
		case has(text, "snat"):
			v.Decision = e.decision(i, kindSNAT)
			v.Sentence = sentence("%s rewrote the source address.", e.where)
		case ev.Verdict == "drop" && has(text, "reject"):
			e.reject(i, &v)
		case ev.Verdict == "drop":
			e.drop(i, &v)
		case marks(text):
			v.marked = orElse(comment(text), "no comment")
		}
	}
	if v.marked != "" {
		v.object = e.service(len(e.Events) - 1)
	}
	return v
}

// isDNAT reports whether an event's rule rewrites the destination. Where the
// rule is gone since, the kind of chain that it accepted the packet in tells.
func (e *evaluation) isDNAT(i int) bool {
	ev := &e.Events[i]
	if e.rules[i] == nil {
		c, ok := parseServiceChain(ev.Chain)
		return ok && ev.Table == kubeProxyTable && ev.Verdict == "accept" && c.role != "firewall" && c.role != "external"
	}
	text, _, _ := strings.Cut(e.text(i), ` comment "`)
	return strings.Contains(text, "dnat to ") || strings.Contains(text, "dnat ip ") || strings.Contains(text, "dnat ip6 ")
}

// marks reports whether a rule marks packets for kube-proxy's masquerading
// chain (proxier.masqueradeRule: "mark set mark or BIT").
func marks(text string) bool {
	return strings.Contains(text, "mark set mark or ") || strings.Contains(text, "meta mark set meta mark | ")
}

// text is the rule's text of an event; empty if it could not be found.
func (e *evaluation) text(i int) string {
	if e.rules[i] == nil {
		return ""
	}
	return e.rules[i].Text
}

func (e *evaluation) decision(i int, kind string) *model.Decision {
	ev := &e.Events[i]
	return &model.Decision{Kind: kind, Table: ev.Family + " " + ev.Table, Chain: ev.Chain, Rule: e.text(i), Object: e.service(i)}
}

// service is the Service that an event's chain belongs to, or one before it in
// the evaluation: external- chains go to service- chains, those to endpoint- chains.
func (e *evaluation) service(i int) *model.Object {
	for ; i >= 0; i-- {
		if c, ok := parseServiceChain(e.Events[i].Chain); ok && e.Events[i].Table == kubeProxyTable {
			return &c.object
		}
	}
	return nil
}

func (e *evaluation) dnat(i int, v *verdict) {
	text := e.text(i)
	v.Decision = e.decision(i, kindDNAT)
	if v.to = dnatTarget(text); !v.to.IsValid() {
		v.to = e.to
	}
	if e.hostPort(i, v) {
		return
	}
	if e.Events[i].Table != kubeProxyTable || v.Object == nil {
		v.Sentence = sentence("%s rewrote the destination to %s.", e.where, v.to)
		return
	}
	sticky := false
	if list := choices(text); list != nil {
		v.Endpoint, v.Endpoints = place(list, v.to), len(list)
		if v.Endpoint == 0 {
			v.Endpoints = 0
		}
	} else if c, _ := parseServiceChain(e.Events[i].Chain); c.role == "endpoint" {
		v.Endpoint, v.Endpoints, sticky = e.affinity(i)
	} else if text != "" {
		v.Endpoint, v.Endpoints = 1, 1
	}
	v.Sentence = chose(v.Decision, v.to, sticky)
	if c, _ := parseServiceChain(e.Events[i].Chain); c.role == "endpoint" {
		v.Sentence += e.stuck(i, sticky)
	}
}

// stuck says how long the client keeps to its endpoint, which kube-proxy writes down
// for each of its connections anew.
func (e *evaluation) stuck(i int, sticky bool) string {
	client, chain := e.Packet.Source.Addr(), e.Events[i].Chain
	k := memoryKey{client.String(), e.Namespace + " " + chain}
	since, known := e.memory.since(k, e.at, sticky)
	set := e.table.set("affinity-" + strings.TrimPrefix(chain, "endpoint-"))
	if set == nil || set.Timeout == "" {
		return ""
	}
	first := ""
	if sticky && known {
		first = fmt.Sprintf(", since a connection %s before,", time.Duration(e.at-since).Round(time.Millisecond))
	}
	return fmt.Sprintf(" %s sticks to it%s until it has not connected for %s.", client, first, set.Timeout)
}

// affinity is which endpoint chain the service's chain went to, of how many;
// sticky says that a rule remembered the client, not chance.
func (e *evaluation) affinity(i int) (n, of int, sticky bool) {
	chain := e.Events[i].Chain
	for k := i - 1; k >= 0; k-- {
		if e.Events[k].Target != chain {
			continue
		}
		sticky = strings.Contains(e.text(k), "@affinity-")
		if e.rules[k] == nil {
			return 0, 0, sticky
		}
		for _, r := range e.rules[k].Chain.Rules {
			for n, c := range choices(r.Text) {
				of = n + 1
				if gotoTarget(c) == chain {
					i = -(n + 1)
				}
			}
		}
		if i < 0 {
			return -i, of, sticky
		}
		break
	}
	return 0, 0, sticky
}

func (e *evaluation) masquerade(i int, v *verdict) {
	v.Decision = e.decision(i, kindMasquerade)
	switch {
	case e.Events[i].Table == hostnote.Table:
		v.Sentence = sentence("%s masqueraded it: the pod must see the answer come through %s, whose port it was.", e.where, e.where)
	case e.Events[i].Table != kubeProxyTable:
		v.Sentence = sentence("%s masqueraded it: it leaves the pods' network, so %s put its own address in as the source.", e.where, e.where)
	case strings.Contains(e.text(i), "@hairpin-connections"):
		v.Sentence = sentence("%s masqueraded it: the pod reached itself through its Service, and must see the answer come through %s.", e.where, e.where)
	case e.markedFor != nil:
		v.Object = e.markedFor
		v.Sentence = sentence("%s masqueraded it for %s%s: with %s as the source, the answer comes back through %s, which undoes the rewriting.", e.where, service(e.markedFor), e.because(), e.where, e.where)
	default:
		v.Sentence = sentence("%s masqueraded it, as kube-proxy had marked it for (%s): the answer comes back through %s.", e.where, e.marked, e.where)
	}
}

// because is why kube-proxy marked the packet, by the comment of the rule that did
// (proxier.go, the rules with its masqueradeRule).
func (e *evaluation) because() string {
	switch e.marked {
	case "masquerade":
		return ", whose externalTrafficPolicy is Cluster"
	case "masquerade local traffic":
		return ", because a node itself asked"
	case "masquerade clusterIP traffic from outside cluster":
		return ", whose ClusterIP was asked for from elsewhere than " + e.where + "'s pods"
	case "masquerade all clusterIP traffic":
		return ", because it masquerades all that is for ClusterIPs"
	}
	return ""
}

func (e *evaluation) reject(i int, v *verdict) {
	v.Decision = e.decision(i, kindReject)
	protocol, to := e.Packet.Protocol, e.Packet.Destination
	switch {
	case e.Events[i].Table != kubeProxyTable:
		v.Sentence = sentence("%s rejected it%s.", e.where, commented(e.text(i)))
	case e.Events[i].Chain == clusterIPsCheckChain:
		v.Object = e.table.serviceAt(to.Addr())
		switch {
		case v.Object != nil && !hasPorts(&e.Packet):
			v.Sentence = sentence("kube-proxy on %s rejected it: %s is the ClusterIP of %s, which answers only to its ports, not to %s.", e.where, to.Addr(), service(v.Object), packet.ProtocolName(protocol))
			return
		case v.Object != nil:
			v.Sentence = sentence("kube-proxy on %s rejected it: %s has no port %d.", e.where, service(v.Object), to.Port())
			return
		}
		v.Sentence = sentence("kube-proxy on %s rejected it: %s is a Service's ClusterIP, but the Service has no port %d.", e.where, to.Addr(), to.Port())
	default:
		for _, m := range []string{noEndpointServicesMap, noEndpointNodePortsMap} {
			if el := e.table.lookup(m, protocol, to); el != nil {
				v.Object = parsePortComment(el.Comment)
			}
		}
		if v.Object == nil {
			v.Sentence = sentence("kube-proxy on %s rejected it: the Service at %s has no endpoints.", e.where, to)
			return
		}
		v.Sentence = sentence("kube-proxy on %s rejected it: %s has no endpoints.", e.where, service(v.Object))
	}
}

func (e *evaluation) drop(i int, v *verdict) {
	v.Decision = e.decision(i, kindDrop)
	protocol, to := e.Packet.Protocol, e.Packet.Destination
	if e.Events[i].Table == kubeProxyTable {
		if e.Events[i].Chain == clusterIPsCheckChain {
			v.Sentence = sentence("kube-proxy on %s dropped it: no Service has the ClusterIP %s.", e.where, to.Addr())
			return
		}
		if c, ok := parseServiceChain(e.Events[i].Chain); ok && c.role == "firewall" {
			v.Sentence = sentence("kube-proxy on %s dropped it: %s is not among the loadBalancerSourceRanges of %s.", e.where, e.Packet.Source.Addr(), service(v.Object))
			return
		}
		for _, m := range []string{noEndpointServicesMap, noEndpointNodePortsMap} {
			if el := e.table.lookup(m, protocol, to); el != nil && strings.Contains(e.text(i), "@"+m) {
				v.Object = parsePortComment(el.Comment)
				v.Sentence = sentence("kube-proxy on %s dropped it: %s has the traffic policy Local, and no endpoint on %s.", e.where, service(v.Object), e.where)
				return
			}
		}
	}
	v.Sentence = sentence("%s dropped it%s.", e.where, commented(e.text(i)))
}
