package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/chromium"
)

var (
	root    = must(filepath.Abs("../.."))
	built   = filepath.Join(root, ".build", "test")
	podhop  = filepath.Join(built, "podhop")
	kubectl = filepath.Join(built, "kubectl")
	// catalogue outlives a run: it is keyed by what it is built from.
	catalogue = filepath.Join(built, "images")
)

func TestMain(m *testing.M) {
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(chromium.Main(m))
}

// build makes the binaries under test and the catalogue; all three are quick
// when nothing has changed.
func build() error {
	for _, args := range [][]string{
		{"make", "--no-print-directory", "build", "SETUP=no", "VERSION=test", "BIN=" + podhop},
		{"make", "--no-print-directory", "kubectl", "SETUP=no", "KUBECTL=" + kubectl},
		{podhop, "images", "build", "--images", catalogue},
		{"go", "-C", filepath.Join(root, "internal", "helm"), "build", "-o", filepath.Join(built, "helm"), "helm.sh/helm/v4/cmd/helm"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// A server is one running podhop.
type server struct {
	t    testing.TB
	URL  string // of the page
	Data string
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan struct{} // closed when the process has gone
}

var announces = regexp.MustCompile(`https?://[^\s]+`)

// start runs a server on free ports and waits until it says where it is. It is
// ended with the test.
func start(t testing.TB, data string, flags ...string) *server {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--listen-api", "127.0.0.1:0",
		"--data", data, "--images", catalogue}, flags...)
	s := &server{t: t, Data: data, cmd: exec.Command(podhop, args...), log: &lockedBuffer{}, done: make(chan struct{})}
	s.cmd.Stderr = s.log
	stdout := must(s.cmd.StdoutPipe())
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(s.log.String(), 60))
		}
	})
	found := make(chan string, 1)
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			fmt.Fprintln(s.log, lines.Text())
			if u := announces.FindString(lines.Text()); u != "" {
				select {
				case found <- strings.TrimSuffix(u, "/"):
				default:
				}
			}
		}
		s.cmd.Wait()
	}()
	select {
	case s.URL = <-found:
	case <-s.done:
		t.Fatalf("the server ended before it was ready:\n%s", s.log)
	case <-time.After(60 * time.Second):
		t.Fatalf("the server is not ready:\n%s", s.log)
	}
	return s
}

// stop signals the server and waits for its end.
func (s *server) stop(sig syscall.Signal) {
	s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		s.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines tell why
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			s.cmd.Process.Kill()
			<-s.done
		}
		s.t.Errorf("the server did not end on %v:\n%s", sig, s.log)
	}
}

// call makes an API call and decodes the answer into out (nil: not wanted).
func (s *server) call(method, path string, body any, out any) int {
	s.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		r = bytes.NewReader(must(json.Marshal(b)))
	}
	req := must(http.NewRequest(method, s.URL+path, r))
	if _, isText := body.(string); isText {
		req.Header.Set("Content-Type", "application/yaml")
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer := must(io.ReadAll(resp.Body))
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, answer)
		}
	}
	return resp.StatusCode
}

// until waits for a condition, which says what it still misses.
func until(t testing.TB, within time.Duration, what string, check func() (missing string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		missing := check()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: after %v: %s", what, within, missing)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// output runs a command to its end and returns what it said on both streams.
func output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// lockedBuffer is a bytes.Buffer that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func asExit(err error, target **exec.ExitError) bool { return errors.As(err, target) }
