package capacity

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Machine is where to read what there is.
type Machine struct {
	Proc string // /proc
	// Cgroup is where the hierarchies are: /sys/fs/cgroup.
	Cgroup string
	// Data is the folder whose disk is asked; "": none is.
	Data string
}

// Read reads what a machine has: what of Measured is not of sessions. What cannot be read is 0.
func (m Machine) Read() (r Measured) {
	info := fields(m.file("meminfo"))
	r.MemoryTotal, r.MemoryAvailable = info["MemTotal"]<<10, info["MemAvailable"]<<10
	for _, dir := range m.groups("memory") { // what the server's own group may have, and those above it
		limit, used := number(dir, "memory.max", "memory.limit_in_bytes"), number(dir, "memory.current", "memory.usage_in_bytes")
		used -= min(files(dir), used)
		if limit > 0 && limit < r.MemoryTotal {
			r.MemoryTotal, r.MemoryAvailable = limit, min(r.MemoryAvailable, limit-min(used, limit))
		}
	}
	r.ProcessesMost = number(m.Proc, "sys/kernel/threads-max")
	if most := number(m.Proc, "sys/kernel/pid_max"); most > 0 {
		r.ProcessesMost = min(r.ProcessesMost, most)
	}
	r.ProcessesNow = threads(m.file("loadavg"))
	for _, dir := range m.groups("pids") {
		if limit := number(dir, "pids.max"); limit > 0 && limit < r.ProcessesMost {
			r.ProcessesMost, r.ProcessesNow = limit, number(dir, "pids.current")
		}
	}
	var fs unix.Statfs_t
	if m.Data != "" && unix.Statfs(m.Data, &fs) == nil {
		r.DiskTotal, r.DiskFree = fs.Blocks*uint64(fs.Bsize), fs.Bavail*uint64(fs.Bsize)
	}
	r.Pressure = pressure(m.file("pressure/cpu"))
	return r
}

func (m Machine) file(name string) []byte {
	text, _ := os.ReadFile(filepath.Join(m.Proc, name))
	return text
}

// groups are the folders of the process' own group and of those above it, in the hierarchy
// that has a controller.
func (m Machine) groups(controller string) (dirs []string) {
	for line := range strings.Lines(string(m.file("self/cgroup"))) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		root := m.Cgroup // version 2
		if f[1] != "" {
			if !strings.Contains(","+f[1]+",", ","+controller+",") {
				continue
			}
			root = filepath.Join(m.Cgroup, controller)
		}
		for path := filepath.Clean("/" + f[2]); ; path = filepath.Dir(path) {
			dirs = append(dirs, filepath.Join(root, path))
			if path == "/" {
				break
			}
		}
	}
	return dirs
}

// number reads the first of some files that there is; "max" is 0.
func number(dir string, names ...string) uint64 {
	for _, name := range names {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			n, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
			return n
		}
	}
	return 0
}

// files is the memory of a group, in bytes, that holds what is on a disk, too: as MemAvailable
// counts it for the machine, it is to be had for whoever wants it. A group that has read much
// would look full for ever without that.
func files(dir string) (sum uint64) {
	text, _ := os.ReadFile(filepath.Join(dir, "memory.stat"))
	all := map[string]uint64{}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) == 2 {
			all[string(f[0])], _ = strconv.ParseUint(string(f[1]), 10, 64)
		}
	}
	for _, name := range []string{"inactive_file", "active_file"} {
		n, ok := all["total_"+name] // version 1: with the groups below
		if !ok {
			n = all[name]
		}
		sum += n
	}
	return sum
}

// fields are those of /proc/meminfo: "MemTotal:       24684188 kB".
func fields(text []byte) map[string]uint64 {
	all := map[string]uint64{}
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		if f := bytes.Fields(rest); len(f) > 0 {
			all[string(name)], _ = strconv.ParseUint(string(f[0]), 10, 64)
		}
	}
	return all
}

// threads are the machine's: "0.00 0.69 2.34 2/456 12345" (proc(5), loadavg).
func threads(text []byte) uint64 {
	f := bytes.Fields(text)
	if len(f) < 4 {
		return 0
	}
	_, all, _ := bytes.Cut(f[3], []byte("/"))
	n, _ := strconv.ParseUint(string(all), 10, 64)
	return n
}

// pressure is the share of the last minute: "some avg10=2.14 avg60=1.28 avg300=6.96 total=1".
func pressure(text []byte) float64 {
	_, rest, _ := bytes.Cut(text, []byte("avg60="))
	word, _, _ := bytes.Cut(rest, []byte(" "))
	p, _ := strconv.ParseFloat(string(word), 64)
	return p
}

// Resident is the memory of this process, in bytes; what it shares with others is counted.
func Resident(proc string) uint64 {
	return fields(Machine{Proc: proc}.file("self/status"))["VmRSS"] << 10
}
