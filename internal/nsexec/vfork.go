package nsexec

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The children here share our memory while the calling thread waits, as those of
// syscall.forkExec do, and follow the same rules: no allocation, no growth of the
// stack, no call but to assembly and nosplit functions. The linknames are
// those that the runtime keeps open for this use (go.dev/issue/67401).

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// rawVfork is a clone that saves its return address from the child, which
// runs on the same stack; see vfork_*.s.
func rawVfork(flags uintptr) (pid, errno uintptr)

type sandboxArgs struct {
	userFD, hostLen uintptr
	host            []byte
	// Results: the child writes them into our memory.
	fds   [3]int
	step  int
	errno uintptr
}

var (
	nsNet  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'n', 's', '/', 'n', 'e', 't', 0}
	nsIPC  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'n', 's', '/', 'i', 'p', 'c', 0}
	nsUTS  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'n', 's', '/', 'u', 't', 's', 0}
	noEnv  = [...]*byte{nil}
	atCWD  = unix.AT_FDCWD
	ocloex = uintptr(unix.O_RDONLY | unix.O_CLOEXEC)
)

// vforkSandbox runs the child's few steps; CLONE_FILES makes the descriptors it
// opens ours.
//
//go:noinline
//go:norace
//go:nocheckptr
func vforkSandbox(a *sandboxArgs) (int, syscall.Errno) {
	var r, errno uintptr
	var e syscall.Errno
	beforeFork()
	r, errno = rawVfork(unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_FILES | uintptr(unix.SIGCHLD))
	if errno != 0 || r != 0 {
		afterFork()
		runtime.KeepAlive(a)
		return int(r), syscall.Errno(errno)
	}
	// The child. Its signals stay blocked: it is gone in a moment.
	a.step = 1
	if _, _, e = syscall.RawSyscall(unix.SYS_SETNS, a.userFD, unix.CLONE_NEWUSER, 0); e != 0 {
		goto failed
	}
	a.step = 2
	if _, _, e = syscall.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS, 0, 0); e != 0 {
		goto failed
	}
	a.step = 3
	if a.hostLen > 0 {
		if _, _, e = syscall.RawSyscall(unix.SYS_SETHOSTNAME, uintptr(unsafe.Pointer(&a.host[0])), a.hostLen, 0); e != 0 {
			goto failed
		}
	}
	a.step = 4
	if r, _, e = syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(atCWD), uintptr(unsafe.Pointer(&nsNet[0])), ocloex, 0, 0, 0); e != 0 {
		goto failed
	}
	a.fds[0] = int(r)
	a.step = 5
	if r, _, e = syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(atCWD), uintptr(unsafe.Pointer(&nsIPC[0])), ocloex, 0, 0, 0); e != 0 {
		goto failed
	}
	a.fds[1] = int(r)
	a.step = 6
	if r, _, e = syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(atCWD), uintptr(unsafe.Pointer(&nsUTS[0])), ocloex, 0, 0, 0); e != 0 {
		goto failed
	}
	a.fds[2] = int(r)
failed:
	a.errno = uintptr(e)
	for {
		syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

// execInUserNS starts a program, without arguments or environment, in a user
// namespace of its own with stdin as its standard input, and returns its pid.
func execInUserNS(path *byte, stdin uintptr) (int, error) {
	argv := [...]*byte{path, nil}
	var childErr uintptr
	// As syscall.forkExec does: no descriptor may be open without close-on-exec now.
	syscall.ForkLock.Lock()
	runtime.LockOSThread()
	pid, errno := vforkExec(path, &argv[0], stdin, &childErr)
	runtime.UnlockOSThread()
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return 0, errno
	}
	if childErr != 0 {
		wait(pid)
		return 0, syscall.Errno(childErr)
	}
	return pid, nil
}

//go:noinline
//go:norace
//go:nocheckptr
func vforkExec(path *byte, argv **byte, stdin uintptr, childErr *uintptr) (int, syscall.Errno) {
	var r, errno uintptr
	var e syscall.Errno
	beforeFork()
	r, errno = rawVfork(unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD))
	if errno != 0 || r != 0 {
		afterFork()
		return int(r), syscall.Errno(errno)
	}
	afterForkInChild()
	if _, _, e = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0); e != 0 {
		goto failed
	}
	if stdin == 0 {
		_, _, e = syscall.RawSyscall(unix.SYS_FCNTL, 0, unix.F_SETFD, 0)
	} else {
		_, _, e = syscall.RawSyscall(unix.SYS_DUP3, stdin, 0, 0)
	}
	if e != 0 {
		goto failed
	}
	_, _, e = syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(argv)), uintptr(unsafe.Pointer(&noEnv[0])))
failed:
	*childErr = uintptr(e)
	for {
		syscall.RawSyscall(unix.SYS_EXIT, 253, 0, 0)
	}
}
