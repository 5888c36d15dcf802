// Package filter tells which journeys somebody wants to see: the page's filter, the
// HTTP API's parameters and podhop trace's flags are the same words, and mean what
// is said here.
//
// It is pure. It must not know where journeys are from, nor where they go.
package filter
