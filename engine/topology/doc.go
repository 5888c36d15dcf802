// Package topology folds the objects of a session and how its network is wired
// into the graph that the map draws.
//
// Build is a pure function, and says of an object's state what kubectl's columns
// say; the Watcher calls it when informers report a change, and Events hands on
// the session's events. The package must know nothing of the kernel or of HTTP,
// and imports no k8s.io/kubernetes: whoever draws needs client-go alone.
package topology
