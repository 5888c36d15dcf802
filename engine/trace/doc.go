// Package trace shows a session's packets: while somebody watches, it captures
// in the namespaces of nodes, client and underlay, joins what was captured of
// one packet into a journey, explains its hops, and hands journeys on whole.
//
// It must know neither who watches nor how journeys are kept, and nothing of the
// Kubernetes API: names and namespaces are given to it.
//
// Packages below it: record (what was captured), packet (decoding), capture (the
// kernel), join and explain. All but capture are pure.
package trace
