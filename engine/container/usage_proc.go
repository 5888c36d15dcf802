package container

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the kernel's unit of times in /proc/PID/stat: USER_HZ is 100 on all
// platforms that containers run on here.
const tick = time.Second / 100

// processes names a container by its process 1. Without groups, what it uses is
// taken from the processes that are in its mount namespace, as its own /proc has
// them: of those that have ended, what somebody waited for is counted, and
// pages that several share count as often. A tick is 10 ms.
type processes int

// add sums up; counted is what the sum was the last time. It tells false if there
// is nothing to read.
func (pid processes) add(u *Usage, counted *time.Duration) bool {
	root := fmt.Sprintf("/proc/%d/root/proc", pid)
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		return false
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return false
	}
	var cpu time.Duration
	var shared uint64
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(root, e.Name())
		// Containers of a pod may share the process namespace, not this one.
		if ns, err := os.Readlink(filepath.Join(dir, "ns/mnt")); err != nil || ns != own {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has ended
		}
		f := statFields(stat)
		cpu += time.Duration(f(14)+f(15)+f(16)+f(17)) * tick
		u.PageFaults += f(10)
		u.MajorFaults += f(12)
		u.Processes++
		var size, resident, files uint64
		if statm, err := os.ReadFile(filepath.Join(dir, "statm")); err == nil {
			fmt.Sscan(string(statm), &size, &resident, &files) //nolint:errcheck // zero then
		}
		u.RSS += (resident - min(files, resident)) * uint64(os.Getpagesize())
		shared = max(shared, files*uint64(os.Getpagesize()))
	}
	if u.Processes == 0 {
		return false
	}
	u.Memory = u.RSS + shared
	u.WorkingSet = u.Memory
	u.CPU += max(cpu-*counted, 0)
	*counted = cpu
	return true
}

// statFields reads /proc/PID/stat by the numbers that proc(5) gives its fields,
// from 3 on: the second, the program's name, may have spaces in it.
func statFields(text []byte) func(int) uint64 {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	return func(n int) uint64 {
		if n-3 >= len(fields) {
			return 0
		}
		v, _ := strconv.ParseUint(string(fields[n-3]), 10, 64)
		return v
	}
}
