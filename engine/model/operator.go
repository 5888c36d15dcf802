package model

// Types of what whoever runs the server sees. No session's ID is whole in them: it would be
// a key to the session.

// A Breach is a container that broke a rule of the house, and what was done about it.
type Breach struct {
	Time    string `json:"time"` // RFC 3339
	Session string `json:"session"`
	// Pod is namespace/name; without one it is the learner's machine, or a node's shell.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Rule      string `json:"rule"` // forks, memory, seccomp or cpu
	Text      string `json:"text"` // a sentence
	// Ended says that the session has broken rules so often that it was ended.
	Ended bool `json:"ended,omitempty"`
}
