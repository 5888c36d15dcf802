package nsexec

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

type boundFile struct{ path, text []byte }

type boundLimit struct {
	which uintptr
	value unix.Rlimit
}

type boundedArgs struct {
	aboveFD, stdin uintptr
	files          []boundFile
	limits         []boundLimit
	program        *byte
	argv           [2]*byte
	maps           []byte
	// Results: the children write them into our memory.
	pid      int
	step     int
	errno    uintptr
	mapsPath [32]byte
}

var boundedSteps = [...]string{"vfork", "setns user", "bounds", "limits", "vfork in it", "exec", "map ids"}

// vforkBounded has a child enter the user namespace above and bound that, and start the
// program in one below it, as a child of ours. Only who is in the namespace above may map the ids
// of that below, so the first child does, when the second has started its program. See vfork.go
// for the rules that both follow.
//
//go:noinline
//go:norace
//go:nocheckptr
func vforkBounded(a *boundedArgs) (int, syscall.Errno) {
	var r, errno, pid uintptr
	var e syscall.Errno
	var i, at, digits int
	beforeFork()
	r, errno = rawVfork(unix.CLONE_VM | unix.CLONE_VFORK | uintptr(unix.SIGCHLD))
	if errno != 0 || r != 0 {
		afterFork()
		runtime.KeepAlive(a)
		return int(r), syscall.Errno(errno)
	}
	a.step = 1
	if _, _, e = syscall.RawSyscall(unix.SYS_SETNS, a.aboveFD, unix.CLONE_NEWUSER, 0); e != 0 {
		goto failed
	}
	a.step = 2
	for i = 0; i < len(a.files); i++ {
		if r, _, e = syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(atCWD), uintptr(unsafe.Pointer(&a.files[i].path[0])), unix.O_WRONLY|unix.O_CLOEXEC, 0, 0, 0); e != 0 {
			goto failed
		}
		if _, _, e = syscall.RawSyscall(unix.SYS_WRITE, r, uintptr(unsafe.Pointer(&a.files[i].text[0])), uintptr(len(a.files[i].text))); e != 0 {
			goto failed
		}
	}
	a.step = 3
	for i = 0; i < len(a.limits); i++ {
		if _, _, e = syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, a.limits[i].which, uintptr(unsafe.Pointer(&a.limits[i].value)), 0, 0, 0); e != 0 {
			goto failed
		}
	}
	a.step = 4
	r, errno = rawVfork(unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_PARENT | unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD))
	if errno != 0 {
		e = syscall.Errno(errno)
		goto failed
	}
	if r == 0 { // the second child
		afterForkInChild()
		a.step = 5
		if _, _, e = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0); e != 0 {
			goto failed
		}
		if a.stdin == 0 {
			_, _, e = syscall.RawSyscall(unix.SYS_FCNTL, 0, unix.F_SETFD, 0)
		} else {
			_, _, e = syscall.RawSyscall(unix.SYS_DUP3, a.stdin, 0, 0)
		}
		if e != 0 {
			goto failed
		}
		_, _, e = syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(a.program)), uintptr(unsafe.Pointer(&a.argv[0])), uintptr(unsafe.Pointer(&noEnv[0])))
		goto failed
	}
	a.pid, pid = int(r), r
	if a.errno != 0 { // it says so itself
		goto end
	}
	a.step = 6
	for r = pid; r > 0; r /= 10 {
		digits++
	}
	for i = 0; i < 2; i++ {
		for at = 0; at < len(mapsPrefix); at++ {
			a.mapsPath[at] = mapsPrefix[at]
		}
		for r, at = pid, len(mapsPrefix)+digits-1; r > 0; r, at = r/10, at-1 {
			a.mapsPath[at&31] = byte('0' + r%10)
		}
		for at = 0; at < len(mapsSuffix); at++ {
			a.mapsPath[(len(mapsPrefix)+digits+at)&31] = mapsSuffix[at]
		}
		if i == 1 {
			a.mapsPath[(len(mapsPrefix)+digits+1)&31] = 'g'
		}
		if r, _, e = syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(atCWD), uintptr(unsafe.Pointer(&a.mapsPath[0])), unix.O_WRONLY|unix.O_CLOEXEC, 0, 0, 0); e != 0 {
			goto failed
		}
		if _, _, e = syscall.RawSyscall(unix.SYS_WRITE, r, uintptr(unsafe.Pointer(&a.maps[0])), uintptr(len(a.maps))); e != 0 {
			goto failed
		}
	}
failed:
	a.errno = uintptr(e)
end:
	for {
		syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

var (
	mapsPrefix = [...]byte{'/', 'p', 'r', 'o', 'c', '/'}
	mapsSuffix = [...]byte{'/', 'u', 'i', 'd', '_', 'm', 'a', 'p', 0}
)
