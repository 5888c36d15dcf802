package nsexec

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNotOrphan says that a process was gone, and known to nobody, when it was asked for.
var ErrNotOrphan = errors.New("ended before it became an orphan")

// A Reaper collects orphans, as process 1 must, without taking a child that
// somebody else waits for.
//
// The rule: the kernel makes an orphan a child of process 1's first thread, and a
// process that Go starts a child of the thread that started it. The reaper owns
// the first thread, starts nothing on it, and waits with __WNOTHREAD, which sees
// that thread's children only. So os/exec and its like keep theirs. (A thread that
// ends leaves its children to the first thread: who starts a process from a
// locked goroutine must not end that goroutine before the process has ended.)
//
// A container's init is an orphan too, since crun leaves it behind. Start tells
// the reaper which orphan somebody wants to hear of.
//
// All methods are safe for concurrent use.
type Reaper struct {
	mu      sync.Mutex
	holds   int
	kept    map[int]syscall.WaitStatus      // ended while somebody was in Start
	waiting map[int]chan syscall.WaitStatus // by pid
}

func newReaper() *Reaper {
	return &Reaper{kept: map[int]syscall.WaitStatus{}, waiting: map[int]chan syscall.WaitStatus{}}
}

// Start calls start, which must leave an orphan behind and return its pid, and
// returns a channel on which the orphan's exit status comes once, whenever it
// ends, be it before start has returned. The reaper has then collected it:
// waitid on the pid or a pidfd of it answers ECHILD (but a pidfd still signals,
// and becomes readable when the process ends). If what start left behind was
// collected by its own parent, the error is ErrNotOrphan.
func (r *Reaper) Start(start func() (pid int, err error)) (pid int, exit <-chan syscall.WaitStatus, err error) {
	r.mu.Lock()
	r.holds++
	r.mu.Unlock()
	pid, err = start()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holds--; r.holds == 0 {
		defer clear(r.kept)
	}
	if err != nil {
		return 0, nil, err
	}
	ch := make(chan syscall.WaitStatus, 1)
	if ws, ok := r.kept[pid]; ok {
		delete(r.kept, pid)
		ch <- ws
	} else if unix.Kill(pid, 0) == unix.ESRCH {
		return 0, nil, fmt.Errorf("process %d: %w", pid, ErrNotOrphan)
	} else {
		r.waiting[pid] = ch
	}
	return pid, ch, nil
}

// collect takes one orphan that has ended, if there is one. It holds the lock
// across the wait, so that Start finds a process either there or noted.
func (r *Reaper) collect() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ws syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &ws, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid == 0 {
		return false
	}
	if ch, ok := r.waiting[pid]; ok {
		delete(r.waiting, pid)
		ch <- ws
	} else if r.holds > 0 {
		r.kept[pid] = ws
	}
	return true
}

// serve collects until done has a value. It must run on the first thread.
func (r *Reaper) serve(done <-chan int) int {
	child := make(chan os.Signal, 1)
	signal.Notify(child, syscall.SIGCHLD)
	defer signal.Stop(child)
	for {
		for r.collect() {
		}
		select {
		case <-child:
		case code := <-done:
			return code
		}
	}
}
