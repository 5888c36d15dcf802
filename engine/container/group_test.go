package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// says is what the kernel has of a group: memory, and CPU time in 1/100 of a CPU;
// "max" where there is no limit.
func (g *cgroup) says(t *testing.T) string {
	t.Helper()
	read := func(controller, file string) string {
		text, err := os.ReadFile(filepath.Join(g.dirs[controller], file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	number := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return -1 // "max"
		}
		return n
	}
	var memory, quota, period int64
	if g.of.v2 {
		memory = number(read("memory", "memory.max"))
		cpu := strings.Fields(read("cpu", "cpu.max"))
		quota, period = number(cpu[0]), number(cpu[1])
	} else {
		memory = number(read("memory", "memory.limit_in_bytes"))
		quota, period = number(read("cpu", "cpu.cfs_quota_us")), number(read("cpu", "cpu.cfs_period_us"))
	}
	out := "max"
	if memory > 0 && memory < 1<<60 {
		out = strconv.FormatInt(memory>>20, 10) + "Mi"
	}
	if quota < 0 {
		return out + " max"
	}
	return out + " " + strconv.FormatInt(quota*100/period, 10)
}

func TestGroups(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() || h.cgroups.dirs["cpu"] == "" {
		t.Skip("there are no cgroups here")
	}
	s := testSession(t, h, 1, nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	node, err := s.Group(nil, "node-1", Resources{Memory: 512 << 20})
	must(err)
	pod, err := s.Group(node, "pod", Resources{Memory: 64 << 20, CPUQuota: 50_000, CPUShares: 512})
	must(err)
	c := run(t, s, func(s *Spec) {
		s.Group, s.Resources = pod, Resources{Memory: 32 << 20, CPUQuota: 20_000, CPUShares: 256}
	}, "sleep", "1000")
	check := func(wantPod, wantContainer string) {
		t.Helper()
		if p, c := pod.cgroup.says(t), c.cgroup.says(t); p != wantPod || c != wantContainer {
			t.Errorf("pod %s, container %s, want %s and %s", p, c, wantPod, wantContainer)
		}
	}
	check("64Mi 50", "32Mi 20")

	must(pod.Limit(Resources{Memory: 128 << 20, CPUQuota: 100_000}))
	must(c.Update(Resources{Memory: 96 << 20, CPUQuota: 80_000}))
	check("128Mi 100", "96Mi 80")
	must(c.Update(Resources{Memory: 16 << 20, CPUQuota: 10_000}))
	must(pod.Limit(Resources{Memory: 32 << 20, CPUQuota: 30_000}))
	check("32Mi 30", "16Mi 10")
	must(c.Update(Resources{Memory: -1, CPUQuota: -1}))
	must(pod.Limit(Resources{Memory: -1, CPUQuota: -1}))
	check("max max", "max max")
	if has := pod.Limits(); has.CPUShares != 512 || has.Memory != -1 {
		t.Errorf("the pod remembers %+v", has)
	}

	// A container sees its own groups, and cannot change them.
	for _, script := range []string{
		"cd /sys/fs/cgroup && for f in cgroup.procs */cgroup.procs; do [ -e $f ] && echo $$ >$f && exit 0; done; exit 1",
		"cd /sys/fs/cgroup && for d in . *; do [ -e $d/cgroup.procs ] && mkdir $d/x && exit 0; done; exit 1",
	} {
		_, errs, code, err := c.ExecSync(t.Context(), []string{"sh", "-c", script}, 0)
		if err != nil || code == 0 || !strings.Contains(string(errs), "Read-only file system") {
			t.Errorf("%s: code %d, %v, %s", script, code, err, errs)
		}
	}
	if got := execOutput(t, c, "sh", "-c", "cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/memory/cgroup.procs 2>/dev/null | head -1"); got != "1\n" {
		t.Errorf("its first process there is %q", got)
	}

	for _, name := range []string{"", ".", "..", "a/b"} {
		if _, err := s.Group(node, name, Resources{}); err == nil {
			t.Errorf("a group is called %q", name)
		}
	}
	must(c.Stop(t.Context(), 0))
	if err := c.Update(Resources{Memory: 64 << 20}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("update of what has ended: %v", err)
	}
	must(errors.Join(node.Remove(), node.Remove(), c.Remove()))
	for _, dir := range h.cgroups.distinct(pod.cgroup.dirs) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
}

// The limit of a pod holds its containers together, whatever each has.
func TestPodMemory(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("there are no cgroups here")
	}
	s := testSession(t, h, 1, nil)
	pod, err := s.Group(nil, "pod", Resources{Memory: 24 << 20})
	if err != nil {
		t.Fatal(err)
	}
	quiet := run(t, s, func(s *Spec) { s.ID, s.Group = "quiet", pod }, "sleep", "1000")
	hog := run(t, s, func(s *Spec) { s.ID, s.Group = "hog", pod }, "sh", "-c", "exec tail -c 100m /dev/zero")
	if st := wait(t, hog); !st.OOMKilled || st.ExitCode != 137 || st.Reason != "OOMKilled" {
		t.Errorf("status %+v", st)
	}
	if st := quiet.Status(); st.State != Running {
		t.Errorf("its neighbour is %+v", st)
	}
}

func TestGroupWithoutCgroups(t *testing.T) {
	var g Group
	if err := g.Limit(Resources{Memory: 1 << 20}); err != nil {
		t.Error(err)
	}
	if err := g.Limit(Resources{CPUQuota: 1000}); err != nil {
		t.Error(err)
	}
	if has := g.Limits(); has.Memory != 1<<20 || has.CPUQuota != 1000 {
		t.Errorf("it has %+v", has)
	}
	if err := errors.Join(g.Remove(), (*Group)(nil).Remove()); err != nil {
		t.Error(err)
	}
}
