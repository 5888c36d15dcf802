package container

import (
	"fmt"
	"path/filepath"
	"sync"
)

// A Group is a cgroup of a session that containers are in, or further groups: a
// node's, a pod's. Where there are no cgroups it limits nothing, and remembers
// what it was told all the same. The zero value is such a group. All methods are
// safe for concurrent use.
type Group struct {
	cgroup *cgroup

	mu  sync.Mutex
	has Resources
}

// Group makes a group of that name in another, or in the session's own if that
// is nil. One that exists is taken over. The session's end removes what is left.
func (s *Session) Group(in *Group, name string, r Resources) (*Group, error) {
	if name == "" || filepath.Base(name) != name || name == ".." || name == "." {
		return nil, fmt.Errorf("cgroup %q is no folder's name", name)
	}
	g := &Group{has: r}
	parent := s.cgroup
	if in != nil {
		parent = in.cgroup
	}
	if parent == nil {
		return g, nil
	}
	if s.isClosed() {
		return nil, ErrClosed
	}
	var err error
	if g.cgroup, err = parent.of.inner(*parent, name, r); err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", name, err)
	}
	return g, nil
}

// Limit changes what is not zero; -1 lifts a limit of memory or CPU time. A
// limit of memory below what is used fails (EBUSY, version 1) or kills (version 2).
func (g *Group) Limit(r Resources) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cgroup != nil {
		if err := g.cgroup.limit(r); err != nil {
			return err
		}
	}
	g.has = g.has.with(r)
	return nil
}

// Limits are those that hold, as they were set.
func (g *Group) Limits() Resources {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.has
}

// Remove removes the group and those in it, once their last process has ended.
// Removing it again is no error.
func (g *Group) Remove() error {
	if g == nil {
		return nil
	}
	return g.cgroup.remove()
}

// Update changes the limits of a container that has not ended, as Group.Limit.
func (c *Container) Update(r Resources) error {
	if c.Status().State == Exited {
		return fmt.Errorf("update container %s: %w", c.spec.ID, ErrNotRunning)
	}
	if c.cgroup == nil {
		return nil
	}
	if err := c.cgroup.limit(r); err != nil {
		return fmt.Errorf("update container %s: %w", c.spec.ID, err)
	}
	return nil
}
