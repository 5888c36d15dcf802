// Package container runs real processes from image root filesystems: one OCI
// bundle a container, started by crun directly, with no daemon and no shim.
//
// A Host belongs to a server, a Session to one learner's cluster. All a session's
// containers run in its user namespace and write to one tmpfs of limited size; the
// network, IPC and UTS namespaces they join come from whoever made the pod. The
// package knows nothing of pods, the kubelet, or how the network is wired; it
// supplies no /etc/hosts and no /etc/resolv.conf.
//
// It works inside the server's own namespaces only (package nsexec), which take
// every mount and process along when the server ends. What they cannot take, the
// cgroups, New sweeps.
package container
