package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithinTheSession(t *testing.T) {
	for _, tt := range []struct {
		quota, period int64
		cores         float64
		want          int64
	}{
		{0, 0, 1, 0},
		{-1, 0, 1, -1},
		{50_000, 0, 1, 50_000},
		{400_000, 0, 1, 100_000},
		{400_000, 0, 0, 400_000},
		{30_000, 10_000, 1.5, 15_000},
	} {
		r := Resources{CPUQuota: tt.quota, CPUPeriod: tt.period}
		if got := r.within(tt.cores).CPUQuota; got != tt.want {
			t.Errorf("%+v within %v cores: %d, not %d", r, tt.cores, got, tt.want)
		}
	}
}

// TestShareOfASession gives a container more cores and memory than its session has, which the
// kernel takes in both versions.
func TestShareOfASession(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("there are no cgroups here to share by")
	}
	s := testSession(t, h, 1, func(c *SessionConfig) {
		c.Limits = Resources{Memory: 48 << 20, CPUQuota: 50_000, CPUPeriod: 100_000}
	})
	node, err := s.Group(nil, "node-1", Resources{Memory: 2 << 30})
	if err != nil {
		t.Fatal(err)
	}
	pod, err := s.Group(node, "pod", Resources{CPUQuota: 400_000, CPUPeriod: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, s, func(s *Spec) {
		s.Group, s.Resources = pod, Resources{CPUQuota: 300_000, CPUPeriod: 100_000}
	}, "sh", "-c", "exec tail -c 200m /dev/zero")
	file := "cpu.cfs_quota_us"
	if h.cgroups.v2 {
		file = "cpu.max"
	}
	if dir := s.cgroup.dirs["cpu"]; dir != "" {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.HasPrefix(string(text), "50000") {
			t.Errorf("the session's %s: %q, %v", file, text, err)
		}
	}
	if st := wait(t, c); !st.OOMKilled {
		t.Errorf("more memory than the session has, in a node that has it: %+v", st)
	}
	if err := c.Update(Resources{CPUQuota: 200_000}); err == nil {
		t.Error("one that has ended was given more")
	}
}
