// Package api is the Kubernetes API of every session: one upstream
// kube-apiserver handler chain, built once, that finds the session in the
// request's context. Storage, admission, authentication, authorization, service
// addresses and the way to kubelets all go by that session; a request without
// one is refused, never given a default, so that code paths that lose the
// context are found.
//
// The package must not know nodes, containers or networks: kubelets are reached
// through a dial function that the caller sets, and controllers live elsewhere.
package api
