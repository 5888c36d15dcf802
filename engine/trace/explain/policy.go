package explain

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy/note"
	"github.com/podhop/podhop/engine/trace/record"
)

// policy is what NetworkPolicies made of a packet: the rules that say so bear
// notes. One evaluation may have two that admit it, the source's egress and the
// destination's ingress; the last is the decision, the sentence tells both.
func (e *evaluation) policy(v *verdict) {
	for i := range e.Events {
		ev := &e.Events[i]
		if ev.Type != record.TypeRule {
			continue
		}
		n, ok := note.Parse(comment(e.text(i)))
		if !ok {
			if ev.Verdict == "drop" {
				// The rule is gone since, or was not listed: its chain tells whose it was.
				v.Decision = e.decision(i, kindDrop)
				v.Sentence = sentence("%s dropped it, by a NetworkPolicy's rule that is gone since.", e.where)
			}
			continue
		}
		before := v.Decision
		v.Decision = e.decision(i, kindPolicy)
		v.Object, v.Path = policyObject(n.Policies[0]), n.Path()
		if ev.Verdict == "drop" {
			v.dropped = true
			v.Sentence = e.isolated(n)
			continue
		}
		v.Sentence = admitted(n)
		if before != nil {
			v.Sentence = before.Sentence + " " + v.Sentence
		}
	}
}

func admitted(n note.Note) string {
	s := fmt.Sprintf("Allowed by NetworkPolicy %s, %s rule %d", n.Policies[0], n.Direction, n.Rule)
	if n.Detail != "" {
		s += " (" + n.Detail + ")"
	}
	return s + "."
}

// isolated says why nothing let a packet through: policies name a pod, and so
// forbid it all that their rules do not admit.
func (e *evaluation) isolated(n note.Note) string {
	pod, does := e.Packet.Destination.Addr(), "takes in"
	if n.Direction == note.Egress {
		pod, does = e.Packet.Source.Addr(), "may send"
	}
	who := pod.String()
	if vertex := e.names(pod); isPod(vertex) {
		who = short(vertex)
	}
	which := "that policy selects"
	if len(n.Policies) > 1 {
		which = "those policies select"
	}
	return fmt.Sprintf("No %s rule of %s admits it; %s %s, which therefore %s only what a rule admits: %s dropped it.",
		n.Direction, strings.Join(n.Policies, ", "), which, who, does, e.where)
}

func policyObject(name string) *model.Object {
	namespace, name, _ := strings.Cut(name, "/")
	return &model.Object{Kind: "NetworkPolicy", Namespace: namespace, Name: name}
}
