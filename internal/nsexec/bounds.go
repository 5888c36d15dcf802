package nsexec

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bounds are what all users of a user namespace may have together of what the kernel counts by
// user, and beside a cgroup: without a bound each of them may have all that the server's own user
// has, and then nobody else has any. 0 is no bound.
type Bounds struct {
	// InotifyInstances and InotifyWatches have no effect where /proc/sys cannot be written
	// (Environment.Sysctl).
	InotifyInstances, InotifyWatches uint64
	// Signals are those that wait for a process; each timer of timer_create is one.
	Signals uint64
	// QueueBytes are those of POSIX message queues, LockedBytes those of shared memory that is locked.
	QueueBytes, LockedBytes uint64
	// Processes and threads, which a cgroup bounds better where there is one.
	Processes uint64
}

// ShareOf are bounds to a part of what this process' user may have: with n 8, an eighth.
func ShareOf(n uint64) (b Bounds) {
	of := func(most, least uint64) uint64 { return max(most/n, least) }
	// These are the machine's, which the server's namespaces do not hide.
	b.InotifyInstances = of(sysctl("/proc/sys/fs/inotify/max_user_instances"), 4)
	b.InotifyWatches = of(sysctl("/proc/sys/fs/inotify/max_user_watches"), 512)
	for which, to := range map[int]*uint64{unix.RLIMIT_SIGPENDING: &b.Signals, unix.RLIMIT_MSGQUEUE: &b.QueueBytes, unix.RLIMIT_MEMLOCK: &b.LockedBytes} {
		var limit unix.Rlimit
		if unix.Getrlimit(which, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
			*to = of(limit.Cur, 1024)
		}
	}
	return b
}

func sysctl(file string) uint64 {
	text, _ := os.ReadFile(file)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// NewBoundedUserNS is NewUserNS with bounds. The kernel counts what a namespace's users have with
// whoever made it, in the namespace above: that is one of its own here, which bounds that.
// Resource limits are those of who makes it, and nothing inside raises either.
func NewBoundedUserNS(maps []IDMap, b Bounds) (*UserNS, error) {
	if len(maps) == 0 {
		return nil, fmt.Errorf("new user namespace: no ids to map")
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		return nil, fmt.Errorf("new user namespace: %w", err)
	}
	above, err := newUserNS(cat, aboveMaps(maps))
	if err != nil {
		return nil, fmt.Errorf("new user namespace for bounds: %w", err)
	}
	defer above.Close() // the one below keeps it
	file, err := b.newUserNS(cat, above, maps)
	if err != nil {
		return nil, fmt.Errorf("new user namespace: %w", err)
	}
	return &UserNS{file: file, maps: append([]IDMap(nil), maps...)}, nil
}

// aboveMaps map ids to themselves: root, who makes the namespace below, and that one's.
func aboveMaps(maps []IDMap) []IDMap {
	out := []IDMap{{Inner: 0, Outer: 0, Size: 1}}
	for _, m := range maps {
		if m.Outer == 0 {
			m.Outer, m.Size = 1, m.Size-1
		}
		if m.Size > 0 {
			out = append(out, IDMap{Inner: m.Outer, Outer: m.Outer, Size: m.Size})
		}
	}
	return out
}

func (b Bounds) newUserNS(cat string, above *os.File, maps []IDMap) (*os.File, error) {
	r, w, err := os.Pipe() // cat waits on it, as in newUserNS
	if err != nil {
		return nil, err
	}
	defer w.Close()
	defer r.Close()
	path, err := unix.BytePtrFromString(cat)
	if err != nil {
		return nil, err
	}
	args := boundedArgs{aboveFD: above.Fd(), program: path, stdin: r.Fd(), maps: mapText(maps), limits: b.limits()}
	args.argv = [...]*byte{path, nil}
	if current == nil || current.Sysctl {
		args.files = b.files()
	}
	syscall.ForkLock.Lock()
	runtime.LockOSThread()
	child, errno := vforkBounded(&args)
	runtime.UnlockOSThread()
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return nil, errno
	}
	wait(child)
	if args.pid != 0 {
		defer func() {
			_ = unix.Kill(args.pid, unix.SIGKILL)
			wait(args.pid)
		}()
	}
	if args.errno != 0 {
		return nil, fmt.Errorf("%s: %w", boundedSteps[args.step], syscall.Errno(args.errno))
	}
	return os.Open("/proc/" + strconv.Itoa(args.pid) + "/ns/user")
}

func (b Bounds) files() (out []boundFile) {
	for file, n := range map[string]uint64{"max_inotify_instances": b.InotifyInstances, "max_inotify_watches": b.InotifyWatches} {
		if n > 0 {
			out = append(out, boundFile{path: append([]byte("/proc/sys/user/"+file), 0), text: strconv.AppendUint(nil, n, 10)})
		}
	}
	return out
}

func (b Bounds) limits() (out []boundLimit) {
	for which, n := range map[uintptr]uint64{unix.RLIMIT_SIGPENDING: b.Signals, unix.RLIMIT_MSGQUEUE: b.QueueBytes,
		unix.RLIMIT_MEMLOCK: b.LockedBytes, unix.RLIMIT_NPROC: b.Processes} {
		if n > 0 {
			out = append(out, boundLimit{which, unix.Rlimit{Cur: n, Max: n}})
		}
	}
	return out
}
