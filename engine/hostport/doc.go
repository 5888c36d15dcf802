// Package hostport leads ports of a node to its pods (a container's hostPort), as
// the CNI plugin portmap does with nftables: a table a node, whose rules rewrite the
// destination of what comes to one of the node's own addresses, or is sent to one by
// the node itself. A node whose pods have no such port has no table.
//
// Source: containernetworking/plugins, plugins/meta/portmap/portmap_nftables.go.
//
// It must not know Kubernetes, links, or who is where: it is told which ports go where.
package hostport
