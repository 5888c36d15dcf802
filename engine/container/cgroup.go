package container

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where nsexec.Enter puts the hierarchies.
const cgroupRoot = "/sys/fs/cgroup"

// controllers are those that limit something here.
var controllers = []string{"pids", "memory", "cpu"}

// cgroups makes groups for sessions and their containers, in version 1 or 2.
// The runtime is kept out of it: it is started inside of the container's group,
// which saves it a third of its time and works with hybrid hierarchies.
type cgroups struct {
	// dirs has the server's own folder by controller; in version 2 they are the same.
	dirs map[string]string
	// home has the cgroup.procs or tasks file of the group the server runs in.
	home map[string]string
	v2   bool
}

// cgroup is one group, in each hierarchy.
type cgroup struct {
	of   *cgroups
	dirs map[string]string
}

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
		for _, controller := range controllers {
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

// distinct are the folders without repetition.
func (c *cgroups) distinct(dirs map[string]string) []string {
	var out []string
	for _, controller := range controllers {
		if d := dirs[controller]; d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// session makes the group of a session, which has its containers' below it.
func (c *cgroups) session(name string, r Resources) (*cgroup, error) {
	g, err := c.make(c.dirs, name, r)
	if err == nil && c.v2 {
		err = enableControllers(g.dirs["pids"])
	}
	if err != nil && g != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, err
}

// sub makes a group in this one.
func (g *cgroup) sub(name string, r Resources) (*cgroup, error) { return g.of.make(g.dirs, name, r) }

func (c *cgroups) make(parents map[string]string, name string, r Resources) (*cgroup, error) {
	g := &cgroup{of: c, dirs: map[string]string{}}
	for controller, parent := range parents {
		g.dirs[controller] = filepath.Join(parent, name)
	}
	for _, dir := range c.distinct(g.dirs) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(err, g.remove())
		}
	}
	if err := g.limit(r); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// limit sets what is not zero.
func (g *cgroup) limit(r Resources) error {
	for _, w := range limits(r, g.of.v2) {
		if g.dirs[w.controller] == "" {
			continue
		}
		err := writeFile(filepath.Join(g.dirs[w.controller], w.file), w.value)
		if err != nil && !(w.optional && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// write is one value for one file.
type write struct {
	controller, file, value string
	// optional: kernels without accounting of swap have no such file.
	optional bool
}

func limits(r Resources, v2 bool) (out []write) {
	set := func(value int64, v1, v2Name, controller string) {
		if value > 0 {
			name := v1
			if v2 {
				name = v2Name
			}
			out = append(out, write{controller: controller, file: name, value: strconv.FormatInt(value, 10)})
		}
	}
	set(r.Pids, "pids.max", "pids.max", "pids")
	set(r.Memory, "memory.limit_in_bytes", "memory.max", "memory")
	if r.Memory > 0 {
		if v2 {
			out = append(out, write{"memory", "memory.swap.max", "0", true})
		} else {
			out = append(out, write{"memory", "memory.memsw.limit_in_bytes", strconv.FormatInt(r.Memory, 10), true})
		}
	}
	period := r.CPUPeriod
	if period == 0 {
		period = 100_000
	}
	if v2 {
		if r.CPUShares > 0 { // the conversion of the runtime specification's authors (crun, runc)
			out = append(out, write{controller: "cpu", file: "cpu.weight", value: strconv.FormatInt(1+(max(r.CPUShares, 2)-2)*9999/262142, 10)})
		}
		if r.CPUQuota > 0 {
			out = append(out, write{controller: "cpu", file: "cpu.max", value: fmt.Sprintf("%d %d", r.CPUQuota, period)})
		}
		return out
	}
	set(r.CPUShares, "cpu.shares", "", "cpu")
	if r.CPUQuota > 0 {
		set(period, "cpu.cfs_period_us", "", "cpu")
		set(r.CPUQuota, "cpu.cfs_quota_us", "", "cpu")
	}
	return out
}

// start starts a program in the group. Without a group it just starts it.
func (g *cgroup) start(cmd *exec.Cmd) error {
	if g == nil {
		return cmd.Start()
	}
	if g.of.v2 {
		dir, err := os.Open(g.dirs["pids"])
		if err != nil {
			return err
		}
		defer dir.Close()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
		return cmd.Start()
	}
	// A child starts in the groups of the thread that made it. Moving oneself
	// alone takes none of the locks that moving another process does, and those
	// wait for a grace period.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var err error
	for controller, dir := range g.dirs {
		if err = writeFile(filepath.Join(dir, "tasks"), "0"); err != nil {
			err = fmt.Errorf("cgroup %s: %w", controller, err)
			break
		}
	}
	if err == nil {
		err = cmd.Start()
	}
	for controller, home := range g.of.home {
		if back := writeFile(home, "0"); back != nil {
			err = errors.Join(err, fmt.Errorf("cgroup %s: %w", controller, back))
		}
	}
	return err
}

// oomKilled tells whether the kernel killed a process of the group for its memory.
func (g *cgroup) oomKilled() bool {
	if g == nil {
		return false
	}
	file := "memory.oom_control"
	if g.of.v2 {
		file = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(g.dirs["memory"], file))
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(text), "\n") {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return n != "0"
		}
	}
	return false
}

// remove removes the group once its last process has ended.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, dir := range g.of.distinct(g.dirs) {
		errs = append(errs, removeTree(dir, 2*time.Second))
	}
	return errors.Join(errs...)
}

// removeTree removes a group and those below it, waiting while processes in
// them are ending.
func removeTree(dir string, patience time.Duration) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name()), patience); err != nil {
				return err
			}
		}
	}
	// The kernel tells nobody when the last process has left a version 1 group.
	for wait, end := time.Millisecond, time.Now().Add(patience); ; wait = min(2*wait, 50*time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return fmt.Errorf("rmdir %s: %w", dir, err)
		}
		time.Sleep(wait)
	}
}

func mkdirAll(dir string) error { return os.MkdirAll(dir, 0o755) }

// writeFile writes a control file; it must exist.
func writeFile(file, text string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return &fs.PathError{Op: "write " + text, Path: file, Err: err}
	}
	return nil
}
