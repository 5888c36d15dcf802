package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// run creates and starts a busybox container.
func run(t testing.TB, s *Session, change func(*Spec), args ...string) *Container {
	t.Helper()
	spec := Spec{ID: strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), Image: testImage(t, "busybox"), Command: args,
		LogPath: filepath.Join(t.TempDir(), "0.log")}
	if change != nil {
		change(&spec)
	}
	if spec.Sandbox == nil {
		spec.Sandbox = testSandbox(t, s)
	}
	c, err := s.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// wait waits for a container to exit.
func wait(t testing.TB, c *Container) Status {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("container %s has not exited", c.ID())
	}
	return c.Status()
}

// logged returns a container's log without times.
func logged(t testing.TB, c *Container) string {
	t.Helper()
	text, err := os.ReadFile(c.Spec().LogPath)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if stamp, rest, ok := strings.Cut(line, " "); ok {
			if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil {
				t.Errorf("log line %q: %v", line, err)
			}
			out.WriteString(rest)
		}
	}
	return out.String()
}

func execOutput(t testing.TB, c *Container, args ...string) string {
	t.Helper()
	out, errs, code, err := c.ExecSync(t.Context(), args, 20*time.Second)
	if err != nil || code != 0 {
		t.Fatalf("exec %q: code %d, %v, %s", args, code, err, errs)
	}
	return string(out)
}

func TestRun(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.Env = []string{"A=b"} }, "sh", "-c", `echo out $A; echo err >&2; printf half; exit 3`)
	st := wait(t, c)
	if st.State != Exited || st.ExitCode != 3 || st.Reason != "Error" || st.Pid != 0 {
		t.Errorf("status %+v", st)
	}
	if st.StartedAt.Before(st.CreatedAt) || st.FinishedAt.Before(st.StartedAt) {
		t.Errorf("times %+v", st)
	}
	got := logged(t, c)
	for _, want := range []string{"stdout F out b\n", "stderr F err\n", "stdout P half\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("log\n%s\nhas no %q", got, want)
		}
	}
	if err := c.Signal(9); !errors.Is(err, ErrNotRunning) {
		t.Errorf("signal after exit: %v", err)
	}
}

func TestExec(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, nil, "sleep", "1000")
	for _, tt := range []struct {
		args       []string
		code       int
		out, err   string
		startError string
	}{
		{args: []string{"true"}},
		{args: []string{"sh", "-c", "echo a; echo b >&2; exit 7"}, code: 7, out: "a\n", err: "b\n"},
		{args: []string{"sh", "-c", "kill -9 $$"}, code: 137},
		{args: []string{"foo"}, code: -1, startError: `OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH`},
		{args: []string{"/bin/foo"}, code: -1, startError: `exec: "/bin/foo": stat /bin/foo: no such file or directory`},
		{args: []string{"/etc/passwd"}, code: -1, startError: `exec: "/etc/passwd": permission denied`},
		{args: []string{"echo", "--help", "-d", "--", "x"}, out: "--help -d -- x\n"},
		{args: []string{"id", "-u"}, out: "0\n"},
		{args: []string{"hostname"}, out: "pod\n"},
	} {
		out, errs, code, err := c.ExecSync(t.Context(), tt.args, 20*time.Second)
		if tt.startError != "" {
			if !errors.Is(err, ErrExec) || !strings.Contains(err.Error(), tt.startError) {
				t.Errorf("%q: %v, want %s", tt.args, err, tt.startError)
			}
			continue
		}
		if err != nil || code != tt.code || string(out) != tt.out || string(errs) != tt.err {
			t.Errorf("%q: %d %q %q %v", tt.args, code, out, errs, err)
		}
	}
	for _, program := range []string{"foo", "/bin/foo", "/etc/passwd", "/etc"} {
		_, _, _, plain := c.ExecSync(t.Context(), []string{program}, 20*time.Second)
		screen := newScreen()
		code, err := c.Exec(t.Context(), ExecSpec{Args: []string{program}, TTY: true, Stdout: screen, Started: func() { t.Errorf("%s has started", program) }})
		if !errors.Is(err, ErrExec) || err.Error() != plain.Error() || code != -1 {
			t.Errorf("%s in a terminal: %d, %v, which says %q; want %v", program, code, err, screen.String(), plain)
		}
	}
	var out bytes.Buffer
	code, err := c.Exec(t.Context(), ExecSpec{Args: []string{"wc", "-c"}, Stdin: strings.NewReader("12345"), Stdout: &out})
	if err != nil || code != 0 || out.String() != "5\n" {
		t.Errorf("stdin: %d %q %v", code, out.String(), err)
	}
	if _, _, _, err := c.ExecSync(t.Context(), []string{"sleep", "1000"}, 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	for name, tt := range map[string]struct {
		command []string
		want    string
	}{
		"missing":   {[]string{"foo"}, `OCI runtime create failed: runc create failed: unable to start container process: exec: "foo": executable file not found in $PATH`},
		"missing-2": {[]string{"/foo"}, `exec: "/foo": stat /foo: no such file or directory`},
		"a-folder":  {[]string{"/etc"}, `exec: "/etc": is a directory`},
	} {
		for _, tty := range []bool{false, true} {
			c, err := s.Create(t.Context(), Spec{ID: fmt.Sprint(name, tty), Image: testImage(t, "busybox"), Command: tt.command, Sandbox: testSandbox(t, s), LogPath: filepath.Join(t.TempDir(), "log"), TTY: tty})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Start(t.Context())
			if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q, terminal %v: %v", tt.command, tty, err)
			}
			if st := wait(t, c); st.ExitCode != 128 || st.Reason != "StartError" {
				t.Errorf("%q, terminal %v: status %+v", tt.command, tty, st)
			}
		}
	}
}

func TestShortLived(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	box := testSandbox(t, s)
	c := run(t, s, func(s *Spec) { s.ID, s.Sandbox = "long", box }, "sleep", "1000")
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			out, _, code, err := c.ExecSync(t.Context(), []string{"echo", "x"}, 0)
			if code != 0 || err != nil || string(out) != "x\n" {
				t.Errorf("exec: %d, %v, %q", code, err, out)
			}
			short := run(t, s, func(s *Spec) { s.ID, s.Sandbox, s.LogPath = fmt.Sprint("c", i), box, filepath.Join(t.TempDir(), "log") }, "sh", "-c", "echo y; exit 6")
			if st := wait(t, short); st.ExitCode != 6 || logged(t, short) != "stdout F y\n" {
				t.Errorf("%+v, %q", st, logged(t, short))
			}
			if err := short.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
