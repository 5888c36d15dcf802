package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Spec is a check as an author writes it. Exactly one of Object, Traffic and Trace
// is set.
type Spec struct {
	// Title says what is to be so, in a few words.
	Title   string   `yaml:"title"`
	Object  *Object  `yaml:"object"`
	Traffic *Traffic `yaml:"traffic"`
	Trace   *Trace   `yaml:"trace"`
}

// A Cluster is what checks look at. *engine.Session is one.
type Cluster interface {
	// Objects lists what the API has; of one that is named and not there, nothing.
	Objects(ctx context.Context, q model.ObjectQuery) ([]map[string]any, error)
	Request(ctx context.Context, r model.Request) (model.RequestResult, error)
	Graph() model.Graph
	// Asked are the recent journeys, oldest first, without those of Unasked requests.
	Asked() []model.Journey
}

// A Check is a Spec that was understood. It may be run from several goroutines.
type Check struct {
	title string
	kind  string
	look  func(ctx context.Context, c Cluster) (saw string, err error)
}

// within bounds one look: a request that nobody answers takes its time.
const within = 20 * time.Second

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
	use := func(kind string, look func(context.Context, Cluster) (string, error), wrong []FieldError) {
		given++
		c.kind, c.look = kind, look
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
	if given != 1 {
		errs = append(errs, FieldError{nil, "a check must have one of object, traffic and trace"})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// Title says what is to be so, in a few words.
func (c *Check) Title() string { return c.title }

// Traffic reports whether running the check sends packets.
func (c *Check) Traffic() bool { return c.kind == "traffic" }

// Run looks whether it is so.
func (c *Check) Run(ctx context.Context, cluster Cluster) model.CheckResult {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r := model.CheckResult{Title: c.title, Kind: c.kind}
	saw, err := c.look(ctx, cluster)
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
