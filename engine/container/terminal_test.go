package container

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen collects what a terminal shows, and waits for text on it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.text.Write(p)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) wait(t *testing.T, want string) {
	t.Helper()
	for deadline := time.After(20 * time.Second); !strings.Contains(s.String(), want); {
		select {
		case <-s.more:
		case <-deadline:
			t.Fatalf("the screen never showed %q:\n%s", want, s)
		}
	}
}

func TestExecTerminal(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, nil, "sleep", "1000")
	keys, in := io.Pipe()
	sizes := make(chan Size, 1)
	out := newScreen()
	type result struct {
		code int
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		code, err := c.Exec(t.Context(), ExecSpec{Args: []string{"sh"}, TTY: true, Stdin: keys, Stdout: out, Resize: sizes})
		ended <- result{code, err}
	}()
	out.wait(t, "# ")
	sizes <- Size{Width: 132, Height: 40}
	io.WriteString(in, "while [ \"$(stty size)\" != '40 132' ]; do sleep 0.01; done; echo sized''-now; tty; echo $TERM\n")
	out.wait(t, "sized-now\r\n/dev/pts/0\r\nxterm\r\n")
	io.WriteString(in, "(echo asl''eep; exec sleep 1000)\n")
	out.wait(t, "asleep")
	io.WriteString(in, "\x03")
	out.wait(t, "^C")
	io.WriteString(in, "echo co''de $?\n")
	out.wait(t, "code 130")
	io.WriteString(in, "exit 5\n")
	r := <-ended
	in.Close()
	if r.err != nil || r.code != 5 {
		t.Errorf("code %d, %v; want 5", r.code, r.err)
	}
}

func TestAttachTerminal(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.TTY, s.Stdin, s.StdinOnce = true, true, true }, "sh")
	for i, last := range []string{"echo one''-more", "exit 4"} { // it outlives the first client
		keys, in := io.Pipe()
		out := newScreen()
		ended := make(chan error, 1)
		go func() { ended <- c.Attach(t.Context(), AttachSpec{Stdin: keys, Stdout: out}) }()
		io.WriteString(in, "echo hello''-there\n")
		out.wait(t, "hello-there")
		io.WriteString(in, last+"\n")
		if i == 0 {
			out.wait(t, "one-more")
			in.Close()
			continue
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		in.Close()
	}
	if st := wait(t, c); st.ExitCode != 4 {
		t.Errorf("status %+v", st)
	}
	if got := logged(t, c); !strings.Contains(got, "stdout F hello-there\r\n") {
		t.Errorf("log:\n%s", got)
	}
}

func TestAttachStdinOnce(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.Stdin, s.StdinOnce = true, true }, "sh", "-c", "wc -c; echo end >&2")
	var out, errs bytes.Buffer
	if err := c.Attach(t.Context(), AttachSpec{Stdin: strings.NewReader("12345"), Stdout: &out, Stderr: &errs}); err != nil {
		t.Error(err)
	}
	if out.String() != "5\n" || errs.String() != "end\n" {
		t.Errorf("%q and %q", out.String(), errs.String())
	}
	wait(t, c)
}

// TestAttachStdinStaysOpen has clients come and go whose input is part of what the
// process reads.
func TestAttachStdinStaysOpen(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, func(s *Spec) { s.Stdin = true }, "sh", "-c", "while read line; do echo got $line; done; echo closed")
	for _, line := range []string{"one", "two"} {
		if err := c.Attach(t.Context(), AttachSpec{Stdin: strings.NewReader(line + "\n"), Stdout: io.Discard}); err != nil {
			t.Error(err)
		}
	}
	keys, in := io.Pipe()
	defer in.Close()
	out := newScreen()
	go c.Attach(t.Context(), AttachSpec{Stdin: keys, Stdout: out})
	io.WriteString(in, "three\n")
	out.wait(t, "got three")
	if got := logged(t, c); !strings.Contains(got, "F got one\n") || !strings.Contains(got, "F got two\n") || strings.Contains(got, "closed") {
		t.Errorf("log:\n%s", got)
	}
}
