// Package critest has fakes of what package cri is made of: a network without
// namespaces, containers without processes, images without layers.
package critest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/cri"
)

// Network gives each pod an address of 10.244.1.0/24. The zero value is ready.
type Network struct {
	// Err is what Attach answers, if set.
	Err error
	// DualStack gives pods an address of IPv6, too.
	DualStack bool
	// Dial is what pods dial with.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu       sync.Mutex
	n        byte
	attached map[string]cri.Pod
}

// Attach never waits.
func (f *Network) Attach(_ context.Context, pod cri.Pod) (cri.Attachment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return cri.Attachment{}, f.Err
	}
	if f.attached == nil {
		f.attached = map[string]cri.Pod{}
	}
	f.attached[pod.ID] = pod
	a := cri.Attachment{Dial: f.Dial}
	if !pod.HostNetwork {
		f.n++
		a.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 1, f.n + 1})}
		if f.DualStack {
			a.IPs = append(a.IPs, netip.MustParseAddr(fmt.Sprintf("fd00:10:244:1::%d", f.n+1)))
		}
	}
	return a, nil
}

// Detach is for what is not attached, too.
func (f *Network) Detach(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.attached, id)
	return nil
}

// Attached are the pods that are.
func (f *Network) Attached() []cri.Pod {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pods []cri.Pod
	for _, p := range f.attached {
		pods = append(pods, p)
	}
	return pods
}

// Containers run nothing until they are told to end. The zero value is ready.
type Containers struct {
	// CreateErr, StartErr, UpdateErr and UnpackErr are what the calls answer, if set.
	CreateErr, StartErr, UpdateErr, UnpackErr error
	// OnExec is what further programs do; nil exits with 0.
	OnExec func(ctx context.Context, x container.ExecSpec) (int, error)

	mu  sync.Mutex
	all []*Container
}

// Create never waits.
func (f *Containers) Create(_ context.Context, spec container.Spec) (cri.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.CreateErr != nil {
		return nil, f.CreateErr
	}
	c := &Container{Spec: spec, of: f, done: make(chan struct{}), status: container.Status{CreatedAt: time.Now()}}
	f.all = append(f.all, c)
	return c, nil
}

// Group makes one that limits nothing.
func (f *Containers) Group(_ string, limits container.Resources) (*container.Group, error) {
	g := &container.Group{}
	return g, g.Limit(limits)
}

// Unpack never waits.
func (f *Containers) Unpack(context.Context, image.Image) error { return f.UnpackErr }

// All are the containers that are not removed, oldest first.
func (f *Containers) All() []*Container {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// A Container is one that Containers made.
type Container struct {
	Spec container.Spec
	of   *Containers

	mu      sync.Mutex
	status  container.Status
	grace   time.Duration
	used    *container.Usage
	updates []container.Resources
	done    chan struct{}
}

// Start never waits.
func (c *Container) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.StartedAt = time.Now()
	if err := c.of.StartErr; err != nil {
		c.status.State, c.status.ExitCode, c.status.Reason, c.status.Message = container.Exited, 128, "StartError", err.Error()
		c.status.FinishedAt = c.status.StartedAt
		close(c.done)
		return err
	}
	c.status.State = container.Running
	return nil
}

// End ends the container, if it runs.
func (c *Container) End(code int, oom bool) {
	c.mu.Lock()
	if c.status.State != container.Running {
		c.mu.Unlock()
		return
	}
	c.status.State, c.status.ExitCode, c.status.FinishedAt = container.Exited, code, time.Now()
	switch {
	case oom:
		c.status.OOMKilled, c.status.Reason = true, "OOMKilled"
	case code == 0:
		c.status.Reason = "Completed"
	default:
		c.status.Reason = "Error"
	}
	close(c.done)
	c.mu.Unlock()
	if c.Spec.OnExit != nil {
		c.Spec.OnExit()
	}
}

// Status is as Start and End left it.
func (c *Container) Status() container.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Use has Usage answer u.
func (c *Container) Use(u container.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = &u
}

// Usage is what Use set; it is not known before.
func (c *Container) Usage() (container.Usage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used == nil {
		return container.Usage{}, false
	}
	return *c.used, true
}

// Done is closed by End.
func (c *Container) Done() <-chan struct{} { return c.done }

// Signal ends the container.
func (c *Container) Signal(sig syscall.Signal) error {
	c.End(128+int(sig), false)
	return nil
}

// Stop ends the container at once.
func (c *Container) Stop(_ context.Context, grace time.Duration) error {
	c.mu.Lock()
	c.grace = grace
	c.mu.Unlock()
	c.End(0, false)
	return nil
}

// Grace is what Stop was called with.
func (c *Container) Grace() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.grace
}

// Update takes note, or answers Containers.UpdateErr.
func (c *Container) Update(limits container.Resources) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.of.UpdateErr; err != nil {
		return err
	}
	c.updates = append(c.updates, limits)
	return nil
}

// Disk is one file of 4 KiB in the root folder.
func (c *Container) Disk() (bytes, inodes uint64) { return 4096, 2 }

// Updates are what Update was called with.
func (c *Container) Updates() []container.Resources {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.updates)
}

// ReopenLog does nothing.
func (c *Container) ReopenLog() error { return nil }

// Remove kills it.
func (c *Container) Remove() error {
	c.End(137, false)
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.all = slices.DeleteFunc(c.of.all, func(o *Container) bool { return o == c })
	return nil
}

// Exec calls Containers.OnExec.
func (c *Container) Exec(ctx context.Context, x container.ExecSpec) (int, error) {
	if c.of.OnExec == nil {
		return 0, nil
	}
	return c.of.OnExec(ctx, x)
}

// ExecSync calls Containers.OnExec.
func (c *Container) ExecSync(ctx context.Context, args []string, timeout time.Duration) ([]byte, []byte, int, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var out, errs strings.Builder
	code, err := c.Exec(ctx, container.ExecSpec{Args: args, Stdout: &out, Stderr: &errs})
	return []byte(out.String()), []byte(errs.String()), code, err
}

// Attach echoes what it reads.
func (c *Container) Attach(ctx context.Context, x container.AttachSpec) error {
	if x.Stdin != nil && x.Stdout != nil {
		_, _ = io.Copy(x.Stdout, x.Stdin)
		return nil
	}
	select {
	case <-ctx.Done():
	case <-c.done:
	}
	return nil
}

// Images has every image but those whose name holds "nope".
type Images struct {
	Config v1.Config
	// OnPull, if set, is called with each pull, and may fail it.
	OnPull func(ctx context.Context, reference string, progress image.Progress) error
}

// Pull answers images whose ID is made of what they are asked for by.
func (f *Images) Pull(ctx context.Context, ref string, _ image.Auth, progress image.Progress) (image.Image, string, error) {
	full, err := image.Normalize(ref)
	if err != nil {
		return image.Image{}, "", err
	}
	if strings.Contains(ref, "nope") {
		return image.Image{}, "", fmt.Errorf("%s: %w", ref, image.ErrNotFound)
	}
	if f.OnPull != nil {
		if err := f.OnPull(ctx, ref, progress); err != nil {
			return image.Image{}, "", err
		}
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(full)))
	repository, _, _ := strings.Cut(full, ":")
	return image.Image{
		ID: "sha256:" + sum, Reference: full, RepoTags: []string{full}, RepoDigests: []string{repository + "@sha256:" + sum},
		Size: 1 << 20, Config: f.Config, Source: "the built-in catalogue",
	}, "the built-in catalogue", nil
}
