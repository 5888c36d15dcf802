package container

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// errNotOurs says what to do. systemd leaves a login's own group root's.
var errNotOurs = errors.New("the cgroup that the server was started in is not its user's; where systemd runs, have it make one that is: systemd-run --user --scope -p Delegate=yes podhop serve")

// newCgroups takes folder podhop/key of each hierarchy, emptied of what a
// former server left. version is nsexec's. The error says why there are none.
func newCgroups(root, version, key string) (*cgroups, error) {
	c := &cgroups{dirs: map[string]string{}, home: map[string]string{}, v2: version == "v2"}
	own, err := ownCgroups("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	switch version {
	case "v1":
		for _, controller := range hierarchies {
			hierarchy := findHierarchy(root, controller)
			if hierarchy == "" {
				continue
			}
			c.home[controller] = filepath.Join(hierarchy, own[controller], "tasks")
			if _, err := os.Stat(c.home[controller]); err != nil {
				c.home[controller] = filepath.Join(hierarchy, "tasks")
			}
			c.dirs[controller] = filepath.Join(hierarchy, "podhop", key)
		}
	case "v2":
		var failed error
		for _, parent := range []string{root, filepath.Join(root, own[""])} {
			if failed = enableControllers(parent); failed != nil {
				continue
			}
			if failed = mkdirAll(filepath.Join(parent, "podhop")); failed == nil {
				failed = enableControllers(filepath.Join(parent, "podhop"))
			}
			if failed == nil {
				for _, controller := range controllers {
					c.dirs[controller] = filepath.Join(parent, "podhop", key)
				}
				break
			}
		}
		if errors.Is(failed, fs.ErrPermission) {
			return nil, fmt.Errorf("%w: %w", failed, errNotOurs)
		}
		if failed != nil {
			return nil, failed
		}
	default:
		return nil, errors.New("no cgroup hierarchy is mounted")
	}
	if c.dirs["pids"] == "" || c.dirs["memory"] == "" {
		return nil, errors.New("there is no pids or no memory controller")
	}
	for _, dir := range c.distinct(c.dirs) {
		if err := removeTree(dir, 2*time.Second); err != nil {
			return nil, fmt.Errorf("sweep: is another server running with this data folder? %w", err)
		}
		if err := mkdirAll(dir); err != nil {
			return nil, err
		}
		if c.v2 {
			if err := enableControllers(dir); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// ownCgroups reads /proc/PID/cgroup: path by controller, "" being version 2's.
func ownCgroups(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		f := strings.SplitN(s.Text(), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, controller := range strings.Split(f[1], ",") {
			out[controller] = f[2]
		}
	}
	return out, nil
}

// findHierarchy finds the folder of a version 1 controller, be it mounted with others.
func findHierarchy(root, controller string) string {
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		if e.IsDir() && slices.Contains(strings.Split(e.Name(), ","), controller) {
			return filepath.Join(root, e.Name())
		}
	}
	return ""
}

// enableControllers hands ours down to the groups below dir.
func enableControllers(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, controller := range controllers {
		if slices.Contains(strings.Fields(string(have)), controller) {
			continue
		}
		if err := writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller); err != nil && controller != "cpu" {
			return err
		}
	}
	return nil
}
