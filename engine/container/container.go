package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Container is one container. All methods are safe for concurrent use.
type Container struct {
	session *Session
	spec    Spec
	config  *specs.Spec
	key     string // of its seccomp filter
	root    string // folder on the session's file system: upper, work, rootfs
	bundle  string
	cgroup  *cgroup
	out     *output
	done    chan struct{}

	mu     sync.Mutex
	status Status
	proc   *process
	stdin  *os.File // write end, or the terminal's master
	tty    *os.File
}

// Create makes a container's root file system and configuration. Nothing runs
// before Start.
func (s *Session) Create(ctx context.Context, spec Spec) (*Container, error) {
	if spec.ID == "" || strings.ContainsAny(spec.ID, "/:,\x00") || strings.HasPrefix(spec.ID, ".") {
		return nil, fmt.Errorf("container id %q is no folder's name", spec.ID)
	}
	c := &Container{session: s, spec: spec, root: s.path("fs", "c", spec.ID), bundle: s.path("b", spec.ID), done: make(chan struct{}),
		status: Status{CreatedAt: time.Now()}}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if s.containers[spec.ID] != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("container %s: %w", spec.ID, ErrExists)
	}
	s.containers[spec.ID] = c
	s.mu.Unlock()
	if err := c.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("create container: %w", err), c.Remove())
	}
	return c, nil
}

func (c *Container) create(ctx context.Context) error {
	s := c.session
	lowers, err := s.layerPaths(ctx, c.spec.Image)
	if err != nil {
		return err
	}
	for _, dir := range []string{c.root, filepath.Join(c.root, "rootfs"), filepath.Join(c.root, "upper"), filepath.Join(c.root, "work")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir(c.bundle, 0o700); err != nil {
		return err
	}
	upper, rootfs := filepath.Join(c.root, "upper"), filepath.Join(c.root, "rootfs")
	if s.mapped { // the root folder of the container is upper's
		if err := os.Chown(upper, s.cfg.UIDBase, s.cfg.UIDBase); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", strings.Join(lowers, ":"), upper, filepath.Join(c.root, "work"))
	if err := unix.Mount("overlay", rootfs, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("mount overlay of %d layers: %w", len(lowers), err)
	}
	if c.config, err = c.plan(rootfs); err != nil {
		return err
	}
	if s.cgroup != nil {
		if c.cgroup, err = s.cgroup.sub(c.spec.ID, c.spec.Resources); err != nil {
			return err
		}
	}
	return nil
}

// plan gathers what the configuration needs to know, and makes it.
func (c *Container) plan(rootfs string) (*specs.Spec, error) {
	s := c.session
	p := plan{spec: c.spec, rootfs: rootfs, singleID: s.host.SingleID(), openFiles: s.host.env.OpenFiles, userNS: s.cfg.UserNS.Path()}
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	p.accounts = readAccounts(root)
	root.Close()
	if b := c.spec.Sandbox; b != nil {
		p.netNS, p.ipcNS, p.utsNS = b.Net.Path(), namespacePath(b.IPC), namespacePath(b.UTS)
	}
	if c.spec.HostNetwork != nil {
		p.netNS = c.spec.HostNetwork.Path()
	}
	if other := c.spec.SharePID; other != nil {
		pid := other.Status().Pid
		if pid == 0 {
			return nil, fmt.Errorf("share the process namespace of %s: %w", other.spec.ID, ErrNotRunning)
		}
		p.pidNS = fmt.Sprintf("/proc/%d/ns/pid", pid)
	}
	for _, m := range c.spec.Mounts {
		if m.Tmpfs == 0 {
			if m.Source, err = s.source(m.Source); err != nil {
				return nil, fmt.Errorf("mount %s: %w", m.Destination, err)
			}
		}
		p.mounts = append(p.mounts, m)
	}
	config, err := p.oci()
	if err != nil {
		return nil, err
	}
	c.key = profileKey(config.Process.Capabilities.Bounding, p.singleID, c.spec.Unconfined)
	return config, nil
}

// namespacePath is a path by which the runtime can open ours.
func namespacePath(f *os.File) string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd())
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

// Start starts the container's process; it returns when that runs. An error
// wraps ErrStart where the process could not be started; the container has then
// exited, with code 128 and reason "StartError".
func (c *Container) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.State != Created || c.proc != nil {
		return fmt.Errorf("container %s is %s, not created", c.spec.ID, c.status.State)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.status.StartedAt = time.Now()
	err := c.start()
	if err == nil {
		c.status.State, c.status.Pid = Running, c.proc.pid
		go c.wait(c.proc)
		return nil
	}
	err = fmt.Errorf("failed to start container %q: %w: %w", c.spec.ID, ErrStart, err)
	c.status.State, c.status.ExitCode, c.status.Reason, c.status.Message = Exited, 128, "StartError", err.Error()
	c.status.FinishedAt = time.Now()
	c.closeStdin()
	c.out.log.close()
	close(c.done)
	return err
}

func (c *Container) start() error {
	var log *logFile
	if c.spec.LogPath != "" {
		var err error
		if log, err = openLog(c.spec.LogPath); err != nil {
			c.out = newOutput(nil)
			return err
		}
	}
	c.out = newOutput(log)
	if err := c.session.host.confine(c); err != nil {
		return err
	}
	text, err := json.Marshal(c.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.bundle, "config.json"), text, 0o600); err != nil {
		return err
	}
	files, ours, err := c.session.pipes(c.spec.TTY, c.spec.Stdin)
	if err != nil {
		return err
	}
	defer files.close()
	args := []string{"--bundle", c.bundle}
	var terminal *console
	if c.spec.TTY {
		if terminal, err = c.session.host.runtime.newConsole(); err != nil {
			return err
		}
		defer terminal.close()
		args = append(args, "--console-socket", terminal.path)
	}
	if c.session.host.runtime.crun() {
		args = append(args, "--no-new-keyring") // keys are counted per user of the host, and few
	}
	if c.proc, err = c.session.host.runtime.spawn(c.cgroup, files, c.config.Process.Args[0], "run", append(args, c.runtimeID())...); err != nil {
		ours.close()
		return err
	}
	if terminal != nil {
		if ours.out, err = terminal.master(); err != nil {
			c.proc.signal(unix.SIGKILL) //nolint:errcheck // it may have ended
			<-c.proc.exit
			c.proc.close()
			return err
		}
		c.tty = ours.out
		ours.in = ours.out
		c.out.read("stdout", ours.out)
	} else {
		c.out.read("stdout", ours.out)
		c.out.read("stderr", ours.err)
	}
	if c.spec.Stdin {
		c.stdin = ours.in
	}
	c.session.host.learnFilter(c)
	return nil
}

// wait is a goroutine of each running container.
func (c *Container) wait(p *process) {
	ws := <-p.exit
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

// Stop sends the image's stop signal (SIGTERM by default), waits for grace, and
// kills what is left. It returns when the container has exited; one that never
// ran has nothing to stop.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	if c.Status().State != Running {
		return nil
	}
	if grace > 0 {
		if err := c.Signal(stopSignal(c.spec.Image.Config.StopSignal)); err != nil && !errors.Is(err, ErrNotRunning) {
			return err
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopSignal reads an image's STOPSIGNAL: a name with or without SIG, or a number.
func stopSignal(s string) syscall.Signal {
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err == nil && n > 0 {
		return syscall.Signal(n)
	}
	if s != "" && !strings.HasPrefix(s, "SIG") {
		s = "SIG" + s
	}
	if sig := unix.SignalNum(s); sig != 0 {
		return sig
	}
	return unix.SIGTERM
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

// Remove kills the container if it runs, and removes all there is of it.
// Removing it again is no error.
func (c *Container) Remove() error {
	if c.Status().State == Running {
		if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
			return err
		}
		<-c.done
	}
	errs := []error{c.cgroup.remove()}
	if err := unix.Unmount(filepath.Join(c.root, "rootfs"), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, fmt.Errorf("unmount: %w", err))
	}
	errs = append(errs, os.RemoveAll(c.root), os.RemoveAll(c.bundle), c.session.host.runtime.forget(c.runtimeID()))
	c.session.mu.Lock()
	if c.session.containers[c.spec.ID] == c {
		delete(c.session.containers, c.spec.ID)
	}
	c.session.mu.Unlock()
	return errors.Join(errs...)
}
