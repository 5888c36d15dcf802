package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// confined is what /proc says of a process with the default capabilities.
const confined = `CapInh:	0000000000000000
CapPrm:	00000000a80425fb
CapEff:	00000000a80425fb
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
`

func TestConfinement(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	box := testSandbox(t, s)
	// The first container's filter is compiled by crun, the second gets what that left.
	for i := range 2 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := run(t, s, func(s *Spec) { s.Sandbox = box }, "sleep", "1000")
			// The runtime leaves a moment before its process becomes the program.
			for execOutput(t, c, "cat", "/proc/1/cmdline") != "sleep\x001000\x00" {
			}
			if got := execOutput(t, c, "grep", "-E", "^(Cap...|NoNewPrivs|Seccomp):", "/proc/1/status"); got != confined {
				t.Errorf("process 1:\n%s", got)
			}
			if got := execOutput(t, c, "grep", "-E", "^(Cap...|NoNewPrivs|Seccomp):", "/proc/self/status"); got != confined {
				t.Errorf("an exec:\n%s", got)
			}
			for _, forbidden := range []string{"mount -t tmpfs x /mnt", "unshare -n true", "mknod /tmp/m b 8 0", "umount /proc", "nsenter -t 1 -n true",
				"echo 1 >/proc/sys/kernel/panic", "echo 1 >/proc/sysrq-trigger", "chroot / unshare -U true", "dmesg"} {
				out, errs, code, err := c.ExecSync(t.Context(), []string{"sh", "-c", forbidden}, 20*time.Second)
				if err != nil || code == 0 {
					t.Errorf("%s: code %d, %v, %s%s", forbidden, code, err, out, errs)
				}
			}
			if got := execOutput(t, c, "sh", "-c", "ls /proc | grep -c '^[0-9]'"); got > "4\n" {
				t.Errorf("it sees %s processes", got)
			}
			if got := execOutput(t, c, "cat", "/proc/keys"); got != "" {
				t.Errorf("a masked file has content: %q", got)
			}
		})
	}
}

func TestUnconfinedStillDeniesOurs(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.Unconfined, s.Capabilities = true, Capabilities{Add: []string{"ALL"}} }, "sleep", "1000")
	for _, forbidden := range []string{"mount -t tmpfs x /mnt", "unshare -n true", "unshare -U true", "umount /proc"} {
		if _, _, code, err := c.ExecSync(t.Context(), []string{"sh", "-c", forbidden}, 20*time.Second); err != nil || code == 0 {
			t.Errorf("%s: code %d, %v", forbidden, code, err)
		}
	}
}

func TestSessionsAreApart(t *testing.T) {
	h := testHost(t)
	if h.SingleID() {
		t.Skip("only one id is mapped")
	}
	a, b := testSession(t, h, 1, nil), testSession(t, h, 2, nil)
	ca := run(t, a, func(s *Spec) { s.ID = "c" }, "sleep", "1000")
	cb := run(t, b, func(s *Spec) { s.ID = "c" }, "sleep", "1000")
	execOutput(t, ca, "sh", "-c", "echo mine >/etc/mark; echo mine >/tmp/mark")
	if _, _, code, _ := cb.ExecSync(t.Context(), []string{"ls", "/etc/mark"}, 0); code == 0 {
		t.Error("a file of one session is in the other")
	}
	if got := execOutput(t, cb, "stat", "-c", "%u:%g", "/", "/etc/passwd", "/bin/busybox", "/tmp"); got != "0:0\n0:0\n0:0\n0:0\n" {
		t.Errorf("owners of the image's files: %q", got)
	}
	// Their processes belong to different users of the server.
	ua, ub := statUID(t, fmt.Sprintf("/proc/%d", ca.Status().Pid)), statUID(t, fmt.Sprintf("/proc/%d", cb.Status().Pid))
	if ua != 65536 || ub != 2*65536 {
		t.Errorf("processes belong to %d and %d", ua, ub)
	}
}

func statUID(t *testing.T, file string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	return st.Uid
}

func TestWriteLimits(t *testing.T) {
	s := testSession(t, testHost(t), 1, func(c *SessionConfig) { c.SizeBytes, c.Inodes = 4<<20, 500 })
	c := run(t, s, nil, "sleep", "1000")
	_, errs, code, err := c.ExecSync(t.Context(), []string{"dd", "if=/dev/zero", "of=/big", "bs=1M", "count=8"}, 20*time.Second)
	if err != nil || code == 0 || !strings.Contains(string(errs), "No space left on device") {
		t.Errorf("8 MiB into 4: code %d, %v, %s", code, err, errs)
	}
	execOutput(t, c, "rm", "/big")
	_, errs, code, err = c.ExecSync(t.Context(), []string{"sh", "-c", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); : >/tmp/$i || exit 1; done"}, 20*time.Second)
	if err != nil || code == 0 || !strings.Contains(string(errs), "No space left on device") {
		t.Errorf("1000 files of 500: code %d, %v, %s", code, err, errs)
	}
}

func TestForkBomb(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("there are no cgroups here to stop it")
	}
	s := testSession(t, h, 1, func(c *SessionConfig) { c.Limits.Pids = 60 })
	c := run(t, s, nil, "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000")
	max, err := os.ReadFile(filepath.Join(s.cgroup.dirs["pids"], "pids.max"))
	if err != nil || strings.TrimSpace(string(max)) != "60" {
		t.Fatalf("pids.max %q, %v", max, err)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(logged(t, c), "can't fork: Resource temporarily unavailable"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no fork was refused: ", logged(t, c))
		}
	}
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if st := c.Status(); st.State != Exited {
		t.Errorf("status %+v", st)
	}
}

// TestForbiddenCall has a program try to add swap, which ends it and is told.
func TestForbiddenCall(t *testing.T) {
	for _, unconfined := range []bool{false, true} {
		told := make(chan string, 1)
		s := testSession(t, testHost(t), 1, func(c *SessionConfig) { c.OnForbidden = func(id string) { told <- id } })
		c := run(t, s, func(s *Spec) { s.Unconfined = unconfined }, "sh", "-c", "dd if=/dev/zero of=/swap bs=64k count=4; exec swapon /swap")
		if st := wait(t, c); st.ExitCode != 128+int(unix.SIGSYS) {
			t.Fatalf("unconfined %v: status %+v, %s", unconfined, st, logged(t, c))
		}
		select {
		case id := <-told:
			if id != c.ID() {
				t.Errorf("told of %s", id)
			}
		case <-time.After(time.Minute):
			t.Errorf("unconfined %v: nobody was told", unconfined)
		}
	}
}

// TestRefusedForks counts those of a container alone.
func TestRefusedForks(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("there are no cgroups here to stop it")
	}
	s := testSession(t, h, 1, func(c *SessionConfig) { c.Limits.Pids = 40 })
	calm := run(t, s, func(s *Spec) { s.ID = "calm" }, "sleep", "1000")
	bomb := run(t, s, func(s *Spec) { s.ID, s.Resources.Pids = "bomb", 20 }, "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if u, ok := bomb.Usage(); ok && u.Refused > 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("no fork was refused: %+v", u)
		}
	}
	if u, ok := calm.Usage(); !ok || u.Refused != 0 {
		t.Errorf("the other container: %+v", u)
	}
	if u, ok := s.Usage(); !ok || u.CPU == 0 || u.Memory == 0 || u.Processes < 2 {
		t.Errorf("the session: %+v", u)
	}
}

func TestMemoryLimit(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("there are no cgroups here to stop it")
	}
	s := testSession(t, h, 1, nil)
	c := run(t, s, func(s *Spec) { s.Resources.Memory = 16 << 20 }, "sh", "-c", "exec tail -c 100m /dev/zero")
	if st := wait(t, c); !st.OOMKilled || st.ExitCode != 137 || st.Reason != "OOMKilled" {
		t.Errorf("status %+v", st)
	}
}

// leftovers lists what there is of a host in the kernel.
func leftovers(t *testing.T, h *Host) (out []string) {
	t.Helper()
	for _, m := range mountsBelow(filepath.Join(h.cfg.Dir, "s")) {
		out = append(out, "mount "+m)
	}
	if h.cgroups != nil {
		for _, dir := range h.cgroups.distinct(h.cgroups.dirs) {
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if e.IsDir() {
					out = append(out, "cgroup "+filepath.Join(dir, e.Name()))
				}
			}
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if text, _ := os.ReadFile(p); strings.HasPrefix(string(text), "sleep\x00") {
			out = append(out, "process "+p)
		}
	}
	for _, below := range []string{"s", "oci", "k"} {
		entries, _ := os.ReadDir(filepath.Join(h.cfg.Dir, below))
		for _, e := range entries {
			if e.Name() != ".cache" {
				out = append(out, "file "+filepath.Join(h.cfg.Dir, below, e.Name()))
			}
		}
	}
	return out
}

func TestCloseLeavesNothing(t *testing.T) {
	h := testHost(t)
	if left := leftovers(t, h); len(left) > 0 {
		t.Fatal("before: ", left)
	}
	s := testSession(t, h, 1, nil)
	box := testSandbox(t, s)
	for i := range 4 {
		c := run(t, s, func(s *Spec) { s.ID, s.Sandbox = fmt.Sprint("c", i), box }, "sh", "-c", "sleep 1000 & sleep 1000")
		if i == 1 {
			if err := c.Stop(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		if i == 2 { // an exec that is under way
			go c.ExecSync(t.Context(), []string{"sleep", "1000"}, 0)
		}
	}
	if len(leftovers(t, h)) < 6 {
		t.Fatal("the check sees nothing: ", leftovers(t, h))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, h); len(left) > 0 {
		t.Error("left: ", left)
	}
	if _, err := s.Create(t.Context(), Spec{ID: "late", Image: testImage(t, "busybox")}); err != ErrClosed {
		t.Errorf("create in a closed session: %v", err)
	}
}

func TestNewSweeps(t *testing.T) {
	h := testHost(t)
	s := testSession(t, h, 1, nil)
	c := run(t, s, nil, "sleep", "1000")
	if err := c.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	// The former server is gone without a word; here, only its processes are.
	again, err := New(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, again); len(left) > 0 {
		t.Error("left: ", left)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
