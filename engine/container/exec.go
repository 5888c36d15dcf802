package container

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ExecSpec describes a further process in a running container. It runs as the
// container's own user, with its variables and working directory.
type ExecSpec struct {
	Args []string
	// Env are further variables.
	Env []string
	TTY bool
	// Stdin, if set, is copied until it or the process ends. Who gives one
	// that may block for ever closes it when Exec has returned.
	Stdin io.Reader
	// Stdout and Stderr may be nil; with a terminal all goes to Stdout.
	Stdout, Stderr io.Writer
	// Resize brings the terminal's sizes.
	Resize <-chan Size
	// Started, if set, is called when the process runs.
	Started func()
	// Hangup is how long a process with a terminal has when ctx ends, after SIGHUP, until it
	// is killed: a shell passes that on to its jobs.
	Hangup time.Duration
	// Group has the process' group killed with it when ctx ends: those that it started,
	// but for what made a group of its own.
	Group bool
}

// drain is how long an exec's output is waited for after its process ended:
// one that it left behind may hold it open.
const drain = time.Second

// Exec runs a process in the container and returns its exit code. The error
// wraps ErrExec where it could not be started, ErrNotRunning where the container
// is not running, and is ctx's where that ended first: the process is killed.
func (c *Container) Exec(ctx context.Context, spec ExecSpec) (int, error) {
	if len(spec.Args) == 0 {
		return -1, fmt.Errorf("%w: no command specified", ErrExec)
	}
	if c.Status().State != Running {
		return -1, fmt.Errorf("exec in container %s: %w", c.spec.ID, ErrNotRunning)
	}
	runtime := c.session.host.runtime
	files, ours, err := c.session.pipes(spec.TTY, spec.Stdin != nil)
	if err != nil {
		return -1, err
	}
	description, err := c.describe(spec)
	if err != nil {
		files.close()
		ours.close()
		return -1, err
	}
	defer os.Remove(description)
	args := []string{"--process", description}
	var terminal *console
	if spec.TTY {
		if terminal, err = runtime.newConsole(); err != nil {
			files.close()
			return -1, err
		}
		defer terminal.close()
		args = append(args, "--tty")
	}
	p, err := runtime.spawn(c.cgroup, files, terminal, spec.Args[0], "exec", append(args, c.runtimeID())...)
	files.close()
	if err != nil {
		ours.close()
		if c.Status().State != Running {
			return -1, fmt.Errorf("exec in container %s: %w", c.spec.ID, ErrNotRunning)
		}
		return -1, fmt.Errorf("failed to exec in container: %w: %w", ErrExec, err)
	}
	defer p.close()
	if terminal != nil {
		if ours.out, err = terminal.master(); err != nil {
			p.signal(unix.SIGKILL) //nolint:errcheck // it may have ended
			<-p.exit
			return -1, err
		}
		ours.in = ours.out
	}
	if spec.Started != nil {
		spec.Started()
	}
	return c.follow(ctx, spec, p, ours)
}

// describe writes the process of an exec for the runtime: the container's own
// with other arguments.
func (c *Container) describe(spec ExecSpec) (file string, err error) {
	p := *c.config.Process
	p.Args, p.Terminal = spec.Args, spec.TTY
	p.Env = slices.Concat(p.Env, spec.Env)
	if spec.TTY && !slices.ContainsFunc(p.Env, func(kv string) bool { return strings.HasPrefix(kv, "TERM=") }) {
		p.Env = append(p.Env, "TERM=xterm")
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	runtime := c.session.host.runtime
	file = filepath.Join(runtime.sockets, fmt.Sprintf("%d.json", runtime.calls.Add(1)))
	return file, os.WriteFile(file, text, 0o600)
}

// follow copies an exec's streams until it ends.
func (c *Container) follow(ctx context.Context, spec ExecSpec, p *process, ours stdio) (int, error) {
	var out sync.WaitGroup
	copyOut := func(to io.Writer, from *os.File) {
		if from == nil {
			return
		}
		if to == nil {
			to = io.Discard
		}
		out.Add(1)
		go func() {
			defer out.Done()
			copyStream(to, from)
		}()
	}
	copyOut(spec.Stdout, ours.out)
	copyOut(spec.Stderr, ours.err)
	if spec.Stdin != nil {
		go func() {
			io.Copy(ours.in, spec.Stdin) //nolint:errcheck // either end may go first
			if !spec.TTY {
				ours.in.Close()
			}
		}()
	}
	ended := make(chan struct{})
	defer close(ended)
	if spec.TTY && spec.Resize != nil {
		go followSize(spec.Resize, ended, ours.out)
	}
	var failed error
	var code int
	select {
	case ws := <-p.exit:
		code = exitCode(ws)
	case <-ctx.Done():
		failed = ctx.Err()
		code = exitCode(p.end(spec))
	}
	drained := make(chan struct{})
	go func() { out.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(drain):
	}
	ours.close()
	<-drained // their files are closed
	return code, failed
}

// end ends an exec's process, and waits for it.
func (p *process) end(spec ExecSpec) syscall.WaitStatus {
	if spec.TTY && spec.Hangup > 0 {
		p.signal(unix.SIGHUP) //nolint:errcheck // it may have ended
		timer := time.NewTimer(spec.Hangup)
		defer timer.Stop()
		select {
		case ws := <-p.exit:
			return ws
		case <-timer.C:
		}
	}
	if spec.Group {
		p.killGroup()
	}
	p.signal(unix.SIGKILL) //nolint:errcheck // it may have ended
	return <-p.exit
}

// copyStream copies to the end without holding a buffer while it waits.
func copyStream(to io.Writer, from *os.File) {
	for {
		data, release, err := readSome(from)
		if len(data) > 0 {
			if _, werr := to.Write(data); werr != nil {
				to = io.Discard // the process shall not block for it
			}
		}
		release()
		if err != nil {
			return
		}
	}
}

// followSize sets a terminal's sizes as they come.
func followSize(sizes <-chan Size, ended <-chan struct{}, terminal *os.File) {
	for {
		select {
		case s, ok := <-sizes:
			if !ok {
				return
			}
			resize(terminal, s) //nolint:errcheck // the terminal may have gone
		case <-ended:
			return
		}
	}
}

// limited keeps the first bytes of what is written.
type limited struct {
	buf []byte
	max int
}

func (l *limited) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p[:min(len(p), l.max-len(l.buf))]...)
	return len(p), nil
}

// ExecSync runs a process for at most timeout (0 is no bound), without
// standard input, and returns what it wrote, of each stream at most 16 MiB as
// containerd does. After the timeout the error is context.DeadlineExceeded.
func (c *Container) ExecSync(ctx context.Context, args []string, timeout time.Duration) (stdout, stderr []byte, code int, err error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	out, errs := limited{max: 16 << 20}, limited{max: 16 << 20}
	code, err = c.Exec(ctx, ExecSpec{Args: args, Stdout: &out, Stderr: &errs})
	return out.buf, errs.buf, code, err
}
