package nsexec

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// maxThreads bounds the threads that visit namespaces. One thread a namespace
// would cost 40 KB each; a visit costs a few microseconds.
const maxThreads = 16

// threads are the process' visiting threads.
var threads pool

// pool runs functions on locked threads which are at home, in the server's own
// namespace, between two functions: else they would keep visited ones alive.
type pool struct {
	once sync.Once
	jobs chan job
	slot chan struct{} // holds one token a thread that may yet be started
}

type job struct {
	fn   func() error
	done chan error
}

var errGoexit = errors.New("the function ended its goroutine")

func (p *pool) do(fn func() error) error {
	p.once.Do(func() {
		p.jobs, p.slot = make(chan job), make(chan struct{}, maxThreads)
		for range maxThreads {
			p.slot <- struct{}{}
		}
	})
	j := job{fn, make(chan error, 1)}
	select {
	case p.jobs <- j: // one is idle
	default:
		select {
		case p.jobs <- j:
		case <-p.slot:
			go p.work(j)
		}
	}
	return <-j.done
}

// work never unlocks its thread: one that cannot go home must end with its goroutine.
func (p *pool) work(j job) {
	defer func() { p.slot <- struct{}{} }()
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		j.done <- fmt.Errorf("open own network namespace: %w", err)
		return
	}
	defer unix.Close(home)
	for {
		run(j, home)
		j = <-p.jobs
	}
}

func run(j job, home int) {
	err := errGoexit
	defer func() {
		if herr := unix.Setns(home, unix.CLONE_NEWNET); herr != nil {
			panic(fmt.Sprintf("nsexec: a thread cannot return to its own network namespace: %v", herr))
		}
		j.done <- err
	}()
	err = j.fn()
}
