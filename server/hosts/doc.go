// Package hosts has several servers share sessions: each session has one host, any host takes
// a request and passes it to that one, and what a host that is gone had is taken over.
//
// Package protocol decides; here it is run: a Cluster is this host among the others, a Forward
// leads requests where they belong, and Peers is how hosts know each other. It must not know
// how sessions are kept or served: it says who has one, and what proves it to etcd.
package hosts
