package container

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Container is one container. All methods are safe for concurrent use.
type Container struct {
	session *Session
	spec    Spec
	config  *specs.Spec
	key     string // of its seccomp filter
	// terminals is how many pseudo-terminals it may have; needs session.mu.
	terminals int
	root      string // folder on the session's file system: upper, work, rootfs
	bundle    string
	cgroup    *cgroup
	disk      disk
	out       *output
	done      chan struct{}
	meter     meter

	mu     sync.Mutex
	status Status
	proc   *process
	stdin  *os.File // write end, or the terminal's master
	tty    *os.File
	// release lets go of the layers of the container's images.
	release []func() error
}

// ID is the container's.
func (c *Container) ID() string { return c.spec.ID }

// runtimeID is what the runtime knows it by: sessions may use equal IDs.
func (c *Container) runtimeID() string { return c.session.cfg.ID + "." + c.spec.ID }

// Spec is what it was created with.
func (c *Container) Spec() Spec { return c.spec }

// Done is closed once the container has exited, its output is in its log and
// its status says so.
func (c *Container) Done() <-chan struct{} { return c.done }

// Status tells how it is.
func (c *Container) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// wait is a goroutine of each running container.
func (c *Container) wait(p *process) {
	ws := <-p.exit
	if c.spec.SharePID != nil {
		c.cgroup.kill() // what it started is not gone with its process namespace
	}
	c.out.finish(time.Second)
	oom := c.cgroup.oomKilled()
	c.mu.Lock()
	p.close()
	c.status.State, c.status.Pid, c.status.FinishedAt = Exited, 0, time.Now()
	c.status.ExitCode = exitCode(ws)
	c.status.OOMKilled = oom && c.status.ExitCode != 0
	switch {
	case c.status.OOMKilled:
		c.status.Reason = "OOMKilled"
	case c.status.ExitCode == 0:
		c.status.Reason = "Completed"
	default:
		c.status.Reason = "Error"
	}
	c.closeStdin()
	c.mu.Unlock()
	close(c.done)
	// A profile of the learner's own kills as that says, which is nothing to tell of.
	if told := c.session.cfg.OnForbidden; told != nil && ws.Signaled() && ws.Signal() == syscall.SIGSYS && c.spec.Seccomp == nil {
		told(c.spec.ID)
	}
	if c.spec.OnExit != nil {
		c.spec.OnExit()
	}
}

func exitCode(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// closeStdin needs c.mu. A terminal's master is closed by who reads it.
func (c *Container) closeStdin() {
	if c.stdin != nil && c.stdin != c.tty {
		c.stdin.Close()
	}
	c.stdin = nil
}

// Signal sends a signal to the container's process 1.
func (c *Container) Signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.State != Running {
		return fmt.Errorf("signal container %s: %w", c.spec.ID, ErrNotRunning)
	}
	if err := c.proc.signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal container %s: %w", c.spec.ID, err)
	}
	return nil
}

// ReopenLog goes on in a new file at the log's path.
func (c *Container) ReopenLog() error {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out == nil {
		return ErrNotRunning
	}
	return out.log.reopen()
}
