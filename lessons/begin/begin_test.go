package begin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/killercoda"
)

// here is a machine in a folder: its scripts are run by bash, with the paths that are
// outside of the home led into the folder.
type here struct {
	t   *testing.T
	dir string
}

func (h here) Script(ctx context.Context, text string) (model.ScriptResult, error) {
	for _, outside := range []string{"/var/log/", "/etc/killercoda", "/opt/"} {
		text = strings.ReplaceAll(text, outside, h.dir+outside)
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Env, cmd.Dir = append(os.Environ(), "HOME="+h.dir+"/root"), h.dir+"/root"
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return model.ScriptResult{Code: exit.ExitCode(), Output: string(out), Late: ctx.Err() != nil}, nil
	}
	return model.ScriptResult{Output: string(out)}, err
}

func (h here) PutFiles(_ context.Context, folder string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(h.dir, "root", folder, name)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(to, 0o777))
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644|info.Mode()&0o111)
	})
}

func machine(t *testing.T) here {
	h := here{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(h.dir, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h here) read(name string) string {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Error(err)
	}
	return string(data)
}

func load(t *testing.T, files map[string]string) lessons.Lesson {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["x/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	lib, errs := lessons.Load(fsys, killercoda.Format{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return lib.Lessons[0]
}

func TestLesson(t *testing.T) {
	h := machine(t)
	l := load(t, map[string]string{
		"index.json": `{"details": {"assets": {"host01": [{"file": "**", "target": "/opt/it's $(touch pwned)"}, {"file": "a/*", "target": "~/in"}, {"file": "run.sh", "target": "~", "chmod": "+x"},
			{"file": "a/key", "target": "/opt/keys", "chmod": "600"}]}}}`,
		"assets/run.sh": "run", "assets/a/b.yaml": "b", "assets/a/key": "k",
	})
	const ports = "http://localhost:9140/s/id/port/host1/PORT/"
	for range 2 { // again does no harm
		if err := Lesson(t.Context(), h, l, ports); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"opt/it's $(touch pwned)/run.sh": "run", "opt/it's $(touch pwned)/a/b.yaml": "b", "root/in/b.yaml": "b", "root/run.sh": "run", "etc/killercoda/host": ports + "\n"} {
		if got := h.read(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for name, want := range map[string]fs.FileMode{"root/run.sh": 0o111, "opt/keys/key": 0o600} {
		if info, err := os.Stat(filepath.Join(h.dir, name)); err != nil || info.Mode()&0o711&^(want&0o711) != 0 && name != "root/run.sh" || info.Mode()&want != want {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(h.dir, "*/pwned")); len(found) > 0 {
		t.Error("a target was run as a command")
	}
}

func TestStep(t *testing.T) {
	h := machine(t)
	l := load(t, map[string]string{
		"index.json": `{"details": {"intro": {"foreground": "f.sh", "background": "b.sh"}, "steps": [{"text": "1.md"}, {"text": "1.md", "background": "bad.sh"}]}}`,
		"1.md":       "x", "f.sh": "echo hello", "b.sh": "echo out; echo err >&2; echo once >> ~/ran", "bad.sh": "exit 3",
	})
	b, err := Step(t.Context(), h, l, 1)
	if err != nil || !b.Begun || b.Run != "source ~/.lessons/x/1/foreground.sh" {
		t.Fatalf("%+v %v", b, err)
	}
	if err := Wait(t.Context(), h, l, 1); err != nil {
		t.Fatal(err)
	}
	if b, err = Step(t.Context(), h, l, 1); err != nil || b != (model.StepBegun{}) {
		t.Errorf("again: %+v %v", b, err)
	}
	if out, err := h.Script(t.Context(), "source ~/.lessons/x/1/foreground.sh"); err != nil || out.Output != "hello\n" {
		t.Errorf("foreground: %+v %v", out, err)
	}
	for name, want := range map[string]string{"root/ran": "once\n", "var/log/killercoda/background0_stdout": "out\n", "var/log/killercoda/background0_stderr": "err\n"} {
		if got := h.read(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if b, err = Step(t.Context(), h, l, 2); err != nil || b != (model.StepBegun{}) {
		t.Errorf("a step without scripts: %+v %v", b, err)
	}
	if b, err = Step(t.Context(), h, l, 3); err != nil || b != (model.StepBegun{Begun: true}) {
		t.Errorf("a script that fails: %+v %v", b, err)
	}
	if err := Wait(t.Context(), h, l, 3); err != nil {
		t.Error(err)
	}
}

// A machine that does not do as it is told is told of.
type broken struct{ model.ScriptResult }

func (b broken) Script(context.Context, string) (model.ScriptResult, error) {
	return b.ScriptResult, nil
}
func (broken) PutFiles(context.Context, string, fs.FS) error { return nil }

func TestBrokenMachine(t *testing.T) {
	l := load(t, map[string]string{"index.json": `{"details": {"intro": {"foreground": "f.sh"}}}`, "f.sh": "x"})
	for want, r := range map[string]model.ScriptResult{"no space": {Code: 1, Output: "no space\n"}, "in time": {Late: true, Code: -1}} {
		if _, err := Step(t.Context(), broken{r}, l, 1); !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
}
