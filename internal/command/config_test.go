package command

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite CONFIGURATION.md")

func TestReference(t *testing.T) {
	const file = "CONFIGURATION.md"
	if *update {
		if err := os.WriteFile(file, []byte(reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != reference() {
		t.Errorf("%s is not what the flags say (%v): go generate ./internal/command", file, err)
	}
}

// said runs podhop config with a file.
func said(t *testing.T, file string, args ...string) (string, error) {
	t.Helper()
	if file != "" {
		name := filepath.Join(t.TempDir(), "podhop.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", name}, args...)
	}
	var out bytes.Buffer
	err := config(t.Context(), &environment{stdout: &out, stderr: io.Discard}, args)
	return out.String(), err
}

func TestPrecedence(t *testing.T) {
	t.Setenv("PODHOP_LISTEN_API", ":2")
	t.Setenv("PODHOP_NODES", "2")
	t.Setenv("PODHOP_CNI", "carrier pigeons, but a flag says otherwise")
	_, err := said(t, `# a comment
listen: :1
listen-api: ":1"
nodes: 1
dual-stack: true
lifetime: 30m
node-memory: 1Gi
image-size: 2000000
lessons: [/one, /two]
hosts: [a.example, b.example]
registry-mirrors: {}
`, "--cni=vxlan", "--nodes", "3", "--nodes", "4")
	if err == nil || !strings.Contains(err.Error(), "podhop.yaml:11: registry-mirrors: must be one value, not keys and values") {
		t.Fatalf("%v", err)
	}
	out, err := said(t, "listen: :1\nlisten-api: \":1\"\nnodes: 1\ndual-stack: true\nlifetime: 30m\nnode-memory: 1Gi\nimage-size: 2000000\nlessons: [/one, /two]\nhosts: [a.example, b.example]\n",
		"--cni=vxlan", "--nodes", "3", "--nodes", "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"listen: :1 # ", "podhop.yaml:1\n", `listen-api: :2 # PODHOP_LISTEN_API`, "nodes: 4 # the command line", "cni: vxlan # the command line",
		"dual-stack: true # ", "lifetime: 30m # ", "node-memory: 1Gi # ", `image-size: "2000000" # `, "lessons: /one:/two # ", "hosts: a.example,b.example # ", "max-sessions: 300 # default", "# api-server: # default"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	again, err := said(t, out, "--cni", "vxlan", "--nodes", "4") // which the environment would say otherwise
	strip := func(s string) (lines []string) {
		for line := range strings.Lines(s) {
			line, _, _ = strings.Cut(line, " # ")
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}
	if err != nil || strings.Join(strip(again), "\n") != strings.Join(strip(out), "\n") {
		t.Errorf("what is printed is no such file: %v\n%s\nwas\n%s", err, again, out)
	}
}

func TestBadConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		args []string
		env  string // of PODHOP_NODES
		want []string
	}{
		"an unknown key":       {file: "nodes: 2\nnode: 3\n", want: []string{"podhop.yaml:2: node: is no flag of podhop serve"}},
		"all that is wrong":    {file: "nodes: three\ndual-stack: 1\nlifetime: 7200\nlisten: 8080\nmax-sessions: null\ncni: [a]\n", want: []string{":1: nodes: must be a whole number, not three", ":2: dual-stack: must be true or false, not 1", ":3: lifetime: must be a duration such as 1h30m, not 7200", ":4: listen: must be text", ":5: max-sessions: must be a whole number, not nothing", ":6: cni: must be one value, not a list"}},
		"a duration":           {file: "lifetime: a day\n", want: []string{"must be a duration"}},
		"twice":                {file: "nodes: 2\nnodes: 3\n", want: []string{":2: nodes: is there twice"}},
		"what the flag minds":  {file: "node-memory: 1Mi\n", want: []string{"podhop.yaml:1: --node-memory", "must be at least 256Mi"}},
		"not YAML":             {file: "nodes: [\n", want: []string{"podhop.yaml", "line 1"}},
		"a list":               {file: "- nodes\n", want: []string{"podhop.yaml:1: must be keys and values"}},
		"two documents":        {file: "nodes: 2\n---\nnodes: 3\n", want: []string{"must be one YAML document"}},
		"another file":         {file: "config: other.yaml\n", want: []string{"config: is no flag"}},
		"an alias":             {file: "cni: &a routed\nlisten: *a\n", want: []string{"must be one value, not an alias"}},
		"no file":              {args: []string{"--config", "/nowhere/podhop.yaml"}, want: []string{"--config: open /nowhere/podhop.yaml: no such file"}},
		"the environment":      {env: "three", want: []string{`PODHOP_NODES: --nodes "three"`}},
		"a base that is none":  {args: []string{"--base-path", "podhop"}, want: []string{"usage"}},
		"an argument too many": {args: []string{"podhop.yaml"}, want: []string{"usage"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("PODHOP_NODES", c.env)
			}
			out, err := said(t, c.file, c.args...)
			if err == nil || out != "" {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nhas no %q", err, want)
				}
			}
		})
	}
	for _, empty := range []string{"# nothing\n", "---\n", "\n"} {
		if _, err := said(t, empty); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"client-secret", "hush", "xxxxx"}, {"session-token", "hush", "xxxxx"}, {"store", "etcd://u:hush@host:2379", "etcd://u:xxxxx@host:2379"}, {"store", "etcd://u:hu%sh@h/o@host:2379", "etcd://xxxxx@host:2379"},
		{"tls-key", "/etc/key.pem", "/etc/key.pem"}, {"token-rate", "3", "3"}, {"client-secret", "", ""},
	} {
		if got := shown(c.name, c.value); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.value, got, c.want)
		}
	}
	var out bytes.Buffer
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.String("client-secret", "", "")
	_, err := configOf(fs, "file", "client-secret: [hush]")
	if err == nil {
		t.Error("a list was taken")
	}
	found, err := configOf(fs, "file", "client-secret: hush")
	printConfig(&out, fs, found)
	if err != nil || out.String() != "# client-secret: xxxxx # file:1\n" {
		t.Errorf("%v, %s", err, &out)
	}
	if _, err := configOf(fs, "file", "client-secret: 12345"); err == nil || strings.Contains(err.Error(), "12345") {
		t.Errorf("%v", err)
	}
}

// Flags of a program win over the environment's though they would add to them.
func TestListsAreReplaced(t *testing.T) {
	t.Setenv("PODHOP_LESSONS", "/a:/b")
	var f folders
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	registerLessons(fs, &f)
	env := &environment{stderr: io.Discard}
	if err := env.parse(fs, []string{"--lessons", "/c", "-lessons=/d"}); err != nil || f.String() != "/c:/d" {
		t.Errorf("%s, %v", f.String(), err)
	}
	if err := env.parse(flag.NewFlagSet("", flag.ContinueOnError), []string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}
