package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/mount-utils"
)

// Mounts makes the mounts that containers see of a node's folders; a
// container.Session does. Safe for concurrent use.
type Mounts interface {
	// MountTmpfs mounts a tmpfs of at most size bytes on dir; of a size of its own
	// choice for 0.
	MountTmpfs(dir string, size int64) error
	// MountBind shows the folder source at dir, too.
	MountBind(source, dir string, readonly bool) error
	// Unmount undoes either.
	Unmount(dir string) error
}

// A mounter answers what volume plugins ask to mount: a tmpfs for an emptyDir with
// medium Memory, a bind of a folder of the node for a local volume. A tmpfs that
// a plugin wants to keep a secret off the disk is noted and no more, for the
// node's folders are on a tmpfs already.
type mounter struct {
	root   string // the kubelet's folder
	hostfs string // what the node's own paths begin in
	mounts Mounts // nil: nothing but notes

	mu     sync.Mutex
	points map[string]point
}

// A point is a mount.MountPoint, real or noted.
type point struct {
	mount.MountPoint
	real bool
}

var _ mount.Interface = (*mounter)(nil)

func newMounter(root, hostfs string, mounts Mounts) *mounter {
	return &mounter{root: root, hostfs: hostfs, mounts: mounts, points: map[string]point{}}
}

func (m *mounter) Mount(source, target, fstype string, options []string) error {
	bind := slices.Contains(options, "bind") && below(m.hostfs, source)
	if !below(m.root, target) || !bind && fstype != "tmpfs" {
		return fmt.Errorf("mounting %s: file systems of type %q are not offered in this playground", source, fstype)
	}
	p := point{MountPoint: mount.MountPoint{Device: source, Path: target, Type: fstype, Opts: options}}
	var err error
	switch {
	case m.mounts == nil && bind:
		return fmt.Errorf("mounting %s: there are no bind mounts here", source)
	case m.mounts == nil:
	case bind:
		p.real, err = true, m.mounts.MountBind(source, target, slices.Contains(options, "ro"))
	case ownTmpfs(target):
		p.real, err = true, m.mounts.MountTmpfs(target, size(options))
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.points[target] = p
	return nil
}

// below tells whether name is in the folder root.
func below(root, name string) bool {
	return strings.HasPrefix(filepath.Clean(name), strings.TrimSuffix(root, "/")+"/")
}

// ownTmpfs tells whether the target is an emptyDir's own folder, and not that of a
// plugin that uses one.
func ownTmpfs(target string) bool {
	return filepath.Base(filepath.Dir(target)) == "kubernetes.io~empty-dir"
}

// size is what the options limit a tmpfs to, in bytes; 0 if they do not.
func size(options []string) int64 {
	for _, o := range options {
		if v, ok := strings.CutPrefix(o, "size="); ok {
			if q, err := resource.ParseQuantity(v); err == nil {
				return q.Value()
			}
		}
	}
	return 0
}

func (m *mounter) MountSensitive(source, target, fstype string, options, _ []string) error {
	return m.Mount(source, target, fstype, options)
}

func (m *mounter) MountSensitiveWithoutSystemd(source, target, fstype string, options, _ []string) error {
	return m.Mount(source, target, fstype, options)
}

func (m *mounter) MountSensitiveWithoutSystemdWithMountFlags(source, target, fstype string, options, _, _ []string) error {
	return m.Mount(source, target, fstype, options)
}

func (m *mounter) Unmount(target string) error {
	m.mu.Lock()
	p := m.points[target]
	m.mu.Unlock()
	if p.real {
		if err := m.mounts.Unmount(target); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.points, target)
	return nil
}

func (m *mounter) List() ([]mount.MountPoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []mount.MountPoint
	for _, p := range m.points {
		all = append(all, p.MountPoint)
	}
	return all, nil
}

func (m *mounter) IsLikelyNotMountPoint(file string) (bool, error) {
	if _, err := os.Stat(file); err != nil {
		return true, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, is := m.points[file]
	return !is, nil
}

func (m *mounter) IsMountPoint(file string) (bool, error) {
	not, err := m.IsLikelyNotMountPoint(file)
	return !not, err
}

func (*mounter) CanSafelySkipMountPointCheck() bool { return false }

// GetMountRefs are the other places where the same folder is to be seen.
func (m *mounter) GetMountRefs(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	source := name
	if p, ok := m.points[name]; ok {
		source = p.Device
	}
	var refs []string
	for target, p := range m.points {
		if p.real && p.Type != "tmpfs" && p.Device == source && target != name {
			refs = append(refs, target)
		}
	}
	return refs, nil
}
