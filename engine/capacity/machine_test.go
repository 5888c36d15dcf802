package capacity

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	proc := map[string]string{
		"meminfo":            "MemTotal:       24684188 kB\nMemFree:  1 kB\nMemAvailable:   20000000 kB\n",
		"loadavg":            "0.00 0.69 2.34 2/456 12345\n",
		"sys/kernel/pid_max": "4194304\n", "sys/kernel/threads-max": "190000\n",
		"pressure/cpu": "some avg10=2.14 avg60=1.28 avg300=6.96 total=21890815087\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"self/cgroup":  "9:name=systemd:/\n8:pids:/\n4:memory:/a/b\n0::/\n",
	}
	none := write(t, nil)
	m := Machine{Proc: write(t, proc), Cgroup: none, Data: none}.Read()
	if m.MemoryTotal != 24684188<<10 || m.MemoryAvailable != 20000000<<10 || m.ProcessesNow != 456 || m.ProcessesMost != 190000 || m.Pressure != 1.28 || m.DiskTotal == 0 || m.DiskFree > m.DiskTotal {
		t.Errorf("without groups: %+v", m)
	}
	v1 := write(t, map[string]string{"memory/a/memory.limit_in_bytes": "1000000000\n", "memory/a/memory.usage_in_bytes": "900000000\n",
		"memory/a/memory.stat":             "cache 1\ninactive_file 7\nactive_file 7\ntotal_inactive_file 300000000\ntotal_active_file 200000000\n",
		"memory/a/b/memory.limit_in_bytes": "9223372036854771712\n", "pids/pids.max": "max\n"})
	m = Machine{Proc: write(t, proc), Cgroup: v1}.Read()
	if m.MemoryTotal != 1000000000 || m.MemoryAvailable != 600000000 || m.ProcessesMost != 190000 || m.DiskTotal != 0 {
		t.Errorf("version 1: %+v", m)
	}
	proc["self/cgroup"] = "0::/box\n"
	v2 := write(t, map[string]string{"box/memory.max": "2000\n", "box/memory.current": "2500\n", "box/memory.stat": "anon 1200\ninactive_file 700\nactive_file 100\n", "box/pids.max": "300\n", "box/pids.current": "40\n"})
	m = Machine{Proc: write(t, proc), Cgroup: v2}.Read()
	if m.MemoryTotal != 2000 || m.MemoryAvailable != 300 || m.ProcessesMost != 300 || m.ProcessesNow != 40 {
		t.Errorf("version 2: %+v", m)
	}
	if m := (Machine{Proc: none, Cgroup: none}).Read(); m != (Measured{}) {
		t.Errorf("nothing to read: %+v", m)
	}
}
