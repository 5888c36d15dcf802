package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/container/image/imagetest"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { imagetest.Main(m, "base", "debian") }

// session is a host with a session, and its user namespace.
func session(t *testing.T) (*container.Session, *nsexec.UserNS) {
	t.Helper()
	h, err := container.New(container.Config{Dir: filepath.Join("/run/podhop", t.Name()), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	maps, base := []nsexec.IDMap{{Inner: 0, Outer: 65536, Size: 65536}}, 65536
	if h.SingleID() {
		maps, base = []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}, 0
	}
	users, err := nsexec.NewUserNS(maps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { users.Close() })
	s, err := h.OpenSession(container.SessionConfig{ID: "s", UserNS: users, UIDBase: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close session: ", err)
		}
	})
	return s, users
}

// bench is a desk whose machine runs bash.
func bench(t *testing.T) (*Desk, *container.Session) {
	t.Helper()
	s, users := session(t)
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	var told atomic.Int32
	d := New(Config{
		ID: "desk", Containers: s, Users: users, Net: ns, Name: "client", Limits: container.Resources{Memory: 256 << 20, Pids: 64}, Log: slog.New(slog.DiscardHandler),
		Image: func() (image.Image, error) {
			img, err := imagetest.Open(t).Resolve("debian")
			img.Config.Cmd = []string{"sleep", "infinity"}
			return img, err
		},
		Home: func() (map[string]string, error) {
			return map[string]string{".kube/config": "a config\n", ".bashrc": "# theirs\n"}, nil
		},
		Hosts: func() string { return fmt.Sprintf("127.0.0.1 localhost\n# %d\n", told.Add(1)) }, Resolv: "nameserver 127.0.0.1\n",
	})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close: ", err)
		}
	})
	return d, s
}

func do(t *testing.T, d *Desk, text string) string {
	t.Helper()
	r, err := d.Script(t.Context(), text)
	if err != nil || r.Code != 0 || r.Late {
		t.Fatalf("%s: %+v, %v", text, r, err)
	}
	return r.Output
}

func TestScript(t *testing.T) {
	d, s := bench(t)
	if err := d.HostsChanged(); err != nil {
		t.Error("hosts of no machine: ", err)
	}
	if n := len(s.Containers()); n != 0 {
		t.Fatalf("%d containers before anybody asked", n)
	}
	for text, want := range map[string]string{
		"pwd; hostname; id -u":                          "/root\nclient\n0\n",
		"cat ~/.kube/config; stat -c %a ~/.kube/config": "a config\n600\n",
		"cat /etc/hosts /etc/resolv.conf":               "127.0.0.1 localhost\n# 1\nnameserver 127.0.0.1\n",
		"echo one; echo two >&2; echo three; cat":       "one\ntwo\nthree\n", // in that order; and there is no input
		"printf '\\xff'":                                "\uFFFD",
	} {
		if got := do(t, d, text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if err := d.HostsChanged(); err != nil {
		t.Error(err)
	}
	if got := do(t, d, "cat /etc/hosts"); got != "127.0.0.1 localhost\n# 2\n" {
		t.Errorf("hosts that changed: %q", got)
	}
	if r, err := d.Script(t.Context(), "echo no >&2\nexit 7"); err != nil || r.Code != 7 || r.Output != "no\n" || r.Late {
		t.Errorf("a script that fails: %+v, %v", r, err)
	}
	if r, err := d.Script(t.Context(), "for i in {1..10000}; do echo line $i; done"); err != nil || len(r.Output) > 2*maxKept+100 ||
		!strings.HasPrefix(r.Output, "line 1\n") || !strings.HasSuffix(r.Output, "line 10000\n") || !strings.Contains(r.Output, "bytes ...") {
		t.Errorf("a long output: %d bytes, %v", len(r.Output), err)
	}
	if _, err := d.Script(t.Context(), strings.Repeat("#", maxScript+1)); !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("a long script: %v", err)
	}
	if left, err := os.ReadDir(d.dir("scripts")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestLate: a script that never ends is killed with what it started.
func TestLate(t *testing.T) {
	d, _ := bench(t)
	do(t, d, "true")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r, err := d.Script(ctx, "echo begun; sleep 4321 & sleep 4321 | cat")
	if err != nil || !r.Late || r.Output != "begun\n" {
		t.Errorf("%+v, %v", r, err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for strings.Contains(do(t, d, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), "sleep 4321") {
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}

// TestAnew: a machine that ended is made anew, and the home is as it was; so is one that
// is full of processes.
func TestAnew(t *testing.T) {
	d, _ := bench(t)
	do(t, d, "echo kept >~/file; echo gone >/file; echo mine >~/.bashrc")
	d.mu.Lock()
	c := d.machine
	d.mu.Unlock()
	if err := d.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if got := do(t, d, "cat ~/file ~/.bashrc; ls /file || true"); !strings.HasPrefix(got, "kept\nmine\nls: ") {
		t.Errorf("after its end: %q", got)
	}
	// Bash would try again for a while.
	do(t, d, `exec sh -c 'trap "exit 0" EXIT; i=0; while [ $i -lt 100 ]; do sleep 4321 </dev/null >/dev/null 2>&1 & i=$((i+1)); done'`)
	if got := do(t, d, "cat ~/file"); got != "kept\n" {
		t.Errorf("after it was full: %q", got)
	}
}

func TestPutFiles(t *testing.T) {
	d, _ := bench(t)
	files := fstest.MapFS{"a.txt": {Data: []byte("a"), Mode: 0o644}, "bin/run.sh": {Data: []byte("#!/bin/bash\necho ran\n"), Mode: 0o755}}
	for folder, at := range map[string]string{"": "/root", "work/x": "/root/work/x", "~/y": "/root/y", "/root/z/../z": "/root/z"} {
		if err := d.PutFiles(t.Context(), folder, files); err != nil {
			t.Errorf("%q: %v", folder, err)
			continue
		}
		if got := do(t, d, fmt.Sprintf("cat %s/a.txt; %s/bin/run.sh", at, at)); got != "aran\n" {
			t.Errorf("%q: %q", folder, got)
		}
	}
	// What there is of a name is replaced, and a link is not followed.
	do(t, d, "echo other >~/target; ln -sf target ~/a.txt; ln -s / ~/out")
	if err := d.PutFiles(t.Context(), "", files); err != nil {
		t.Fatal(err)
	}
	if got := do(t, d, "cat ~/target ~/a.txt"); got != "other\na" {
		t.Errorf("over a link: %q", got)
	}
	for _, folder := range []string{"/etc", "..", "~/../etc", "/root/../tmp", "/rootless"} {
		if err := d.PutFiles(t.Context(), folder, files); !errors.Is(err, model.ErrInvalid) {
			t.Errorf("%q: %v", folder, err)
		}
	}
	if err := d.PutFiles(t.Context(), "out/etc", files); err == nil {
		t.Error("a link led out of the home")
	}
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[fmt.Sprint(i)] = &fstest.MapFile{}
	}
	if err := d.PutFiles(t.Context(), "many", many); !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
	large := fstest.MapFS{"large": {Data: make([]byte, maxFileBytes+1)}}
	if err := d.PutFiles(t.Context(), "large", fs.FS(large)); !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// TestClose: nothing is left, and nothing is made any more.
func TestClose(t *testing.T) {
	d, s := bench(t)
	do(t, d, "setsid sleep 4321 >/dev/null 2>&1 &")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n := len(s.Containers()); n != 0 {
		t.Errorf("%d containers left", n)
	}
	if _, err := d.Script(t.Context(), "true"); !errors.Is(err, container.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
