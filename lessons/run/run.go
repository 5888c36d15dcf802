// Package run does a lesson as a learner would who knows how: it finds each step not
// done, does what the step's solution says, or what its text offers to run, and waits until the step's checks pass.
// What an author got wrong comes out here, before a learner meets it.
//
// It must not know how sessions are made, nor how kubectl is run.
package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/begin"
	"github.com/podhop/podhop/lessons/check"
)

// A Cluster is a session that belongs to the run alone. *engine.Session is one.
type Cluster interface {
	check.Cluster
	begin.Machine
	Apply(ctx context.Context, paste []byte) ([]model.ApplyResult, error)
	// HomeFiles says which files the home on the learner's machine begins with.
	HomeFiles(files map[string]string)
}

// patience is how long a step's checks are given to pass: pods start in it, images
// are there already.
const patience = 90 * time.Second

// again is how long is waited between two looks at checks that do not pass.
const again = 200 * time.Millisecond

// resend is after how many looks what a solution sends is sent again.
const resend = 10

// Lesson does a lesson in a cluster that was made with its options. The error names the
// step.
func Lesson(ctx context.Context, l lessons.Lesson, c Cluster) error {
	c.HomeFiles(l.Manifests())
	if start := l.StartYAML(); len(start) > 0 {
		if err := apply(ctx, c, start); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if err := begin.Lesson(ctx, c, l, portsNowhere); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for i, step := range l.Steps {
		err := begun(ctx, l, i+1, c)
		if err == nil {
			err = one(ctx, step, c)
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, step.Title, err)
		}
	}
	return nil
}

// portsNowhere is where scripts are told that the session's ports are: no browser looks.
const portsNowhere = "http://localhost/port/host1/PORT/"

// begun begins a step, and waits for its scripts.
func begun(ctx context.Context, l lessons.Lesson, n int, c Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := begin.Step(ctx, c, l, n)
	if err != nil {
		return err
	}
	if err := begin.Wait(ctx, c, l, n); err != nil {
		return err
	}
	if b.Run == "" {
		return nil
	}
	if r, err := c.Script(ctx, b.Run); err != nil || r.Late {
		return errors.Join(err, errors.New("the foreground script does not end"))
	}
	return nil
}

func one(ctx context.Context, step lessons.Step, c Cluster) error {
	if len(step.Checks) == 0 {
		return nil
	}
	began := time.Now()
	if open := look(ctx, step, c, began); len(open) == 0 {
		return errors.New("its checks pass before anything was done")
	}
	if err := solve(ctx, step, c); err != nil {
		return err
	}
	end := time.Now().Add(patience)
	for looks := 1; ; looks++ {
		open := look(ctx, step, c, began)
		if len(open) == 0 {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("after the solution %s", strings.Join(open, "; "))
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
		if looks%resend == 0 { // what was asked too early is asked again, as learners do
			for _, a := range step.Solution {
				if a.Send != nil {
					if err := send(ctx, *a.Send, c); err != nil {
						return err
					}
				}
			}
		}
	}
}

// solve does what the solution says. A step without one is done by running what its text
// offers to run; whether each of its commands succeeds is nobody's concern.
func solve(ctx context.Context, step lessons.Step, c Cluster) error {
	for _, a := range step.Solution {
		if err := do(ctx, a, c); err != nil {
			return err
		}
	}
	if len(step.Solution) > 0 {
		return nil
	}
	for _, command := range step.Commands {
		if _, err := typed(ctx, c, command); err != nil {
			return err
		}
	}
	return nil
}

// look returns what does not pass, and what was seen instead. It stops at the first,
// because requests that nobody answers take long.
func look(ctx context.Context, step lessons.Step, c Cluster, began time.Time) (open []string) {
	for _, each := range step.Checks {
		if r := each.Run(ctx, c, began); !r.Passed {
			return []string{fmt.Sprintf("%q does not pass: %s", r.Title, r.Saw)}
		}
	}
	return nil
}

func do(ctx context.Context, a lessons.Action, c Cluster) error {
	switch {
	case a.Apply != nil:
		if err := apply(ctx, c, []byte(a.Apply.Text)); err != nil {
			return fmt.Errorf("%s: %w", a.Apply.Name, err)
		}
	case a.Send != nil:
		return send(ctx, *a.Send, c)
	default:
		r, err := typed(ctx, c, a.Run)
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("%s: code %d: %s", a.Run, r.Code, strings.TrimSpace(r.Output))
		}
		return err
	}
	return nil
}

// typed is what the terminal does, with the aliases that it has.
func typed(ctx context.Context, c Cluster, command string) (model.ScriptResult, error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.Script(within, "shopt -s expand_aliases; alias k=kubectl\n"+command)
	if err != nil {
		return r, fmt.Errorf("%s: %w", command, err)
	}
	if r.Late {
		return r, fmt.Errorf("%s: it did not end within %v", command, patience)
	}
	return r, nil
}

// apply is what the editor does. The API's objections end it, unless the lesson wants
// them: a manifest whose first line is "# refused" must be.
func apply(ctx context.Context, c Cluster, paste []byte) error {
	results, err := c.Apply(ctx, paste)
	if err != nil {
		return err
	}
	refused := ""
	for _, r := range results {
		if len(r.Errors) > 0 {
			refused = fmt.Sprintf("line %d: %s", r.Errors[0].Line, r.Errors[0].Message)
			break
		}
	}
	switch wanted := strings.HasPrefix(string(paste), "# refused"); {
	case refused != "" && !wanted:
		return errors.New(refused)
	case refused == "" && wanted:
		return errors.New("it was taken, but says that it is refused")
	}
	return nil
}

// send is what the send bar does, once its target has an address and can be asked.
func send(ctx context.Context, s lessons.Send, c Cluster) error {
	end := time.Now().Add(patience)
	for {
		to, why := check.Address(c.Graph(), s.To)
		if why == "" {
			result, err := c.Request(ctx, model.Request{From: s.From, To: to, Count: s.Count})
			if err != nil {
				why = err.Error()
			} else if i := slices.IndexFunc(result.Answers, func(a model.Answer) bool { return a.Outcome == "error" }); i >= 0 {
				why = result.Answers[i].Error // names are not served at once
			} else {
				return nil
			}
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("send from %s to %s: %s", s.From, s.To, why)
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}
