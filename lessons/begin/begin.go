// Package begin prepares the learner's machine for a lesson and for each of its steps:
// it puts the lesson's files there, and runs the scripts that a step begins with.
//
// It must not know where the machine is, nor who typed what on it. That a step was begun
// is remembered on the machine, so that it lasts as long as what was done there.
package begin

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

// A Machine is the learner's. *engine.Session has one.
type Machine interface {
	Script(ctx context.Context, text string) (model.ScriptResult, error)
	PutFiles(ctx context.Context, folder string, files fs.FS) error
}

const (
	// folder is where on the machine, below the home, a lesson has its own things.
	folder = ".lessons/"
	// Logs is where scenarios of Killercoda look for what their scripts wrote.
	Logs = "/var/log/killercoda"
	// bound is how long a background script may run.
	bound = time.Hour
	// quick is how long what we run ourselves may take.
	quick = 30 * time.Second
	// before is the code that says that a step was begun already.
	before = 75
)

// ErrMachine is what the machine did otherwise than it should.
var ErrMachine = errors.New("the learner's machine could not be prepared")

// Lesson puts a lesson's files where they belong. ports is the address of a port of the
// session with PORT in the place of its number, for scripts that tell learners where to look:
// Killercoda has it in /etc/killercoda/host.
func Lesson(ctx context.Context, m Machine, l lessons.Lesson, ports string) error {
	if !machined(l) {
		return nil
	}
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\nmkdir -p %s /etc/killercoda\nprintf '%%s\\n' %s >/etc/killercoda/host\n", Logs, quote(ports))
	for i, to := range l.Folders() {
		files, err := l.AssetsOf(to)
		if err != nil {
			return err
		}
		staged := fmt.Sprintf("%s%s/assets/%d", folder, l.Slug, i)
		if err := m.PutFiles(ctx, staged, files); err != nil {
			return err
		}
		target := quote(to)
		if rest, home := strings.CutPrefix(to, "~"); home {
			target = `"$HOME"` + quote(rest)
		}
		fmt.Fprintf(&script, "mkdir -p -- %s\ncp -R \"$HOME\"/%s/. %s\nrm -rf \"$HOME\"/%s\n", target, staged, target, staged)
		for _, a := range l.Assets {
			if a.Folder == to && a.Mode != 0o644 && a.Mode != 0o755 {
				fmt.Fprintf(&script, "chmod %o -- %s/%s\n", a.Mode, target, quote(a.Name))
			}
		}
	}
	return run(ctx, m, script.String())
}

// machined reports whether a lesson has anything to do with the machine.
func machined(l lessons.Lesson) bool {
	if len(l.Assets) > 0 {
		return true
	}
	for _, s := range l.Steps {
		if s.Foreground != "" || s.Background != "" {
			return true
		}
	}
	return false
}

// Step begins step n (from 1), if it was not begun before: it starts the background
// script, and answers the command that runs the foreground script in the learner's
// shell; empty if there is none.
func Step(ctx context.Context, m Machine, l lessons.Lesson, n int) (b model.StepBegun, err error) {
	step := l.Steps[n-1]
	if step.Foreground == "" && step.Background == "" {
		return b, nil
	}
	dir := fmt.Sprintf("%s%s/%d", folder, l.Slug, n)
	// A folder is made once, whoever asks at the same time.
	claim := fmt.Sprintf("mkdir -p \"$HOME\"/%s%s && { mkdir \"$HOME\"/%s 2>/dev/null || exit %d; }\n", folder, l.Slug, dir, before)
	if err := run(ctx, m, claim); err != nil {
		if errors.Is(err, errBefore) {
			return b, nil
		}
		return b, err
	}
	files, err := scripts(step)
	if err != nil {
		return b, err
	}
	if err := m.PutFiles(ctx, dir, files); err != nil {
		return b, err
	}
	if step.Background != "" {
		log := fmt.Sprintf("%s/background%d", Logs, n-1)
		start := fmt.Sprintf("mkdir -p %s\ncd\n"+
			`setsid bash -c 'timeout -k 5 %d bash "$0"/background.sh >%s_stdout 2>%s_stderr; touch "$0"/done' "$HOME"/%s </dev/null >/dev/null 2>&1 &`+"\n",
			Logs, int(bound.Seconds()), log, log, dir)
		if err := run(ctx, m, start); err != nil {
			return b, err
		}
	}
	b.Begun = true
	if step.Foreground != "" {
		b.Run = "source ~/" + dir + "/foreground.sh"
	}
	return b, nil
}

// Wait waits until a step's background script has ended.
func Wait(ctx context.Context, m Machine, l lessons.Lesson, n int) error {
	if l.Steps[n-1].Background == "" {
		return nil
	}
	r, err := m.Script(ctx, fmt.Sprintf("until [ -e \"$HOME\"/%s%s/%d/done ]; do sleep 0.1; done", folder, l.Slug, n))
	if err == nil && r.Late {
		err = errors.New("the background script does not end")
	}
	return err
}

func scripts(step lessons.Step) (fs.FS, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{"foreground.sh": step.Foreground, "background.sh": step.Background} {
		if text == "" {
			continue
		}
		w, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
}

var errBefore = errors.New("it was begun before")

func run(ctx context.Context, m Machine, text string) error {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	r, err := m.Script(ctx, text)
	switch {
	case err != nil:
		return err
	case r.Late:
		return fmt.Errorf("%w: it did not answer in time", ErrMachine)
	case r.Code == before:
		return errBefore
	case r.Code != 0:
		return fmt.Errorf("%w: %s", ErrMachine, strings.TrimSpace(r.Output))
	}
	return nil
}

// quote makes one word of a shell's of a text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
