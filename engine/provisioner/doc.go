// Package provisioner is the storage of a session's cluster: the controller
// behind the default StorageClass. It makes a folder on the node that the
// scheduler chose for a claim's first pod, and a local PersistentVolume that
// leads there, as kind's local-path-provisioner does; a released volume is
// deleted with its folder, or kept, as its reclaim policy says.
//
// What it does to the API's objects, and in which words it tells of it, is that
// of sigs.k8s.io/sig-storage-lib-external-provisioner. That library itself will
// not do: it ends the process when an informer has stopped, leaves goroutines
// behind, and tells the host's name in its events.
//
// It must not know what a node is, or where its folders are: Folders does.
package provisioner
