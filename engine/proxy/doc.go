// Package proxy runs upstream's kube-proxy (pkg/proxy/nftables) in the network
// namespace of every node of a session, in this process.
//
// What upstream's server does around its proxier is done here for all nodes of a
// session at once: one set of handlers on shared informers feeds them all, and
// each node writes its rules when something has changed, at once and then as fast
// as `nft` allows. Upstream's SyncLoop is not run, because it never stops.
//
// It must not know sessions, pods or the network's links: it is given informers, a
// node's names and addresses, and a namespace.
package proxy
