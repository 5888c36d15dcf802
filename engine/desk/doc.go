// Package desk is the learner's own machine: a container that is not of the cluster, in
// a network namespace that it is given, with a home that outlasts it.
//
// It is made when it is first used, and made anew when it has ended. It must not know
// what a cluster is, nor who types: files, names and addresses come from outside, and
// terminals are somebody else's.
package desk
