package model

// A CheckResult is what became of one check of a lesson's step.
type CheckResult struct {
	// Check is which of the step's, from 1.
	Check int `json:"check"`
	// Title says what is to be so.
	Title string `json:"title"`
	// Kind is object, traffic or trace.
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
