package container

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestUsageFiles reads what groups of both versions say, on plain files.
func TestUsageFiles(t *testing.T) {
	for _, tt := range []struct {
		name  string
		v2    bool
		files map[string]string
		want  Usage
		known bool
	}{
		{"version 1", false, map[string]string{
			"cpuacct/cpuacct.usage":        "1500000000\n",
			"memory/memory.usage_in_bytes": "9000000\n",
			"memory/memory.stat":           "cache 1\nrss 2\ninactive_file 3\ntotal_cache 5\ntotal_rss 4000000\ntotal_pgfault 77\ntotal_pgmajfault 7\ntotal_inactive_file 1000000\n",
			"pids/pids.current":            "3\n",
		}, Usage{CPU: 1500 * time.Millisecond, Memory: 9_000_000, WorkingSet: 8_000_000, RSS: 4_000_000, PageFaults: 77, MajorFaults: 7, Processes: 3}, true},
		{"version 2", true, map[string]string{
			"cpu/cpu.stat":          "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n",
			"memory/memory.current": "9000000\n",
			"memory/memory.stat":    "anon 4000000\nfile 5\ninactive_anon 1\ninactive_file 1000000\npgfault 77\npgmajfault 7\n",
			"pids/pids.current":     "3\n",
		}, Usage{CPU: 2500 * time.Millisecond, Memory: 9_000_000, WorkingSet: 8_000_000, RSS: 4_000_000, PageFaults: 77, MajorFaults: 7, Processes: 3}, true},
		{"more files than memory", true, map[string]string{
			"cpu/cpu.stat": "usage_usec 1\n", "memory/memory.current": "5\n", "memory/memory.stat": "inactive_file 9\n",
		}, Usage{CPU: time.Microsecond, Memory: 5}, true},
		{"no memory controller", true, map[string]string{"cpu/cpu.stat": "usage_usec 1\n"}, Usage{CPU: time.Microsecond}, true},
		{"version 1 does not count CPU time", false, map[string]string{"memory/memory.usage_in_bytes": "9\n"}, Usage{}, false},
		{"the group is gone", true, nil, Usage{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			g := &cgroup{of: &cgroups{v2: tt.v2}, dirs: map[string]string{}}
			for _, controller := range hierarchies {
				g.dirs[controller] = filepath.Join(root, controller)
				os.Mkdir(g.dirs[controller], 0o755)
			}
			for file, text := range tt.files {
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var got Usage
			if known := g.usage(&got); known != tt.known || got != tt.want {
				t.Errorf("got %+v, %v\nwant %+v, %v", got, known, tt.want, tt.known)
			}
		})
	}
}

func TestStatFields(t *testing.T) {
	f := statFields([]byte("7 (a) b) c) S 1 7 7 0 -1 4194560 210 20 3 30 11 12 13 14 20 0 1 0 99 1 2 3"))
	for n, want := range map[int]uint64{4: 1, 10: 210, 12: 3, 14: 11, 15: 12, 16: 13, 17: 14, 22: 99, 60: 0} {
		if got := f(n); got != want {
			t.Errorf("field %d is %d, want %d", n, got, want)
		}
	}
}

// TestUsage has a container work, by itself and by an exec, and another one rest,
// and reads both from the groups, where there are any, and from the processes.
func TestUsage(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	const big = 20_000_000
	busy := run(t, s, func(s *Spec) { s.ID = "busy" }, "sh", "-c", fmt.Sprintf(`x=$(head -c %d /dev/zero | tr '\0' x); while :; do :; done`, big))
	idle := run(t, s, func(s *Spec) { s.ID = "idle" }, "sleep", "1000")
	fromProcesses := func(c *Container) func() Usage {
		var counted time.Duration
		return func() Usage {
			var u Usage
			before := counted
			processes(c.Status().Pid).add(&u, &counted)
			if u.CPU += before; u.CPU < before {
				t.Errorf("%s: CPU time went from %v back to %v", c.ID(), before, u.CPU)
			}
			return u
		}
	}
	whole := func(c *Container) func() Usage {
		return func() Usage { u, _ := c.Usage(); return u }
	}
	for _, from := range []struct {
		how  string
		read func(*Container) func() Usage
	}{{"as a whole", whole}, {"by its processes", fromProcesses}} {
		how, b, i := from.how, from.read(busy), from.read(idle)
		// The runtime leaves a moment after the start.
		until(t, "the idle container's use, "+how, i, func(u Usage) bool { return u.WorkingSet > 0 && u.WorkingSet < big && u.Processes == 1 })
		before := i()
		until(t, "a busy container's use, "+how, b, func(u Usage) bool {
			return u.CPU > i().CPU+300*time.Millisecond && u.RSS > big && u.WorkingSet >= u.RSS && u.Processes == 1
		})
		go idle.ExecSync(t.Context(), []string{"sh", "-c", "while :; do :; done"}, 0) //nolint:errcheck // it ends with the container
		until(t, "the use of what an exec started, "+how, i, func(u Usage) bool { return u.CPU > before.CPU+300*time.Millisecond && u.Processes > 1 })
		execOutput(t, idle, "killall", "sh")
		until(t, "the use without it, "+how, i, func(u Usage) bool { return u.Processes == 1 })
	}
	running, _ := busy.Usage()
	if err := busy.Signal(9); err != nil {
		t.Fatal(err)
	}
	wait(t, busy)
	ended, known := busy.Usage()
	if !known || ended.CPU < running.CPU || ended.WorkingSet != 0 || ended.Processes != 0 {
		t.Errorf("it had used %+v, and once ended %+v, %v", running, ended, known)
	}
	if err := busy.Remove(); err != nil {
		t.Fatal(err)
	}
	if removed, known := busy.Usage(); !known || removed.CPU < ended.CPU || removed.WorkingSet != 0 {
		t.Errorf("once ended it had used %+v, once removed %+v, %v", ended, removed, known)
	}
}

func TestUsageBeforeStart(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c, err := s.Create(t.Context(), Spec{ID: "c", Image: testImage(t, "busybox"), Sandbox: testSandbox(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	if u, known := c.Usage(); known {
		t.Errorf("it used %+v", u)
	}
}

func until(t *testing.T, what string, read func() Usage, is func(Usage) bool) {
	t.Helper()
	var u Usage
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if u = read(); is(u) {
			return
		}
	}
	t.Fatalf("%s: %+v", what, u)
}

func BenchmarkUsage(b *testing.B) {
	s := testSession(b, testHost(b), 1, nil)
	c := run(b, s, func(s *Spec) { s.ID = "c" }, "sleep", "1000")
	b.Run("groups", func(b *testing.B) {
		if c.cgroup == nil {
			b.Skip("there are none")
		}
		for b.Loop() {
			c.Usage()
		}
	})
	b.Run("processes", func(b *testing.B) {
		var counted time.Duration
		for b.Loop() {
			processes(c.Status().Pid).add(&Usage{}, &counted)
		}
	})
}
