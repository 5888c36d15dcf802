// Package check tells whether what a step of a lesson asks for is so: what objects
// of the session's API say, what a request meets, what was captured of packets, how
// commands end on the learner's machine.
// Conditions are written in CEL, Kubernetes' own expression language
// (https://kubernetes.io/docs/reference/using-api/cel/), and say what they saw when
// they do not hold.
//
// It must not know how a lesson is written or shown, nor how a session does what it
// is asked.
package check
