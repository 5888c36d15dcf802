package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStop(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	for name, tt := range map[string]struct {
		script string
		signal string
		grace  time.Duration
		code   int
	}{
		"obeys":         {`trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done`, "", 20 * time.Second, 9},
		"own-signal":    {`trap "exit 8" QUIT; echo ready; while :; do sleep 0.01; done`, "SIGQUIT", 20 * time.Second, 8},
		"number":        {`trap "exit 7" USR1; echo ready; while :; do sleep 0.01; done`, "10", 20 * time.Second, 7},
		"does-not-obey": {`trap "" TERM; echo ready; while :; do sleep 0.01; done`, "", 20 * time.Millisecond, 137},
		"at-once":       {`echo ready; sleep 1000`, "", 0, 137},
	} {
		t.Run(name, func(t *testing.T) {
			exited := make(chan struct{})
			c := run(t, s, func(s *Spec) {
				s.Image.Config.StopSignal = tt.signal
				s.OnExit = func() { close(exited) }
			}, "sh", "-c", tt.script)
			for deadline := time.Now().Add(20 * time.Second); !strings.Contains(logged(t, c), "ready"); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("never ready")
				}
			}
			if err := c.Stop(t.Context(), tt.grace); err != nil {
				t.Fatal(err)
			}
			if st := c.Status(); st.State != Exited || st.ExitCode != tt.code {
				t.Errorf("status %+v, want code %d", st, tt.code)
			}
			<-exited
			if err := c.Stop(t.Context(), tt.grace); err != nil {
				t.Errorf("stop again: %v", err)
			}
			if err := errors.Join(c.Remove(), c.Remove()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMounts(t *testing.T) { hosts(t, testMounts) }

func testMounts(t *testing.T, h *Host) {
	s := testSession(t, h, 1, nil)
	for file, text := range map[string]string{"hosts": "127.0.0.1 localhost\n", "vol/a": "volume\n"} {
		file = filepath.Join(s.Dir(), file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("vol", filepath.Join(s.Dir(), "link"))
	c := run(t, s, func(sp *Spec) {
		sp.Mounts = []Mount{{Source: filepath.Join(s.Dir(), "hosts"), Destination: "/etc/hosts", Readonly: true},
			{Source: filepath.Join(s.Dir(), "link"), Destination: "/data/new"}, {Destination: "/scratch", Tmpfs: 1 << 20}, {Destination: "/tmp", Tmpfs: 1 << 20}}
		sp.ReadonlyRootfs = true
	}, "sleep", "1000")
	if got := execOutput(t, c, "cat", "/etc/hosts", "/data/new/a"); got != "127.0.0.1 localhost\nvolume\n" {
		t.Errorf("got %q", got)
	}
	if got := execOutput(t, c, "stat", "-c", "%u:%g %a", "/etc/hosts", "/data/new"); got != "0:0 640\n0:0 750\n" {
		t.Errorf("owners and modes %q", got)
	}
	execOutput(t, c, "sh", "-c", "echo written >/data/new/b && echo x >/scratch/x && echo x >/tmp/x")
	if text, err := os.ReadFile(filepath.Join(s.Dir(), "vol", "b")); err != nil || string(text) != "written\n" {
		t.Errorf("outside: %q, %v", text, err)
	}
	owner := uint32(0)
	if s.mapped && !h.idmaps {
		owner = uint32(s.cfg.UIDBase)
	}
	if got := statUID(t, filepath.Join(s.Dir(), "vol", "b")); got != owner {
		t.Errorf("the server sees it as %d's, want %d", got, owner)
	}
	for _, target := range []string{"/etc/hosts", "/etc/new", "/bin/new"} {
		_, errs, code, _ := c.ExecSync(t.Context(), []string{"sh", "-c", "echo x >>" + target}, 0)
		if code == 0 || !strings.Contains(string(errs), "Read-only file system") {
			t.Errorf("write %s: code %d, %s", target, code, errs)
		}
	}
	os.Symlink("/etc", filepath.Join(s.Dir(), "out"))
	for _, source := range []string{"/etc", filepath.Join(s.Dir(), ".."), filepath.Join(s.Dir(), "out"), filepath.Join(s.Dir(), "../c/testmounts/upper"), s.Dir() + "x"} {
		_, err := s.Create(t.Context(), Spec{ID: "bad", Image: testImage(t, "busybox"), Mounts: []Mount{{Source: source, Destination: "/x"}}})
		if !errors.Is(err, ErrMountSource) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("mount of %s: %v", source, err)
		}
	}
}

func TestUserAndDirectory(t *testing.T) {
	h := testHost(t)
	s := testSession(t, h, 1, nil)
	uid, gid := int64(1000), int64(2000)
	c := run(t, s, func(s *Spec) {
		s.User = User{UID: &uid, GID: &gid, Groups: []int64{3000}}
		s.Cwd = "/not/there/yet"
	}, "sh", "-c", "id; pwd; echo $HOME")
	if st := wait(t, c); st.ExitCode != 0 {
		t.Errorf("status %+v, log %s", st, logged(t, c))
	}
	want := "stdout F uid=1000 gid=2000 groups=2000,3000\nstdout F /not/there/yet\nstdout F /\n"
	if h.SingleID() {
		want = "stdout F uid=0(root) gid=0(root)\nstdout F /not/there/yet\nstdout F /root\n"
	}
	if got := logged(t, c); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSharedProcessNamespace(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	box := testSandbox(t, s)
	first := run(t, s, func(s *Spec) { s.ID, s.Sandbox = "first", box }, "sleep", "1234")
	second := run(t, s, func(s *Spec) { s.ID, s.Sandbox, s.SharePID = "second", box, first }, "sleep", "5678")
	if got := execOutput(t, second, "ps", "-o", "args"); !strings.Contains(got, "sleep 1234") || !strings.Contains(got, "sleep 5678") {
		t.Errorf("processes:\n%s", got)
	}
}

func TestReopenLog(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.Stdin = true }, "cat")
	in, lines := make(chan string), newScreen()
	go c.Attach(t.Context(), AttachSpec{Stdin: reader(in), Stdout: lines})
	in <- "one\n"
	lines.wait(t, "one\n")
	old := c.Spec().LogPath + ".1"
	if err := errors.Join(os.Rename(c.Spec().LogPath, old), c.ReopenLog()); err != nil {
		t.Fatal(err)
	}
	in <- "two\n"
	lines.wait(t, "two\n")
	close(in)
	if err := c.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(old)
	if after := logged(t, c); err != nil || !strings.HasSuffix(string(before), "stdout F one\n") || after != "stdout F two\n" {
		t.Errorf("%q and %q, %v", before, after, err)
	}
}

// reader reads what comes on a channel.
type reader <-chan string

func (r reader) Read(p []byte) (int, error) {
	s, ok := <-r
	if !ok {
		return 0, os.ErrClosed
	}
	return copy(p, s), nil
}
