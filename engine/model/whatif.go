package model

// A WhatIfRequest is a change of NetworkPolicies to be tried, and not made.
type WhatIfRequest struct {
	// Apply is manifests, as a paste; Delete names NetworkPolicies, namespace/name.
	Apply  string   `json:"apply,omitempty"`
	Delete []string `json:"delete,omitempty"`
}

// A WhatIf is what a change of NetworkPolicies would do, by the planner that the
// nodes' rules come from. It is about policies alone: whether a pod is ready, and
// whether anybody listens, is not asked.
type WhatIf struct {
	// Results are the API's answers to each document, from a dry run: Action is what
	// would become of it, deleted among others, or ignored where it is no NetworkPolicy.
	Results []ApplyResult `json:"results"`
	// Conversations are those of the kept journeys of the last Window seconds that
	// would be cut or newly allowed, those of one kind once, the latest first. Seen is
	// how many were looked at in all.
	Conversations []ChangedConversation `json:"conversations"`
	Seen          int                   `json:"seen"`
	Window        int                   `json:"window"`
	Reachability  Reachability          `json:"reachability"`
}

// A ChangedConversation would end otherwise if it began anew under the change. What
// is connected already stays so: policies are asked about first packets.
type ChangedConversation struct {
	// ID is the latest one's; Count is how many there were of the same ends and port.
	ID    string `json:"id"`
	Count int    `json:"count"`
	// Time is when the latest was seen, in milliseconds since the Unix epoch.
	Time int64 `json:"time"`
	// Change is cut or allowed.
	Change string `json:"change"`
	// From and To are vertex IDs, or addresses where nobody is known.
	From     string `json:"from"`
	To       string `json:"to"`
	Protocol string `json:"protocol"`
	// Port is the one that policies see, the receiver's own; 0 of ICMP.
	Port int `json:"port,omitempty"`
	// Service is what was asked for, where it was one.
	Service *Object       `json:"service,omitempty"`
	Before  PolicyVerdict `json:"before"`
	After   PolicyVerdict `json:"after"`
}

// A Reachability is who may open connections to whom, by the policies.
type Reachability struct {
	// Groups are the rows: pods by what they belong to, each node, and the client.
	// Policies cannot tell the members of one apart.
	Groups []ReachGroup `json:"groups"`
	// Targets are the columns: a port of a group of pods each.
	Targets []ReachTarget `json:"targets"`
	// Verdicts are the different ones. Before and After have the index of one for
	// each group and each target; After is missing where nothing was to be tried.
	Verdicts []PolicyVerdict `json:"verdicts"`
	Before   [][]int         `json:"before"`
	After    [][]int         `json:"after,omitempty"`
	// Omitted is how many targets are left out because there are too many; those
	// where something changes stay longest. Waiting are pods that have no address yet.
	Omitted int      `json:"omitted,omitempty"`
	Waiting []string `json:"waiting,omitempty"`
}

// A ReachGroup is one or several that are alike to policies.
type ReachGroup struct {
	// ID is the vertex that the members belong to, or the only member.
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Pods are the members' vertex IDs.
	Pods []string `json:"pods,omitempty"`
	// Note is what to know of the whole row.
	Note string `json:"note,omitempty"`
}

// A ReachTarget is a port of a group.
type ReachTarget struct {
	Group    int    `json:"group"` // index
	Protocol string `json:"protocol"`
	// Port is 0 where no port of the group's is known: it then stands for any that
	// no rule names.
	Port int `json:"port"`
	// Family is IPv6 where the answer differs from that of IPv4, which is then
	// another target.
	Family string `json:"family,omitempty"`
	// Known is where the port is known from.
	Known string `json:"known,omitempty"`
}

// A PolicyVerdict is what NetworkPolicies say of a first packet, and which.
type PolicyVerdict struct {
	Allowed  bool   `json:"allowed"`
	Sentence string `json:"sentence"`
	// Direction is ingress or egress where a policy had a say. Policies are
	// namespace/name: the one whose Rule, counted from 1, admits it by its Match (peer
	// and port), or all that isolate the pod. Peer is which of the rule's peers that
	// is, from 1; 0 where it names none.
	Direction string   `json:"direction,omitempty"`
	Policies  []string `json:"policies,omitempty"`
	Rule      int      `json:"rule,omitempty"`
	Peer      int      `json:"peer,omitempty"`
	Match     string   `json:"match,omitempty"`
	// Except is what holds of some all the same, where they are groups: that a pod
	// always reaches itself, and a node its pods.
	Except string `json:"except,omitempty"`
}
