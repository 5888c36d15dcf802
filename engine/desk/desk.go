package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/internal/nsexec"
)

const (
	// home is where the learner is at home; everybody there is root.
	home = "/root"
	// scripts is where the machine sees those that are run by Script.
	scripts = "/run/scripts"
)

// Config is what a Desk is made of.
type Config struct {
	// ID is the container's, and the name of its cgroup and of its folder: unique in the
	// session.
	ID         string
	Containers *container.Session
	// Image finds what the machine runs; it needs bash. Its entry point must reap what
	// is left to it, and go on for ever.
	Image func() (image.Image, error)
	Users *nsexec.UserNS
	// Net is the network that the machine is in. It stays the caller's.
	Net *nsexec.NetNS
	// Name is the machine's host name.
	Name string
	// Capabilities are over what Users owns, the network among it or not.
	Capabilities container.Capabilities
	// Mounts are further ones.
	Mounts []container.Mount
	// Limits are for all that runs on it.
	Limits container.Resources
	// Home are files that the home begins with, by their path in it. They are the
	// learner's, and nobody else may read them.
	Home func() (map[string]string, error)
	// Hosts is the text of /etc/hosts: see HostsChanged. Resolv is that of /etc/resolv.conf.
	Hosts  func() string
	Resolv string
	Log    *slog.Logger
}

// A Desk is one learner's machine. It is safe for concurrent use.
type Desk struct {
	cfg Config

	// making holds a token while the machine is made or looked for.
	making chan struct{}

	hosts sync.Mutex // held while /etc/hosts is written

	mu      sync.Mutex
	closed  bool
	group   *container.Group
	sandbox *nsexec.Sandbox
	machine *container.Container
	counted int // scripts
}

// New returns a Desk; nothing is there of it yet.
func New(cfg Config) *Desk { return &Desk{cfg: cfg, making: make(chan struct{}, 1)} }

// dir is the desk's folder on the session's file system.
func (d *Desk) dir(elem ...string) string {
	return filepath.Join(append([]string{d.cfg.Containers.Dir(), d.cfg.ID}, elem...)...)
}

// Exec runs a process on the machine, as container.Container.Exec, which runs when it
// returns or the process is over. One that has ended, or that starts nothing any more, is
// made anew: its home stays.
func (d *Desk) Exec(ctx context.Context, spec container.ExecSpec) (int, error) {
	c, err := d.running(ctx, nil)
	if err != nil {
		return -1, err
	}
	code, err := c.Exec(ctx, spec)
	if err == nil || ctx.Err() != nil || !errors.Is(err, container.ErrExec) && !errors.Is(err, container.ErrNotRunning) {
		return code, err
	}
	// It is full, of processes or of memory, or has just ended.
	d.cfg.Log.Debug("the learner's machine starts nothing and is made anew", "err", err)
	if c, err = d.running(ctx, c); err != nil {
		return -1, err
	}
	return c.Exec(ctx, spec)
}

// running is the machine, which runs, and is not spent.
func (d *Desk) running(ctx context.Context, spent *container.Container) (*container.Container, error) {
	select {
	case d.making <- struct{}{}:
		defer func() { <-d.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	c, closed := d.machine, d.closed
	d.mu.Unlock()
	switch {
	case closed:
		return nil, container.ErrClosed
	case c != nil && c != spent && c.Status().State == container.Running:
		return c, nil
	case c != nil:
		if err := c.Remove(); err != nil {
			return nil, fmt.Errorf("the learner's machine: %w", err)
		}
	}
	c, err := d.make(ctx)
	if err != nil {
		return nil, fmt.Errorf("the learner's machine: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.machine = c
	return c, nil
}

func (d *Desk) make(ctx context.Context) (c *container.Container, err error) {
	img, err := d.cfg.Image()
	if err != nil {
		return nil, err
	}
	if err := d.furnish(); err != nil {
		return nil, err
	}
	c, err = d.cfg.Containers.Create(ctx, container.Spec{
		ID: d.cfg.ID, Image: img, Sandbox: d.sandbox, HostNetwork: d.cfg.Net, Hostname: d.cfg.Name, Group: d.group, Cwd: home,
		AllowPrivilegeEscalation: true, Capabilities: d.cfg.Capabilities,
		Mounts: append([]container.Mount{
			{Source: d.dir("root"), Destination: home},
			{Source: d.dir("scripts"), Destination: scripts, Readonly: true},
			{Source: d.dir("hosts"), Destination: "/etc/hosts"},
			{Source: d.dir("resolv.conf"), Destination: "/etc/resolv.conf"},
		}, d.cfg.Mounts...),
	})
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

// furnish makes what is there of the machine but its container: what was made before stays.
func (d *Desk) furnish() error {
	for _, dir := range []string{d.dir(), d.dir("scripts"), d.dir("root")} {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := d.writeHome(); err != nil {
		return err
	}
	if err := os.WriteFile(d.dir("resolv.conf"), []byte(d.cfg.Resolv), 0o644); err != nil {
		return err
	}
	if err := d.writeHosts(os.O_CREATE); err != nil {
		return err
	}
	var err error
	if d.group == nil {
		if d.group, err = d.cfg.Containers.Group(nil, d.cfg.ID, d.cfg.Limits); err != nil {
			return err
		}
	}
	if d.sandbox == nil {
		if d.sandbox, err = nsexec.NewSandbox(d.cfg.Users, d.cfg.Name); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the machine and all that runs on it. Its home goes with the session's
// file system.
func (d *Desk) Close() error {
	d.making <- struct{}{}
	defer func() { <-d.making }()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.machine != nil {
		errs = append(errs, d.machine.Remove())
	}
	errs = append(errs, d.group.Remove())
	if d.sandbox != nil {
		errs = append(errs, d.sandbox.Close())
	}
	return errors.Join(errs...)
}

// Signal sends a signal to the machine's process 1.
func (d *Desk) Signal(sig syscall.Signal) error {
	d.mu.Lock()
	c := d.machine
	d.mu.Unlock()
	if c == nil {
		return container.ErrNotRunning
	}
	return c.Signal(sig)
}
