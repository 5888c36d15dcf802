package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// ociRuntime calls the OCI runtime. Each call is a program that ends as soon as
// the container's process runs; that process is then ours to wait for.
type ociRuntime struct {
	program string
	root    string // its state
	sockets string // for consoles; a short path, for socket names are
	reaper  *nsexec.Reaper
	calls   atomic.Uint64
}

// process is a container's, or an exec's. It is ready to be waited for without
// a thread: the reaper tells of its end.
type process struct {
	pid   int
	pidfd int // -1 where it ended before it could be opened
	group int // the process group that it began in, which is not the server's
	exit  <-chan syscall.WaitStatus
}

// signal reaches the process or nobody, never one that has got its number since.
func (p *process) signal(sig syscall.Signal) error {
	if p.pidfd < 0 {
		return os.ErrProcessDone
	}
	err := unix.PidfdSendSignal(p.pidfd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// killGroup kills the process group that the process began in, all that it started
// among it. The group's number is nobody else's while one of them is there.
func (p *process) killGroup() {
	if p.group > 1 && p.group != unix.Getpgrp() {
		unix.Kill(-p.group, unix.SIGKILL) //nolint:errcheck // it may have ended
	}
}

func (p *process) close() {
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
		p.pidfd = -1
	}
}

// stdio are the files a process gets.
type stdio struct{ in, out, err *os.File }

// spawn runs the runtime with a command that leaves a process behind (run or
// exec, detached) and returns that process, whose terminal is sent to the console, if there is
// one. program is what it shall start; a failure is told in runc's words.
func (r *ociRuntime) spawn(in *cgroup, files stdio, terminal *console, program, command string, args ...string) (*process, error) {
	n := r.calls.Add(1)
	log := filepath.Join(r.sockets, fmt.Sprintf("%d.log", n))
	pidFile := filepath.Join(r.sockets, fmt.Sprintf("%d.pid", n))
	defer os.Remove(log)
	defer os.Remove(pidFile)
	cmd := exec.Command(r.program, "--root", r.root, "--log", log, "--log-format", "json")
	if r.crun() {
		cmd.Args = append(cmd.Args, "--cgroup-manager", "disabled")
	}
	cmd.Args = append(cmd.Args, command, "--detach", "--pid-file", pidFile)
	if terminal != nil {
		cmd.Args = append(cmd.Args, "--console-socket", terminal.path)
	}
	cmd.Args = append(cmd.Args, args...)
	cmd.Dir = "/"
	// An exec stays in the runtime's process group, and must not be in ours: what it
	// does to its own it would do to us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	// The log is where its errors belong, but some go to standard error alone; that
	// is the container's own, so there is nothing to be gained from catching it.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files.in, files.out, files.err
	p := &process{pidfd: -1}
	var err error
	p.pid, p.exit, err = r.reaper.Start(func() (int, error) {
		if err := in.start(cmd); err != nil {
			return 0, err
		}
		if err := cmd.Wait(); err != nil {
			return 0, r.failure(log, terminal, program, err)
		}
		text, err := os.ReadFile(pidFile)
		if err != nil {
			return 0, err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("runtime's pid file: %w", err)
		}
		if fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK); err == nil {
			p.pidfd = fd
		}
		if p.group, err = unix.Getpgid(pid); err != nil {
			p.group = cmd.Process.Pid
		}
		return pid, nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// crun tells whether the runtime is crun, of which we know more than OCI says.
func (r *ociRuntime) crun() bool { return filepath.Base(r.program) == "crun" }

// forget removes what the runtime keeps of a container that has ended.
func (r *ociRuntime) forget(id string) error {
	state := filepath.Join(r.root, id)
	if _, err := os.Stat(state); err != nil {
		return nil
	}
	if r.crun() {
		// With its cgroup manager disabled, crun delete does this and no more,
		// in a process of its own.
		return os.RemoveAll(state)
	}
	if out, err := exec.Command(r.program, "--root", r.root, "delete", "--force", id).CombinedOutput(); err != nil {
		return fmt.Errorf("%s delete: %w: %s", filepath.Base(r.program), err, bytes.TrimSpace(out))
	}
	return nil
}

// failure reads why a call failed from the runtime's log, or from the terminal.
func (r *ociRuntime) failure(log string, terminal *console, program string, err error) error {
	text, _ := os.ReadFile(log) // there is none where the runtime did not come so far
	last := lastMessage(text)
	if last == "" && terminal != nil {
		last = lastMessage(terminal.said())
	}
	if last == "" {
		return fmt.Errorf("%s: %w", filepath.Base(r.program), err)
	}
	return errors.New(inRuncsWords(last, program))
}

// lastMessage is what the last line of a log says that is no warning. On a terminal lines have
// colours, and others are beside them.
func lastMessage(log []byte) (last string) {
	for text := range bytes.Lines(log) {
		from, to := bytes.IndexByte(text, '{'), bytes.LastIndexByte(text, '}')
		if from < 0 || to < from {
			continue
		}
		var line struct{ Msg, Level string }
		if json.Unmarshal(text[from:to+1], &line) == nil && line.Level != "warning" && line.Msg != "" {
			last = line.Msg
		}
	}
	return last
}

var (
	notFoundInPath = regexp.MustCompile("^executable file `([^`/]*)` not found in \\$PATH")
	notFoundFile   = regexp.MustCompile("^executable file `([^`]*)` not found")
)

// inRuncsWords puts crun's commonest messages as runc does, which users find
// when they search for them.
func inRuncsWords(msg, program string) string {
	if m := notFoundInPath.FindStringSubmatch(msg); m != nil {
		return fmt.Sprintf("exec: %q: executable file not found in $PATH", m[1])
	}
	if m := notFoundFile.FindStringSubmatch(msg); m != nil {
		return fmt.Sprintf("exec: %q: stat %s: no such file or directory", m[1], m[1])
	}
	switch msg {
	case "open executable: Permission denied":
		return fmt.Sprintf("exec: %q: permission denied", program)
	case "open executable: Operation not permitted": // crun's word for what is no file
		return fmt.Sprintf("exec: %q: is a directory", program)
	}
	return msg
}
