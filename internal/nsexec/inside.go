package nsexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrOutside is returned by what only works in the re-executed process.
var ErrOutside = errors.New("not inside the server's own namespaces")

// init runs before main, and before the init functions of everything larger.
func init() {
	if name := os.Getenv(envGroups); name != "" {
		if err := giveInside(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if fd := os.Getenv(envWait); fd != "" {
		waitForMaps(fd)
	}
	if Inside() {
		// The kernel gives orphans to process 1's first thread, so that thread is
		// the reaper's; see Environment.Run.
		runtime.LockOSThread()
	}
}

// waitForMaps waits until the helpers have mapped our ids, and starts the
// program anew: only an exec as a mapped root brings the capabilities back that
// the first exec, as an unmapped user, took.
func waitForMaps(env string) {
	fd, err := strconv.Atoi(env)
	if err == nil {
		if n, rerr := unix.Read(fd, make([]byte, 1)); rerr != nil || n != 1 {
			os.Exit(1) // the supervisor gave up, and has said why
		}
		unix.Close(fd)
		os.Unsetenv(envWait)
		err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "podhop: starting again with mapped ids:", err)
	os.Exit(1)
}

// Inside tells whether this is the process that Supervise started.
func Inside() bool { return os.Getpid() == 1 && os.Getenv(envInside) != "" }

var told = sync.OnceValues(func() (inside, error) {
	var in inside
	if !Inside() {
		return in, ErrOutside
	}
	err := json.Unmarshal([]byte(os.Getenv(envInside)), &in)
	return in, err
})

// Listener returns a listener that Supervise opened on the host. Each can be
// taken once; taking it again is an error.
func Listener(name string) (net.Listener, error) {
	in, err := told()
	if err != nil {
		return nil, err
	}
	fd, ok := in.Listeners[name]
	if !ok {
		return nil, fmt.Errorf("no listener %q was handed over", name)
	}
	f := os.NewFile(uintptr(fd), "listener-"+name)
	defer f.Close() // FileListener has its own copy
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	return l, nil
}
