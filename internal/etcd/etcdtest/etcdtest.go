// Package etcdtest runs a real etcd for tests: Debian's etcd-server, which .ci/setup installs.
// Without it they fail.
package etcdtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/internal/etcd"
)

// A Server is one etcd.
type Server struct {
	URL      string // as internal/etcd reads it
	Endpoint string
	cmd      *exec.Cmd
	said     *output
	ended    chan struct{}
}

// Start runs an etcd until the test is over, with further flags.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	return run(t, nil, flags...)
}

func run(t testing.TB, secure *tls.Config, flags ...string) *Server {
	t.Helper()
	path, err := exec.LookPath("etcd")
	if err != nil {
		t.Fatal("these tests need etcd: run .ci/setup test, or install the package etcd-server")
	}
	dir := t.TempDir()
	var s *Server
	for try := range 5 { // a port may be somebody else's by the time that etcd wants it
		if s, err = start(t, path, fmt.Sprint(dir, "/", try), secure, flags); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func start(t testing.TB, path, dir string, secure *tls.Config, flags []string) (*Server, error) {
	client, peer := free(t), free(t)
	scheme := "http://"
	if secure != nil {
		scheme = "https://"
	}
	s := &Server{URL: "etcd://" + client, Endpoint: client, said: &output{}, ended: make(chan struct{})}
	args := []string{"--data-dir", dir, "--listen-client-urls", scheme + client, "--advertise-client-urls", scheme + client,
		"--listen-peer-urls", "http://" + peer, "--initial-advertise-peer-urls", "http://" + peer, "--initial-cluster", "default=http://" + peer}
	s.cmd = exec.Command(path, append(args, flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.stop)
	c, err := etcd.Open(etcd.Place{Endpoints: []string{client}, Prefix: "/", Secure: secure != nil, TLS: secure}, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		select {
		case <-s.ended:
			return nil, fmt.Errorf("etcd has ended: %s", s.said)
		default:
		}
		if err = etcd.Answers(t.Context(), c); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("etcd does not answer: %w\n%s", err, s.said)
}

func (s *Server) stop() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Pause has it not answer, until Resume.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	// The signal is sent, and its threads have yet to take it.
	for deadline := time.Now().Add(time.Minute); !stopped(t, s.cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("etcd does not stop")
		}
	}
}

func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

// stopped reports whether all threads of a process are (proc_pid_stat(5), the third field).
func stopped(t testing.TB, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("etcd has no threads: %v", err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err == nil && !strings.Contains(string(text), ") T ") {
			return false
		}
	}
	return true
}

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Client is one of a prefix that is the test's own.
func (s *Server) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	return s.At(t, "/"+strings.ToLower(strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, t.Name()))+"/")
}

// At is one of a prefix.
func (s *Server) At(t testing.TB, prefix string) *clientv3.Client {
	t.Helper()
	c, err := etcd.Open(etcd.Place{Endpoints: []string{s.Endpoint}, Prefix: prefix}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// All are the keys that a client sees, with their values.
func All(t testing.TB, c *clientv3.Client) map[string]string {
	t.Helper()
	got, err := c.Get(context.WithoutCancel(t.Context()), "", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, kv := range got.Kvs {
		all[string(kv.Key)] = string(kv.Value)
	}
	return all
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
