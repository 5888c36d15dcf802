package container

import (
	"errors"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/internal/nsexec"
)

var (
	// ErrClosed: the session is closed.
	ErrClosed = errors.New("session is closed")
	// ErrNotRunning: the container is not running, so it takes no signal and no exec.
	ErrNotRunning = errors.New("container is not running")
	// ErrExists: there is a container of that ID in the session.
	ErrExists = errors.New("container already exists")
	// ErrMountSource: a mount's host path is not the session's.
	ErrMountSource = errors.New("mount source is outside of the session")
	// ErrStart: the runtime could not start the process; the text is the runtime's.
	ErrStart = errors.New("OCI runtime create failed: runc create failed: unable to start container process")
	// ErrExec: the runtime could not start the process of an exec.
	ErrExec = errors.New("OCI runtime exec failed: exec failed: unable to start container process")
)

// Spec describes a container. It is not changed after Create.
type Spec struct {
	// ID is unique in the session, and fit to be a folder's name.
	ID    string
	Image image.Image
	// Command and Args take the place of the image's entry point and command, by
	// the rules of a Pod's command and args.
	Command, Args []string
	// Env are KEY=value, over the image's.
	Env []string
	// Cwd is the working directory, the image's or / by default.
	Cwd  string
	User User
	// Sandbox has the namespaces to join.
	Sandbox *nsexec.Sandbox
	// SharePID, if set, is a running container whose process namespace is joined.
	SharePID *Container
	// HostNetwork, if set, is joined in place of the sandbox's network namespace.
	HostNetwork *nsexec.NetNS
	// Hostname is for the HOSTNAME variable; the UTS namespace has it already.
	Hostname string
	Mounts   []Mount
	// TTY gives the process a pseudo-terminal.
	TTY bool
	// Stdin keeps standard input open for Attach; otherwise it is /dev/null.
	Stdin bool
	// StdinOnce closes standard input when the first attached client goes.
	StdinOnce bool
	// LogPath is a file that gets the output in the kubelet's CRI format, "" for none.
	LogPath   string
	Resources Resources
	// Group is the cgroup to be in; the session's own by default.
	Group        *Group
	Capabilities Capabilities
	// AllowPrivilegeEscalation lets programs whose file says so (set-user-ID, file
	// capabilities) have more than who starts them, of what the container may have.
	AllowPrivilegeEscalation bool
	// ReadonlyRootfs mounts the root file system read-only.
	ReadonlyRootfs bool
	// Seccomp, if set, takes the place of the profile of Docker, less what Podhop denies.
	Seccomp *specs.LinuxSeccomp
	// Unconfined runs without the seccomp profile's limits on system calls that
	// the profile of Docker has; what Podhop itself denies stays denied.
	Unconfined bool
	// MaskedPaths and ReadonlyPaths take the place of the usual ones, where not nil.
	MaskedPaths, ReadonlyPaths []string
	// Sysctls are set in the container's namespaces.
	Sysctls map[string]string
	// OnExit, if set, is called once, on a goroutine of its own, when the
	// container has exited and its status says so.
	OnExit func()
}

// User is who the process runs as; the zero value is the image's user. With a
// single mapped id everybody is root, and changing ids seems to succeed.
type User struct {
	// Name is looked up in the image's /etc/passwd.
	Name string
	// UID and GID, where not nil, win over Name's.
	UID, GID *int64
	// Groups are supplementary groups.
	Groups []int64
	// StrictGroups leaves out the groups that the image's /etc/group gives.
	StrictGroups bool
}

// Mount binds a file or folder into the container.
type Mount struct {
	// Source is a path below Session.Dir. Files there are shown with the owners
	// they have for the server: its root is the container's root.
	Source string
	// Destination is an absolute path in the container; it is made if missing.
	Destination string
	Readonly    bool
	// RecursiveReadonly makes what is mounted below Source read-only, too.
	RecursiveReadonly bool
	// Slave has mounts appear that are made below Source later.
	Slave bool
	// Image mounts the image's files in place of Source, read-only and without
	// programs that can be run; SubPath is a path inside of it.
	Image   *image.Image
	SubPath string
	// Tmpfs mounts a new tmpfs of this many bytes in place of Source.
	Tmpfs int64
}

// Resources are limits by cgroup; zero is none. They have no effect where there
// are no cgroups (Host.Cgroups).
type Resources struct {
	// CPUShares is a weight as in cgroup v1 (1024 is one CPU).
	CPUShares int64
	// CPUQuota and CPUPeriod, in microseconds; a quota of -1 is none, and lifts one.
	CPUQuota, CPUPeriod int64
	// Memory in bytes, swap included; -1 lifts a limit.
	Memory int64
	// Pids is the most processes and threads.
	Pids int64
	// OOMScoreAdj is the kernel's oom_score_adj.
	OOMScoreAdj int
	// Unified are values for files of memory in version 2, by file: memory.high,
	// memory.low, memory.min and memory.oom.group. Others are not written.
	Unified map[string]string
}

// Capabilities change the default set (that of containerd); names with or
// without CAP_, "ALL" for all.
type Capabilities struct{ Add, Drop []string }

// State is a container's.
type State int

const (
	Created State = iota
	Running
	Exited
)

func (s State) String() string { return [...]string{"created", "running", "exited"}[s] }

// Status is what is known of a container.
type Status struct {
	State State
	// Pid in the server's process namespace, while it is running.
	Pid int
	// ExitCode is 128 plus the signal's number for a signal; 128 with Reason
	// "StartError" where the process could not be started.
	ExitCode int
	// Reason is "Completed", "Error", "OOMKilled" or "StartError" once exited.
	Reason, Message                  string
	OOMKilled                        bool
	CreatedAt, StartedAt, FinishedAt time.Time
}
