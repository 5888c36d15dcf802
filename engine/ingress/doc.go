// Package ingress is a session's Ingress controller: it has Ingresses planned, the
// tables served in the pods of its Deployment, and statuses and events written.
// The pods are ordinary and their program only waits; while it runs, the server
// answers in the pod's network namespace.
//
// It must not know of nodes, containers or traces: it is told of pods' namespaces,
// and tells which connection belongs to which.
package ingress
