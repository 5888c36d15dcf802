package nsexec

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

const ownNetNS = "/proc/thread-self/ns/net"

// visit runs fn, which changes its thread's network namespace, on the calling
// goroutine, and puts the thread back where it was: otherwise it would keep a
// visited namespace alive. Going there and back costs a few microseconds, less
// than handing fn to a thread that waits for it; a thread a namespace would cost
// 40 KB each. Threads that the runtime starts meanwhile are not affected: it never
// clones a locked one.
func visit(fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	back, err := unix.Open(ownNetNS, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", ownNetNS, err)
	}
	defer func() {
		err := unix.Setns(back, unix.CLONE_NEWNET)
		unix.Close(back)
		if err != nil {
			panic(fmt.Sprintf("nsexec: a thread cannot return to its network namespace: %v", err))
		}
	}()
	return fn()
}
