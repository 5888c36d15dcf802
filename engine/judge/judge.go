// Package judge holds what the kernel did to packets against what NetworkPolicies were to
// do to them: it says what would have let a packet through, that nobody was asked, and
// where the two disagree, which is a mistake of Podhop's own.
//
// It is told of journeys and plans, and must not know how either were got.
package judge

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

// settled is how long a plan must have held before a packet is judged by it: which
// rules a packet met while they were being written, nobody knows.
const settled = time.Second

// maxKnown bounds how many connections' advice is kept: who is dropped tries again.
const maxKnown = 256

// A Judge compares what NetworkPolicies did to packets with what they were to do by
// the plan, and adds what would have let through one that they dropped. It is not
// safe for concurrent use.
type Judge struct {
	now   func() (*policy.Plan, time.Time)
	plan  *policy.Plan
	known map[attempt][]model.Advice // by the plan
}

// New makes a Judge. now gives the plan, nil if there is none yet, and since when the
// kernel has been keeping it; the zero time says that it does not yet.
func New(now func() (*policy.Plan, time.Time)) *Judge { return &Judge{now: now} }

type attempt struct {
	from, to netip.Addr
	protocol v1.Protocol
	port     uint16
}

// Look adds to a journey what the plan has to say of it.
func (g *Judge) Look(j *model.Journey) {
	plan, since := g.now()
	if plan == nil || len(j.Hops) == 0 {
		return
	}
	if plan != g.plan || len(g.known) > maxKnown {
		g.plan, g.known = plan, map[attempt][]model.Advice{}
	}
	certain := !since.IsZero() && time.Unix(0, j.Start).Sub(since) >= settled
	last := &j.Hops[len(j.Hops)-1]
	protocol := v1.Protocol(j.Protocol)
	switch d := last.Decision; {
	case d != nil && d.Kind == "policy" && j.Verdict == "dropped":
		from, to, ok := ends(last.Header)
		if !ok {
			return
		}
		j.Advice = g.advice(attempt{from.Addr(), to.Addr(), protocol, to.Port()})
		if v := plan.Verdict(from.Addr(), to.Addr(), protocol, to.Port()); v.Allowed && certain {
			j.Defect = fmt.Sprintf("By the policies this packet should have passed (%s), but the kernel dropped it: please report it.", strings.TrimSuffix(v.Sentence, "."))
		}
	case certain && j.Verdict == "delivered" && !j.Reply && opens(j):
		if protocol == v1.ProtocolTCP {
			j.Defect = passed(plan, protocol, j)
		}
		if d == nil && j.Defect == "" {
			if last.Decision = unasked(plan, j); last.Decision != nil {
				last.Sentence = strings.TrimSpace(last.Sentence + " " + last.Decision.Sentence)
			}
		}
	}
}

// opens reports whether a packet is one that policies have a say about: no answer, no
// error, and of TCP the first.
func opens(j *model.Journey) bool {
	switch j.Protocol {
	case "TCP":
		return j.Summary == "SYN"
	case "ICMP", "ICMPv6":
		return strings.HasPrefix(j.Summary, "Echo request")
	}
	return j.Protocol == "UDP" || j.Protocol == "SCTP"
}

// unasked is the decision of a packet's last hop, into a pod, where no policy had a say
// about that.
func unasked(plan *policy.Plan, j *model.Journey) *model.Decision {
	who, ok := strings.CutPrefix(j.To, "pod/")
	from, err := netip.ParseAddr(host(j.Source))
	to, err2 := netip.ParseAddr(host(j.Hops[len(j.Hops)-1].Header.Destination))
	if !ok || err != nil || err2 != nil {
		return nil
	}
	if s := plan.Open(from, to, who); s != "" {
		return &model.Decision{Kind: "policy", Sentence: s}
	}
	return untraced(plan, j)
}

// untraced is what the plan says of a packet that a rule of a policy must have let in, where
// no event told of any: beyond a number of packets a second, rules are not traced. It is nil
// where the plan says different things of the sources that the packet had on its way.
func untraced(plan *policy.Plan, j *model.Journey) *model.Decision {
	last := j.Hops[len(j.Hops)-1].Header
	from, to, ok := ends(last)
	first, _, ok2 := ends(model.Header{Source: j.Source, Destination: last.Destination})
	if !ok || !ok2 {
		return nil
	}
	for i := range j.Hops {
		if d := j.Hops[i].Decision; d != nil && d.Kind == "policy" {
			return nil
		}
	}
	protocol := v1.Protocol(j.Protocol)
	v, other := plan.Verdict(from.Addr(), to.Addr(), protocol, to.Port()), plan.Verdict(first.Addr(), to.Addr(), protocol, to.Port())
	if !v.Allowed || v.Note.Rule == 0 || v.Sentence != other.Sentence {
		return nil
	}
	namespace, name, _ := strings.Cut(v.Note.Policies[0], "/")
	return &model.Decision{Kind: "policy", Path: v.Note.Path(), Object: &model.Object{Kind: "NetworkPolicy", Namespace: namespace, Name: name},
		Sentence: v.Sentence + " That is what the policies say: the node's rules were not traced, because there were too many packets."}
}

// host is an address without the port that it may have.
func host(a string) string {
	if p, err := netip.ParseAddrPort(a); err == nil {
		return p.Addr().String()
	}
	return a
}

func (g *Judge) advice(a attempt) []model.Advice {
	all, ok := g.known[a]
	if !ok {
		for _, x := range g.plan.Advice(a.from, a.to, a.protocol, a.port) {
			all = append(all, model.Advice{Sentence: x.Sentence, Command: x.Command, Manifest: x.Manifest})
		}
		g.known[a] = all
	}
	return all
}

// passed is why a packet that opens a connection should not have been delivered. Its
// source may have been rewritten on the last node, before or after the policies of the
// pod there saw it: both must be refused.
func passed(plan *policy.Plan, protocol v1.Protocol, j *model.Journey) string {
	why := ""
	_, to, ok := ends(j.Hops[len(j.Hops)-1].Header)
	if !ok {
		return ""
	}
	for i := range j.Hops {
		for _, h := range []*model.Header{&j.Hops[i].Header, j.Hops[i].Before} {
			if h == nil {
				continue
			}
			from, _, ok := ends(*h)
			if !ok {
				return ""
			}
			v := plan.Verdict(from.Addr(), to.Addr(), protocol, to.Port())
			if v.Allowed {
				return ""
			}
			why = v.Sentence
		}
	}
	return fmt.Sprintf("By the policies this packet should have been dropped (%s), but it arrived: please report it.", strings.TrimSuffix(why, "."))
}

func ends(h model.Header) (from, to netip.AddrPort, ok bool) {
	from, err := netip.ParseAddrPort(h.Source)
	if err != nil {
		return from, to, false
	}
	to, err = netip.ParseAddrPort(h.Destination)
	return from, to, err == nil
}
