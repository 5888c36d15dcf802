package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/reload"
	"github.com/podhop/podhop/lessons/run"
)

// abreast is how many lessons are tried at once.
const abreast = 4

func lessonsCommand(ctx context.Context, env *environment, args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "test":
		return lessonsTest(ctx, env, args[1:])
	case "new":
		return lessonsNew(env, args[1:])
	}
	fmt.Fprintln(env.stderr, "podhop lessons: say test [FOLDER] or new NAME")
	return errUsage
}

// A tester tries lessons in an engine of its own.
type tester struct {
	env    *environment
	engine engine.Config
	folder string
	only   string
	mu     sync.Mutex // of what is printed
}

// lessonsTest does every lesson of a folder, by default those that come with the
// program, as its solutions say, and fails with how many did not go as written.
func lessonsTest(ctx context.Context, env *environment, args []string) error {
	t := &tester{env: env}
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		t.folder, args = args[0], args[1:]
	}
	fs := env.flags("lessons test")
	registerEngine(fs, &t.engine)
	fs.StringVar(&t.only, "only", "", "the `slug` of the one lesson to test")
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if err := completeEngine(&t.engine); err != nil {
		return err
	}
	content, err := t.content() // before there are mounts of our own, which may hide it
	if err != nil {
		return err
	}
	if !nsexec.Inside() {
		code, err := nsexec.Supervise(nsexec.SuperviseConfig{Reach: reachOf(&t.engine)})
		if err == nil && code != 0 {
			err = errors.New("not all went as written")
		}
		return err
	}
	library, errs := lessons.Load(content, formats()...)
	for _, err := range errs {
		fmt.Fprintln(env.stderr, err)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d mistakes", len(errs))
	}
	if len(library.Lessons) == 0 {
		return fmt.Errorf("%s: there is no lesson in it", t.folder)
	}
	if _, ok := library.Lesson(t.only); t.only != "" && !ok {
		return fmt.Errorf("--only %s: there is no such lesson", t.only)
	}
	t.engine.Log = slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return inside(func(world *nsexec.Environment) error {
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		t.engine.World = world
		return t.run(ctx, library)
	})
}

func (t *tester) content() (fs.FS, error) {
	if t.folder == "" {
		return lessons.Content(), nil
	}
	folder, err := reload.OpenFolder(t.folder)
	if err != nil {
		return nil, err
	}
	return folder.Root.FS(), nil
}

func (t *tester) run(ctx context.Context, library lessons.Library) error {
	if _, err := certify(&t.engine); err != nil {
		return err
	}
	eng, err := engine.New(ctx, t.engine)
	if err != nil {
		return err
	}
	defer eng.Close()
	var g errgroup.Group
	g.SetLimit(abreast)
	failed := 0
	for _, l := range library.Lessons {
		if t.only != "" && l.Slug != t.only {
			continue
		}
		g.Go(func() error {
			err := t.one(ctx, eng, l)
			t.mu.Lock()
			defer t.mu.Unlock()
			if err != nil {
				failed++
				fmt.Fprintf(t.env.stdout, "FAIL %s: %v\n", l.Slug, err)
			} else {
				fmt.Fprintf(t.env.stdout, "ok   %s\n", l.Slug)
			}
			return nil
		})
	}
	_ = g.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d lessons", failed, len(library.Lessons))
	}
	return ctx.Err()
}

// one does a lesson in a session that is watched, as a learner's is.
func (t *tester) one(ctx context.Context, eng *engine.Engine, l lessons.Lesson) (err error) {
	s, err := eng.Open(ctx, model.SessionOptions{Nodes: l.Options.Nodes, CNI: l.Options.CNI, DualStack: l.Options.DualStack})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	viewer := s.Subscribe(0)
	defer viewer.Close()
	go func() {
		for {
			if _, err := viewer.Next(ctx); err != nil {
				return
			}
		}
	}()
	return run.Lesson(ctx, l, s)
}

// lessonsNew writes a lesson of one step, which passes its test, to begin with.
func lessonsNew(env *environment, args []string) error {
	fs := env.flags("lessons new")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(env.stderr, "podhop lessons new: say the lesson's name, such as 01-my-lesson")
		return errUsage
	}
	dir, args := args[0], args[1:]
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if !lessons.ValidFolder(filepath.Base(dir)) {
		return fmt.Errorf("%s: must be a number and words of small letters, such as 01-my-lesson", filepath.Base(dir))
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	for name, text := range lessons.Beginning() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	_, err := io.WriteString(env.stdout, dir+" is a lesson. Try it: podhop lessons test "+filepath.Dir(dir)+"\n")
	return err
}
