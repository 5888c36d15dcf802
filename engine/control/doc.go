// Package control runs upstream's controllers and scheduler for one session, on
// the session's shared informers: what kube-controller-manager and
// kube-scheduler do, with their constructors and their default settings.
//
// A controller of kinds that a session does not use costs nothing: it starts
// when the first object of its kinds appears, and then finds everything that
// is there, as it would after a restart.
//
// The package must not know nodes, networks or HTTP; it talks to an API.
package control
