package explain

import (
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// evaluate makes a hop of step i if its rules decided anything.
func (b *builder) evaluate(v *visit, i int) {
	s := &v.steps[i]
	p := s.Packet()
	b.translated(v, p, p.Tuple())
	rules := b.x.rules.Ruleset(v.namespace)
	e := &evaluation{Evaluation: s.Evaluation, where: v.where, marked: v.marked, markedFor: v.markedFor, to: p.Destination, names: b.x.names, memory: &b.x.memory, at: b.journey.Start}
	for k := range e.Events {
		e.rules = append(e.rules, b.x.rule(v.namespace, &e.Events[k]))
	}
	e.table = rules.Table(e.Events[0].Family, e.Events[0].Table)
	after := b.after(v, i)
	e.to = after.Destination
	d := b.x.decide(e)
	if d.marked != "" {
		v.marked, v.markedFor = d.marked, d.object
	}
	if d.Decision == nil {
		return
	}
	hop := model.Hop{
		Place:    model.Place{Vertex: v.namespace, Hook: hook(e, rules)},
		Header:   header(p),
		Decision: d.Decision,
		Sentence: d.Sentence,
	}
	switch d.Kind {
	case kindDNAT:
		if d.to.IsValid() {
			b.rewrite(v, &hop, p, record.Tuple{Source: v.tuple.Source, Destination: d.to})
		}
		b.x.memory.put(b.way.Conversation, v.namespace, d.Decision)
	case kindMasquerade, kindSNAT:
		b.rewrite(v, &hop, p, record.Tuple{Source: after.Source, Destination: v.tuple.Destination})
		b.x.memory.put(b.way.Conversation, v.namespace, d.Decision)
	case kindReject:
		b.end = Rejected
	case kindPolicy:
		if d.dropped {
			b.end = Dropped
		}
	case kindDrop:
		b.end = Dropped
	}
	b.hop(hop)
}

func (b *builder) rewrite(v *visit, h *model.Hop, p *packet.Packet, to record.Tuple) {
	if to == v.tuple {
		return
	}
	before := rewritten(p, v.tuple)
	h.Before, h.Header = &before, rewritten(p, to)
	v.tuple = to
}

// after is the tuple that the packet leaves this namespace with: as it was seen
// later here, or, of packets that end here, as conntrack has it.
func (b *builder) after(v *visit, i int) record.Tuple {
	if last := len(v.steps) - 1; last > i {
		return v.steps[last].Packet().Tuple()
	}
	for k := i; k >= 0; k-- {
		if t := v.steps[k].Translated; t != nil {
			return *t
		}
	}
	return v.steps[i].Packet().Tuple()
}

// rule is the rule that an event names; nil if it has none, or it is not known.
func (x *Explainer) rule(namespace string, e *record.Rule) *Rule {
	if e.Type != record.TypeRule || e.Handle == 0 {
		return nil
	}
	return x.rules.Rule(namespace, e.Family, e.Table, e.Handle)
}

// hook is the base chain's, as the ruleset says; else what the devices tell.
func hook(e *evaluation, rules *Ruleset) string {
	ev := &e.Events[0]
	if t := rules.Table(ev.Family, ev.Table); t != nil {
		if c := t.Chains[ev.Chain]; c != nil && c.Hook != "" {
			return c.Hook
		}
	}
	switch {
	case e.In != "" && e.Out != "":
		return "forward"
	case e.In != "":
		return "prerouting"
	}
	return "output"
}

// translated makes hops of what conntrack rewrote since the visit last saw the
// packet, without any rule being asked: all but the first packet of a connection.
func (b *builder) translated(v *visit, p *packet.Packet, now record.Tuple) {
	was := v.tuple
	if was == now || p.Fragment && now.Source.Port() == 0 {
		return
	}
	before, after := "prerouting", "postrouting"
	if v.local {
		before = "output"
	} else if b.endsHere(v) {
		after = "input"
	}
	if was.Destination != now.Destination {
		b.conntrack(v, p, before, record.Tuple{Source: was.Source, Destination: now.Destination})
	}
	if was.Source != now.Source {
		b.conntrack(v, p, after, now)
	}
}

func (b *builder) conntrack(v *visit, p *packet.Packet, at string, to record.Tuple) {
	was := v.tuple
	d := &model.Decision{Kind: kindConntrack}
	known := b.x.memory.get(b.way.Conversation, v.namespace)
	destination := was.Destination != to.Destination
	switch {
	case destination && !b.way.Reply && known.dnat == nil && opening(p):
		// Rules chose, but which was not traced: there were too many packets.
		d.Kind = kindDNAT
		if t, o := b.serviceRules(v, p, was); o != nil {
			d.Object = o
			d.Endpoint, d.Endpoints = t.endpoint(o, p.Protocol, to.Destination)
			d.Sentence = chose(d, to.Destination, false)
		} else {
			d.Sentence = sentence("%s rewrote the destination to %s.", v.where, address(p, to.Destination))
		}
		d.Sentence += " Its rules were not traced, because there were too many packets."
		b.x.memory.put(b.way.Conversation, v.namespace, d)
	case destination && !b.way.Reply: // DNAT of a later packet
		if o := b.service(v, p, known, was); o != nil {
			d.Object = o
			d.Sentence = sentence("%s's connection tracking sent it to %s: all of a connection goes to the endpoint of %s that was chosen for its first packet.", v.where, address(p, to.Destination), service(o))
			if known.dnat != nil {
				d.Endpoint, d.Endpoints = known.dnat.Endpoint, known.dnat.Endpoints
			}
		} else {
			d.Sentence = sentence("%s's connection tracking sent it to %s, as it did the connection's first packet.", v.where, address(p, to.Destination))
		}
	case !destination && b.way.Reply: // DNAT undone
		if o := b.service(v, p, known, record.Tuple{Destination: to.Source}); o != nil {
			d.Object = o
			d.Sentence = sentence("%s's connection tracking put the address of %s back in as the source: %s is whom the answer is awaited from.", v.where, service(o), address(p, to.Source))
		} else {
			d.Sentence = sentence("%s's connection tracking put %s back in as the source: that is whom the answer is awaited from.", v.where, address(p, to.Source))
		}
	case destination: // masquerade undone
		if m := known.masquerade; m != nil {
			d.Object = m.Object
		}
		d.Sentence = sentence("%s's connection tracking undid the masquerade: the answer is for %s.", v.where, address(p, to.Destination))
	default: // masquerade of a later packet
		if m := known.masquerade; m != nil {
			d.Object = m.Object
		}
		d.Sentence = sentence("%s's connection tracking masqueraded it as %s, like all of the connection.", v.where, address(p, to.Source))
	}
	hop := model.Hop{Place: model.Place{Vertex: v.namespace, Hook: at}, Decision: d, Sentence: d.Sentence, Header: header(p)}
	b.rewrite(v, &hop, p, to)
	b.hop(hop)
}

// service is the Service that a connection goes through: as the rules decided
// when it began, or as they are now.
func (b *builder) service(v *visit, p *packet.Packet, known remembered, before record.Tuple) *model.Object {
	if known.dnat != nil {
		if o := known.dnat.Object; o == nil || o.Kind == "Service" {
			return o
		}
		return nil // a pod's host port
	}
	_, o := b.serviceRules(v, p, before)
	return o
}

// serviceRules is the Service at a destination, as the node's rules are now, and
// kube-proxy's table that has it.
func (b *builder) serviceRules(v *visit, p *packet.Packet, before record.Tuple) (*Table, *model.Object) {
	for _, family := range []string{"ip", "ip6"} {
		if t := b.x.rules.Ruleset(v.namespace).Table(family, kubeProxyTable); t != nil {
			if o := t.service(p.Protocol, before.Destination); o != nil {
				return t, o
			}
		}
	}
	return nil, nil
}

// opening reports whether a packet opens a connection.
func opening(p *packet.Packet) bool {
	_, ok := p.Opens()
	return ok
}

// endsHere reports whether the packet was not seen to leave the visit's namespace.
func (b *builder) endsHere(v *visit) bool {
	for i := range v.steps {
		if s := v.steps[i].Seen; s != nil && s.Direction == record.Out && s.Device.Name != "lo" {
			return false
		}
	}
	return true
}
