package check

import "context"

// A Trace is a condition on the journeys that were captured lately, as `journeys`,
// oldest first. Those of checks are not among them: a check must not pass by what
// another one sent.
type Trace struct {
	That string `yaml:"that"`
	Saw  string `yaml:"saw"`
}

func (t *Trace) compile(e *Environment) (func(context.Context, Cluster) (string, error), []FieldError) {
	condition, errs := e.compile("journeys", t.That, t.Saw)
	return func(ctx context.Context, c Cluster) (string, error) {
		return condition.holds(ctx, c.Asked())
	}, errs
}
