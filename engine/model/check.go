package model

// A CheckRequest asks whether a step of a lesson is done.
type CheckRequest struct {
	Lesson string `json:"lesson"` // its slug
	Step   int    `json:"step"`   // which of its steps, from 1
	// Kinds are those of the checks that are wanted; all if there are none. A traffic
	// check sends packets, a script runs programs.
	Kinds []string `json:"kinds,omitempty"`
	// Since is when the step was begun: how long ago, such as 90s, or a time in RFC 3339.
	// Packets before that do not count.
	Since string `json:"since,omitempty"`
}

// A CheckResult is what became of one check of a lesson's step.
type CheckResult struct {
	// Check is which of the step's, from 1.
	Check int `json:"check"`
	// Title says what is to be so.
	Title string `json:"title"`
	// Kind is object, traffic, trace or script.
	Kind   string `json:"kind"`
	Passed bool   `json:"passed"`
	// Saw says what is so instead, where it did not pass.
	Saw string `json:"saw,omitempty"`
}

// An ObjectQuery asks for objects of the session's API.
type ObjectQuery struct {
	APIVersion, Kind string
	Namespace        string // empty: of all namespaces, or none where the kind has none
	Name             string // empty: all
	Selector         string // of labels; empty: any
}
