package model

// A Why is why something did not work, where it is one of the mistakes that everybody
// makes once: found out from what was captured and from the objects as they are, never
// guessed.
type Why struct {
	// Trap names the mistake: ping (of a ClusterIP), service-port (that the Service has
	// not), selector (that selects nothing), not-ready (endpoints), target-port (that
	// nobody listens on), port (the same of a pod that was asked itself), local (traffic
	// policy, without an endpoint there), dns-egress (that a policy forbids), name,
	// outside (whence there is no way to a ClusterIP or a pod), or source-ranges (of a
	// load balancer).
	Trap     string `json:"trap"`
	Sentence string `json:"sentence"`
	// Seen is what says so.
	Seen []Finding `json:"seen,omitempty"`
	// Advice is what to do about it. Where a NetworkPolicy is in the way, the journey's
	// own says it.
	Advice []Advice `json:"advice,omitempty"`
}

// A Finding is one thing that was seen: at a hop of a journey, or in an object.
type Finding struct {
	Sentence string `json:"sentence"`
	// Journey is the ID of the one that was seen; Hop the place among its hops, from 0.
	Journey string `json:"journey,omitempty"`
	Hop     int    `json:"hop,omitempty"`
	// Object is the one that says so.
	Object *Object `json:"object,omitempty"`
}
