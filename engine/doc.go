// Package engine is the lab: it opens sessions, each a Kubernetes cluster of its
// own on real parts, and hands out what can be done with one. It puts the parts
// together (API, controllers, nodes, network, containers, traces, topology) and
// keeps their order of life; what any of them does is in its own package.
//
// It must know nothing of HTTP pages, of HTML, or of who is asking.
package engine
