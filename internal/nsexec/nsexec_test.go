package nsexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestInside(t *testing.T) {
	if !Inside() || os.Getpid() != 1 || os.Getuid() != 0 {
		t.Fatalf("inside=%v pid=%d uid=%d", Inside(), os.Getpid(), os.Getuid())
	}
	e := Current()
	for _, w := range e.Warnings {
		t.Log("warning:", w)
	}
	t.Logf("%d ids, cgroup %q, sysctl %v, %d files", e.SubIDs, e.Cgroup, e.Sysctl, e.OpenFiles)
	ents, err := os.ReadDir("/run")
	if err != nil || len(ents) != 0 {
		t.Errorf("/run is not fresh: %v %v", ents, err)
	}
	if _, err := os.Stat("/sys/class/net/lo"); err != nil {
		t.Error(err)
	}
	if links, _ := os.ReadDir("/sys/class/net"); len(links) != 1 {
		t.Errorf("links: %v", links)
	}
	if b, _ := os.ReadFile("/proc/1/cmdline"); !strings.HasPrefix(string(b), os.Args[0]) {
		t.Errorf("/proc/1 is %q, not us", b)
	}
}

func TestNetNS(t *testing.T) {
	a, b := netNS(t), netNS(t)
	la, err := a.Listen("tcp4", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer la.Close()
	go func() {
		for {
			c, err := la.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "a")
			c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := a.DialContext(ctx, "tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(c); string(got) != "a" {
		t.Errorf("read %q", got)
	}
	c.Close()
	if c, err := b.DialContext(ctx, "tcp", "127.0.0.1:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial in b: %v %v", c, err)
	}
	if c, err := a.DialContext(ctx, "tcp", "localhost:80"); err == nil {
		t.Errorf("dialed a name: %v", c)
	}
	// What a program started in Do sees.
	var out []byte
	if err := a.Do(func() (err error) {
		out, err = exec.Command("readlink", "/proc/self/ns/net").Output()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := ino(t, a.Path()); !strings.Contains(string(out), want) {
		t.Errorf("program in %q, want %s", out, want)
	}
	if err := a.Do(func() error { return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	// One within the other, and back.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here := ino(t, ownNetNS)
	if err := a.Do(func() error {
		if err := b.Do(func() error {
			if got := ino(t, ownNetNS); got != ino(t, b.Path()) {
				t.Error("not in b")
			}
			return nil
		}); err != nil {
			return err
		}
		if got := ino(t, ownNetNS); got != ino(t, a.Path()) {
			t.Error("not back in a")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := ino(t, ownNetNS); got != here {
		t.Error("not back")
	}
}

// A namespace that was given up is not mistaken for the one that got its descriptor.
func TestNetNSClosed(t *testing.T) {
	a, err := NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := netNS(t)
	if a.FD() != b.FD() {
		t.Log("the descriptor was not used again")
	}
	if err := a.Do(func() error { t.Error("entered"); return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if _, err := a.DialContext(t.Context(), "tcp", "127.0.0.1:80"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("DialContext: %v", err)
	}
	if err := a.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

func TestDialContextStops(t *testing.T) {
	n := netNS(t)
	// A listener with a full backlog leaves a connect waiting.
	fd := -1
	if err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		return errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0))
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range 10 {
		c, err := n.DialContext(ctx, "tcp", "127.0.0.1:9")
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			return
		}
		defer c.Close()
	}
	t.Fatal("every connect succeeded")
}

func TestNamespacesGo(t *testing.T) {
	// Ones that are closed must not be kept by a visiting thread.
	n := netNS(t)
	id := ino(t, n.Path())
	if err := n.Do(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	n.Close()
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		if got := ino(t, "/proc/self/task/"+task.Name()+"/ns/net"); got == id {
			t.Errorf("thread %s is still in it", task.Name())
		}
	}
	if err := n.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func TestSandbox(t *testing.T) {
	maps := sessionMaps()
	u, err := NewUserNS(maps)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	s, err := NewSandbox(u, "web-0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, f := range map[string]*os.File{"net": s.Net.File(), "ipc": s.IPC, "uts": s.UTS} {
		owner, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_USERNS)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, want := ino(t, fdPath(owner)), ino(t, u.Path()); got != want {
			t.Errorf("%s is owned by %s, not by the session's %s", name, got, want)
		}
		unix.Close(owner)
	}
	var creds []string
	if Current().SubIDs == 1 { // setgroups is denied; we are root there already
		creds = []string{"--preserve-credentials"}
	}
	out, err := exec.Command("nsenter", append(creds, "--user="+u.Path(), "--net="+s.Net.Path(), "--uts="+fdPath(int(s.UTS.Fd())),
		"sh", "-c", "hostname; id -u; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ip -br link; ip link add v0 type veth peer name v1")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := strings.Fields(string(out))
	if f[0] != "web-0" || f[1] != "0" || f[2] != "0" || f[3] != "lo" || f[4] != "UNKNOWN" {
		t.Errorf("%s", out)
	}
	if _, err := NewSandbox(u, strings.Repeat("x", 65)); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("long name: %v", err)
	}
}

func TestBoundedUserNS(t *testing.T) {
	before := fdCount(t)
	u, err := NewBoundedUserNS(sessionMaps(), Bounds{InotifyInstances: 3, InotifyWatches: 30, Processes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	s, err := NewSandbox(u, "web-0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	above, err := unix.IoctlRetInt(u.FD(), unix.NS_GET_PARENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(above)
	for file, want := range map[string]string{"uid_map": mapsOf(u.Maps()), "gid_map": mapsOf(u.Maps())} {
		out, err := exec.Command("nsenter", "--preserve-credentials", "--user="+u.Path(), "cat", "/proc/self/"+file).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q, %v", file, got, want, err)
		}
	}
	if Current().Sysctl {
		out, err := exec.Command("nsenter", "--preserve-credentials", "--user="+fdPath(above), "cat", "/proc/sys/user/max_inotify_instances", "/proc/sys/user/max_inotify_watches").CombinedOutput()
		if err != nil || string(out) != "3\n30\n" {
			t.Errorf("bounds %q, %v", out, err)
		}
	}
	if got := fdCount(t); got != before+5 { // the namespace, the sandbox's three, above
		t.Errorf("%d descriptors, had %d", got, before)
	}
	if _, err := NewBoundedUserNS([]IDMap{{Inner: 0, Outer: 1 << 30, Size: 1}}, Bounds{}); err == nil || !strings.Contains(err.Error(), "bounds") {
		t.Errorf("ids that are not ours: %v", err)
	}
}

func mapsOf(maps []IDMap) string { return fmt.Sprintf("%d", maps[0].Size) }

func TestSandboxFails(t *testing.T) {
	before := fdCount(t)
	_, err := sandboxFDs(before+100, "x")
	if !errors.Is(err, unix.EBADF) || !strings.Contains(err.Error(), "setns user") {
		t.Errorf("got %v", err)
	}
	if got := fdCount(t); got != before {
		t.Errorf("%d descriptors, had %d", got, before)
	}
}

func TestReaper(t *testing.T) {
	r := Current().Reaper
	// Children of os/exec keep their exit status while orphans come and go.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				var exit *exec.ExitError
				if err := exec.Command("sh", "-c", fmt.Sprintf("true & exit %d", i+1)).Run(); !errors.As(err, &exit) || exit.ExitCode() != i+1 {
					t.Errorf("exit %d: %v", i+1, err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				_, exit, err := r.Start(func() (int, error) { return orphan(100 + i) })
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case ws := <-exit:
					if ws.ExitStatus() != 100+i {
						t.Errorf("orphan: %v, want %d", ws.ExitStatus(), 100+i)
					}
				case <-time.After(10 * time.Second):
					t.Error("no news of the orphan")
				}
			}
		})
	}
	wg.Wait()
	until(t, "no zombies", func() bool {
		b, _ := os.ReadFile("/proc/self/task/1/children")
		return len(b) == 0
	})
	if len(r.waiting) != 0 || len(r.kept) != 0 {
		t.Errorf("left over: %v %v", r.waiting, r.kept)
	}
}

// orphan leaves a process behind that ends with the given code, before or soon after
// orphan returns, and never before its parent.
func orphan(code int) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	defer r.Close()
	cmd := exec.Command("sh", "-c", fmt.Sprintf("(read x <&3; exit %d) >/dev/null 2>&1 & echo $!", code))
	cmd.ExtraFiles = []*os.File{r}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

func TestReaperGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Current().Reaper.Start(func() (int, error) { return cmd.Process.Pid, nil }); !errors.Is(err, ErrNotOrphan) {
		t.Errorf("got %v", err)
	}
}

func TestListener(t *testing.T) {
	if _, err := Listener("none"); err == nil {
		t.Error("found a listener that was not handed over")
	}
}

func BenchmarkNewNetNS(b *testing.B) {
	for b.Loop() {
		n, err := NewNetNS()
		if err != nil {
			b.Fatal(err)
		}
		n.Close()
	}
}

func BenchmarkNewUserNS(b *testing.B) {
	for b.Loop() {
		n, err := NewUserNS(sessionMaps())
		if err != nil {
			b.Fatal(err)
		}
		n.Close()
	}
}

func BenchmarkNewBoundedUserNS(b *testing.B) {
	for b.Loop() {
		n, err := NewBoundedUserNS(sessionMaps(), ShareOf(8))
		if err != nil {
			b.Fatal(err)
		}
		n.Close()
	}
}

func BenchmarkNewSandbox(b *testing.B) {
	u, err := NewUserNS(sessionMaps())
	if err != nil {
		b.Fatal(err)
	}
	defer u.Close()
	for b.Loop() {
		s, err := NewSandbox(u, "x")
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkDo(b *testing.B) {
	n, err := NewNetNS()
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for b.Loop() {
		if err := n.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func sessionMaps() []IDMap {
	if Current().SubIDs < 65537 {
		return []IDMap{{0, 0, 1}}
	}
	return []IDMap{{Inner: 0, Outer: 1, Size: 65536}}
}

func netNS(t *testing.T) *NetNS {
	t.Helper()
	n, err := NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func ino(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(path, err)
	}
	return strconv.FormatUint(st.Ino, 10)
}

func fdCount(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

var _ net.Addr = literal("")
