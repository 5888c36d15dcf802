// Package dns is a session's cluster DNS: the names that the Kubernetes DNS
// specification 1.1 asks for, the servers that answer for them from within pods,
// and the resolver of a pod's C library for those who send in its name.
//
// What stands where CoreDNS stands in other clusters is in two parts. The pods of
// the Deployment coredns are ordinary: scheduled, started, counted and killed like
// any other, from an image that answers to CoreDNS' name. But the program in that
// image only waits, for CoreDNS itself takes some 30 MB and hundreds of sessions
// have one each. In its place this process listens in the pod's network
// namespace for as long as that container runs. So all packets are real ones,
// they take the way that they would take to CoreDNS, and DNS ends where the pods
// end. The Corefile is shown and not read.
//
// CoreDNS as a library was not taken: its module requires two hundred others, and its
// kubernetes plug-in keeps informers of its own beside those that each session has.
// Package github.com/miekg/dns, which CoreDNS is made of, does the protocol.
//
// The Resolver is pure: listers in, records out. The package must not know of
// sessions or of how a pod's namespace is made.
//
// Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md; where
// that leaves room, CoreDNS' plugin/kubernetes is followed.
package dns
