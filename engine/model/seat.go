package model

// A Seat says whose session one is, where it is that of a class's member: what the page of the
// session is told, and nobody who only looks at it.
type Seat struct {
	// Key is the member's own.
	Key string `json:"key"`
	// Class is its title.
	Class string `json:"class"`
}
