package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A shell is what a learner sits at: a folder with files, where kubectl leads to a
// namespace of the session.
type shell struct {
	*namespace
	dir string
	env []string
}

// A step is one command line of it.
type step struct {
	line string
	// exit is the code that it is to end with.
	exit int
	// says are lines, or parts of lines, of what it writes on both streams.
	says string
}

// shell opens one in a namespace, beside files whose names are the keys.
func (n *namespace) shell(files map[string]string, env ...string) *shell {
	n.t.Helper()
	s := &shell{namespace: n, dir: n.t.TempDir()}
	for name, text := range files {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			n.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
	config := filepath.Join(s.dir, ".kube", "config")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(config, must(os.ReadFile(n.kubeconfig)), 0o600); err != nil {
		n.t.Fatal(err)
	}
	s.env = append(os.Environ(), "HOME="+s.dir, "KUBECONFIG="+config, "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"), "TMPDIR="+s.dir)
	s.env = append(s.env, env...)
	s.sh("kubectl config set-context --current --namespace " + n.name)
	return s
}

// command is a line that has yet to be run.
func (s *shell) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs a line to its end, within patience.
func (s *shell) run(line string) (out string, exit int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, line)
	cmd.WaitDelay = patience / 10 // for what it started
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil || ctx.Err() != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, text)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// sh runs a line that has to succeed, and returns what it says.
func (s *shell) sh(line string) string {
	s.t.Helper()
	out, exit := s.run(line)
	if exit != 0 {
		s.t.Fatalf("%s: ends with %d:\n%s", line, exit, out)
	}
	return out
}

// steps runs them one after the other.
func (s *shell) steps(steps []step) {
	s.t.Helper()
	for _, step := range steps {
		out, exit := s.run(step.line)
		if exit != step.exit {
			s.t.Errorf("%s\nends with %d, not with %d:\n%s", step.line, exit, step.exit, out)
			continue
		}
		for want := range strings.Lines(step.says) {
			if want = strings.TrimSpace(want); !strings.Contains(out, want) {
				s.t.Errorf("%s\ndoes not say %q:\n%s", step.line, want, out)
			}
		}
	}
}
