// Package network is one session's network: the namespaces of its nodes, of the
// client outside and of the underlay that joins them, and the links, addresses,
// routes and neighbours that join pods to it. Nothing else in Podhop touches
// rtnetlink.
//
// Callers say what they desire (Set, or Attach and Detach for one pod); a pure
// planner (furnish and diff) compares that with what is there and answers with
// operations; one applier sends these in batches. Every operation can say which
// `ip` command would have done the same.
//
// It must not know Kubernetes types: a pod here is an id, a name, a node, an
// address and a namespace.
package network
