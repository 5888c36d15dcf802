package whatif

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

const (
	// window is how long ago a packet of a conversation that goes on now may have
	// been seen.
	window = 5 * time.Minute
	// maxCells bounds the table: some 600 KiB of JSON.
	maxCells = 100_000
)

// Input is what there is, and what is to be tried. None of it is changed.
type Input struct {
	Now policy.Input
	// Put are policies as they would be, in the place of those of their names;
	// Remove are names, namespace/name, of those that would not be.
	Put    []*networking.NetworkPolicy
	Remove []string
	// EndpointSlices are the session's: what ports Services lead to.
	EndpointSlices []*discovery.EndpointSlice
	// Places are those besides pods that connections come from.
	Places []Place
	// Journeys are those that are kept, in any order.
	Journeys []model.Journey
	Time     time.Time
}

// A Place is a node, or the client.
type Place struct {
	ID, Kind, Name string
	// IPs are the addresses that pods elsewhere see it by, one a family.
	IPs  []netip.Addr
	Note string
}

// Try answers what the change would do, but for the API's part of it, Results. With
// nothing to be tried it tells how things are.
func Try(in Input) model.WhatIf {
	now := policy.Compile(in.Now)
	after := now
	tried := len(in.Put)+len(in.Remove) > 0
	if tried {
		after = policy.Compile(in.then())
	}
	opened := openings(now, in.Journeys, in.Time.Add(-window))
	t := &table{Input: in, now: now, after: after, tried: tried, index: map[string]int{}}
	return model.WhatIf{
		Results:       []model.ApplyResult{},
		Conversations: changed(now, after, opened),
		Seen:          len(opened),
		Window:        int(window / time.Second),
		Reachability:  t.fill(opened),
	}
}

// then is the planner's input under the change.
func (in Input) then() policy.Input {
	all := map[string]*networking.NetworkPolicy{}
	for _, p := range in.Now.Policies {
		all[p.Namespace+"/"+p.Name] = p
	}
	for _, name := range in.Remove {
		delete(all, name)
	}
	for _, p := range in.Put {
		all[p.Namespace+"/"+p.Name] = p
	}
	then := in.Now
	then.Policies = slices.Collect(maps.Values(all)) // the planner sorts
	return then
}

func verdict(v policy.Verdict) model.PolicyVerdict {
	return model.PolicyVerdict{Allowed: v.Allowed, Sentence: v.Sentence, Direction: v.Note.Direction,
		Policies: v.Note.Policies, Rule: v.Note.Rule, Peer: v.Note.Peer, Match: v.Note.Detail}
}

// addresses are a pod's, as the planner takes them.
func addresses(plan *policy.Plan, in policy.Input, p *v1.Pod) (out []netip.Addr) {
	if p.Spec.HostNetwork {
		return nil
	}
	name := p.Namespace + "/" + p.Name
	add := func(a netip.Addr) {
		if plan.Pod(a) == name {
			out = append(out, a)
		}
	}
	if in.Addresses != nil {
		for _, a := range in.Addresses[p.UID] {
			add(a)
		}
		return out
	}
	for _, ip := range p.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			add(a)
		}
	}
	return out
}
