package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

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
	if s.isClosed() { // meanwhile
		return nil, errors.Join(ErrClosed, c.Remove())
	}
	return c, nil
}

func (c *Container) create(ctx context.Context) error {
	s := c.session
	lowers, err := c.layerPaths(ctx, c.spec.Image)
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
	flags := uintptr(unix.MS_NODEV)
	if !c.spec.AllowPrivilegeEscalation {
		flags |= unix.MS_NOSUID
	}
	if err := unix.Mount("overlay", rootfs, "overlay", flags, options); err != nil {
		return fmt.Errorf("mount overlay of %d layers: %w", len(lowers), err)
	}
	parent := s.cgroup
	if c.spec.Group != nil {
		parent = c.spec.Group.cgroup
	}
	if parent != nil {
		if c.cgroup, err = parent.sub(c.spec.ID, c.spec.Resources); err != nil {
			return err
		}
	}
	c.config, err = c.plan(ctx, rootfs)
	return err
}

// plan gathers what the configuration needs to know, and makes it.
func (c *Container) plan(ctx context.Context, rootfs string) (*specs.Spec, error) {
	s := c.session
	p := plan{spec: c.spec, rootfs: rootfs, singleID: s.host.SingleID(), openFiles: openFilesOf(s.cfg.Limits.Pids, allFiles(), s.host.env.OpenFiles), terminals: s.giveTerminals(c), cgroups: c.cgroup.mounts(), userNS: s.cfg.UserNS.Path()}
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
	for i, m := range c.spec.Mounts {
		switch {
		case m.Image != nil:
			m.Source, err = c.imageVolume(ctx, i, m)
		case m.Tmpfs == 0:
			m.Source, err = s.source(m.Source)
		}
		if err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.Destination, err)
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
