package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Spec is a check as an author writes it. Exactly one of Object, Traffic, Trace and
// Script is set.
type Spec struct {
	// Title says what is to be so, in a few words.
	Title   string   `yaml:"title"`
	Object  *Object  `yaml:"object"`
	Traffic *Traffic `yaml:"traffic"`
	Trace   *Trace   `yaml:"trace"`
	Script  *Script  `yaml:"script"`
}

// A Cluster is what checks look at. *engine.Session is one.
type Cluster interface {
	// Objects lists what the API has; of one that is named and not there, nothing.
	Objects(ctx context.Context, q model.ObjectQuery) ([]map[string]any, error)
	Request(ctx context.Context, r model.Request) (model.RequestResult, error)
	Graph() model.Graph
	// Asked are the recent journeys of packets sent since then, oldest first, without
	// those of Unasked requests.
	Asked(since time.Time) []model.Journey
	// Script runs text by bash on the learner's machine, until it ends or ctx does, which
	// kills it.
	Script(ctx context.Context, text string) (model.ScriptResult, error)
}

// A look finds out whether something is so of a cluster, by what has been since the step
// was begun where that matters. It fails with errNot, and what it saw, if it is not.
type look func(ctx context.Context, c Cluster, since time.Time) (saw string, err error)

// A Check is a Spec that was understood. It may be run from several goroutines.
type Check struct {
	title string
	kind  string
	look  look
}

// within bounds one look: scripts bound themselves by less, and of attempts that nobody
// answers, each takes its time.
const within = 70 * time.Second

// errNot is what a look returns that found things otherwise; it has said how.
var errNot = errors.New("not so")

// A FieldError is a mistake in a Spec.
type FieldError struct {
	// Path leads to the field, by names: "object", "that".
	Path   []any
	Detail string
}

// Compile understands a Spec, or says all that is wrong with it.
func (s *Spec) Compile(e *Environment) (*Check, []FieldError) {
	c := &Check{title: s.Title}
	var errs []FieldError
	if s.Title == "" {
		errs = append(errs, FieldError{nil, "a check must have a title"})
	}
	given := 0
	use := func(kind string, l look, wrong []FieldError) {
		given++
		c.kind, c.look = kind, l
		for _, w := range wrong {
			errs = append(errs, FieldError{append([]any{kind}, w.Path...), w.Detail})
		}
	}
	if s.Object != nil {
		look, wrong := s.Object.compile(e)
		use("object", look, wrong)
	}
	if s.Traffic != nil {
		look, wrong := s.Traffic.compile(e)
		use("traffic", look, wrong)
	}
	if s.Trace != nil {
		look, wrong := s.Trace.compile(e)
		use("trace", look, wrong)
	}
	if s.Script != nil {
		look, wrong := s.Script.compile()
		use("script", look, wrong)
	}
	if given != 1 {
		errs = append(errs, FieldError{nil, "a check must have one of object, traffic, trace and script"})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// Title says what is to be so, in a few words.
func (c *Check) Title() string { return c.title }

// Kind is object, traffic, trace or script.
func (c *Check) Kind() string { return c.kind }

// Quiet reports whether running the check only looks: others send packets, or run
// programs.
func (c *Check) Quiet() bool { return c.kind == "object" || c.kind == "trace" }

// Run looks whether it is so. Packets count from since on, the time at which the step was
// begun: what an earlier step asked for must not do for this one.
func (c *Check) Run(ctx context.Context, cluster Cluster, since time.Time) model.CheckResult {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r := model.CheckResult{Title: c.title, Kind: c.kind}
	saw, err := c.look(ctx, cluster, since)
	switch {
	case err == nil:
		r.Passed = true
	case errors.Is(err, errNot):
		r.Saw = saw
	default:
		r.Saw = fmt.Sprintf("It could not be looked at: %v.", err)
	}
	return r
}
