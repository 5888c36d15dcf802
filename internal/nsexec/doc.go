// Package nsexec gives the server a small world of its own and hands out rooms in it.
//
// Outside, Supervise re-executes the program into new user, mount, pid, network,
// IPC and UTS namespaces and waits for it. Inside, Enter finishes that world
// (fresh /proc, /sys and /run, private mounts) and starts the reaper; NewNetNS,
// NewUserNS and NewSandbox make the namespaces of nodes, sessions and pods, and
// NetNS.Do, DialContext and Listen work in them. Nothing here outlives the
// process: every namespace is held by a descriptor and by nothing else.
//
// It must not know Kubernetes, sessions, addresses or links: a namespace comes
// out of here empty but for lo, and engine/network furnishes it.
//
// # Process-wide facts
//
// Being process 1 of a pid namespace and the mapping of ids belong to a process and
// not to a value, so this package keeps them in package variables, as package os
// keeps Args.
package nsexec
