package container

import (
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

// controllers are those that limit something here. hierarchies are those of
// version 1 that are used: there CPU time is counted by a controller of its own.
var (
	controllers = []string{"pids", "memory", "cpu"}
	hierarchies = append(controllers[:3:3], "cpuacct")
)

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
	// cores are what the session has, and with that the most that a group in it may be
	// given; 0 is no limit.
	cores float64
	// sockets are the bytes that the session's sockets may hold; 0 is no limit.
	sockets int64
}

// distinct are the folders without repetition.
func (c *cgroups) distinct(dirs map[string]string) []string {
	var out []string
	for _, controller := range hierarchies {
		if d := dirs[controller]; d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// inner makes a group that has others below it, and in version 2 no processes
// of its own.
func (c *cgroups) inner(in cgroup, name string, r Resources) (*cgroup, error) {
	g, err := c.make(in, name, r)
	if err == nil && c.v2 {
		err = enableControllers(g.dirs["pids"])
	}
	if err != nil && g != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, err
}

// session makes the group of a session.
func (c *cgroups) session(name string, sockets int64, r Resources) (*cgroup, error) {
	return c.inner(cgroup{dirs: c.dirs, cores: r.cores(), sockets: sockets}, name, r)
}

// sub makes a container's group in this one.
func (g *cgroup) sub(name string, r Resources) (*cgroup, error) {
	return g.of.make(*g, name, r)
}

func (c *cgroups) make(in cgroup, name string, r Resources) (*cgroup, error) {
	g := &cgroup{of: c, dirs: map[string]string{}, cores: in.cores, sockets: in.sockets}
	for controller, parent := range in.dirs {
		g.dirs[controller] = filepath.Join(parent, name)
	}
	for _, dir := range c.distinct(g.dirs) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(err, g.remove())
		}
	}
	if err := errors.Join(g.limit(r), g.limitSockets()); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// limit sets what is not zero. Version 1 wants the limit of memory to be at most
// that of memory and swap at any time, so which of them can be written first
// depends on what they were: what fails is tried once more after the others.
func (g *cgroup) limit(r Resources) error {
	var again []write
	for _, w := range limits(r.within(g.cores), g.of.v2) {
		if g.write(w) != nil {
			again = append(again, w)
		}
	}
	var errs []error
	for _, w := range again {
		errs = append(errs, g.write(w))
	}
	return errors.Join(errs...)
}

func (g *cgroup) write(w write) error {
	if g.dirs[w.controller] == "" {
		return nil
	}
	err := writeFile(filepath.Join(g.dirs[w.controller], w.file), w.value)
	if w.optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// mounts are where a container sees its group, and what is to be mounted there.
func (g *cgroup) mounts() map[string]string {
	switch {
	case g == nil:
		return nil
	case g.of.v2:
		return map[string]string{cgroupRoot: g.dirs["pids"]}
	}
	out := map[string]string{}
	for controller, dir := range g.dirs {
		out[filepath.Join(cgroupRoot, controller)] = dir
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
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
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
	n, _ := field(g.read("memory", g.eventsFile()), "oom_kill")
	return n > 0
}

// kill kills all that is in the group, as far as it can.
func (g *cgroup) kill() {
	if g == nil {
		return
	}
	dir := g.dirs["pids"]
	if g.of.v2 && writeFile(filepath.Join(dir, "cgroup.kill"), "1") == nil { // Linux 5.14
		return
	}
	for range 100 { // they may be starting others meanwhile
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil || len(text) == 0 {
			return
		}
		for _, line := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		time.Sleep(time.Millisecond)
	}
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
