package nsexec

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Environment says what world the server got.
type Environment struct {
	// SubIDs is how many user ids are mapped here; 1 means root alone.
	SubIDs int
	// IDs is the mapping itself, outer ids being those of the host.
	IDs []IDMap
	// Rootless says that an ordinary user started the supervisor.
	Rootless bool
	// OpenFiles is how many descriptors this process may have.
	OpenFiles uint64
	// Sysctl says that /proc/sys can be written.
	Sysctl bool
	// Cgroup is "v1", "v2", or "" where no hierarchy is mounted.
	Cgroup string
	// Reaper collects orphans; see Run.
	Reaper *Reaper
	// Warnings are what could not be had and does not stop us.
	Warnings []error
}

var current *Environment

// Current returns what Enter made, nil before it.
func Current() *Environment { return current }

// Enter furnishes the namespaces that Supervise made: private mounts, a fresh
// /proc, /sys and /run, the cgroup hierarchies without a hybrid's second one
// (crun 1.8 refuses that), lo up. It must be called once, from the main
// goroutine, before anything is started.
func Enter() (*Environment, error) {
	in, err := told()
	if err != nil {
		return nil, err
	}
	// The exec that gained capabilities has cleared the signal; whoever died
	// meanwhile has closed the pipe.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return nil, fmt.Errorf("parent death signal: %w", err)
	}
	// It has also made us undumpable, and a new session's helper would be for a moment:
	// its maps would then belong to somebody who is not mapped here.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("dumpable: %w", err)
	}
	poll := []unix.PollFd{{Fd: int32(in.Life)}}
	if _, err := unix.Poll(poll, 0); err != nil || poll[0].Revents&unix.POLLHUP != 0 {
		return nil, errors.New("the supervisor is gone")
	}
	unix.CloseOnExec(in.Life)
	unix.CloseOnExec(in.Outside)
	for _, fd := range in.Listeners {
		unix.CloseOnExec(fd)
	}

	e := &Environment{SubIDs: countIDs(in.IDs), IDs: in.IDs, Rootless: in.Rootless, Reaper: newReaper()}
	warn := func(err error) {
		if err != nil {
			e.Warnings = append(e.Warnings, err)
		}
	}
	if e.SubIDs > 1 {
		warn(syscall.Setgroups(nil)) // the supervisor's groups are not mapped here
	}
	if err := mounts(e, in.OwnCgroups, warn); err != nil {
		return nil, err
	}
	if e.Cgroup == "v2" {
		warn(leaveInner(cgroupRoot, in.Outside))
	}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	e.OpenFiles = lim.Cur
	warn(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	e.Sysctl = unix.Access("/proc/sys/net/ipv4/ip_forward", unix.W_OK) == nil
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("lo: %w", err)
	}
	current = e
	return e, nil
}

const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

func mounts(e *Environment, ownCgroups bool, warn func(error)) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", safe, ""); err != nil {
		return fmt.Errorf("mount /proc (a container needs --security-opt systempaths=unconfined): %w", err)
	}
	cgroups, err := takeCgroups(e)
	if err != nil {
		warn(err)
	}
	err = unix.Mount("sysfs", "/sys", "sysfs", safe, "")
	if err == unix.EPERM { // no more may be revealed than what is there: a container's is read-only
		err = unix.Mount("sysfs", "/sys", "sysfs", safe|unix.MS_RDONLY, "")
	}
	if err != nil {
		warn(fmt.Errorf("mount /sys: %w", err))
	}
	if ownCgroups && mountCgroups(e, "/proc/self/cgroup") == nil {
		closeAll(slices.Collect(maps.Values(cgroups)))
	} else if err := putCgroups(e, cgroups); err != nil {
		warn(err)
		e.Cgroup = ""
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return nil
}

// Run calls fn on a goroutine of its own while the calling one, which must be
// the main goroutine, collects orphans; it returns what fn returned.
func (e *Environment) Run(fn func() int) int {
	code := make(chan int, 1)
	go func() { code <- fn() }()
	return e.Reaper.serve(code)
}

// loopbackUp sets lo up in the calling thread's namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("SIOCSIFFLAGS", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}
