// Package directions holds the test that keeps the project's dependencies
// pointing one way. It has no code of its own, and must never get any.
package directions
