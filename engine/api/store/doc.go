// Package store keeps the objects of every session in memory, behind
// k8s.io/apiserver's storage.Interface.
//
// A Tenant is one session's whole key space with one revision counter, what an
// etcd is to a stock API server. The storage.Interface that Decorator builds is
// shared by all sessions: each call finds its tenant through a Resolver, from
// the request's context, and fails when there is none.
//
// The package knows keys, bytes and revisions. It must not know sessions,
// nodes, HTTP or any particular kind of object.
package store
