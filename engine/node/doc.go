// Package node runs the real kubelet for each node of a session, in process,
// over a container runtime that is called in process, too.
//
// What is upstream's stays upstream's: pods are synced, probed and reported by
// kubelet.Kubelet itself. What a playground's node has not (cgroups of its own,
// cadvisor, a host to mount from) is answered here.
//
// It must not know how containers are run, how pods are connected, or that there
// are sessions: it is given a client, a runtime, and a way to dial.
package node
