package node

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"k8s.io/mount-utils"
)

// A mounter takes note of what a volume plugin asks for. That is a tmpfs always,
// for an emptyDir with medium Memory, a secret, a projected volume; the node's
// folders are on a tmpfs already, and the containers' view of them would not
// show a mount that was made later.
type mounter struct {
	root string

	mu     sync.Mutex
	points map[string]mount.MountPoint
}

var _ mount.Interface = (*mounter)(nil)

func newMounter(root string) *mounter {
	return &mounter{root: root, points: map[string]mount.MountPoint{}}
}

func (m *mounter) Mount(source, target, fstype string, options []string) error {
	if fstype != "tmpfs" || !strings.HasPrefix(target, m.root+"/") {
		return fmt.Errorf("mounting %s (%s) on %s is not offered in this playground", source, fstype, target)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.points[target] = mount.MountPoint{Device: source, Path: target, Type: fstype, Opts: options}
	return nil
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
	defer m.mu.Unlock()
	delete(m.points, target)
	return nil
}

func (m *mounter) List() ([]mount.MountPoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []mount.MountPoint
	for _, p := range m.points {
		all = append(all, p)
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

func (*mounter) GetMountRefs(string) ([]string, error) { return nil, nil }
