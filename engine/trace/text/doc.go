// Package text writes journeys for a terminal: a line that says who sent what to whom,
// then each hop, and what would have helped.
//
// It is pure. It must not know which terminal it is, nor where journeys are from; and
// whatever names and payloads hold, nothing of it may steer the terminal.
package text
