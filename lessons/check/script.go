package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/podhop/podhop/internal/printable"
)

// A Script is a condition that commands find out on the learner's machine, where they
// find what the learner made there. It holds if they end with code 0.
type Script struct {
	// Run is for bash.
	Run string `yaml:"run"`
	// Timeout is when they are killed: 10s if it is zero, at most 60s.
	Timeout time.Duration `yaml:"timeout"`
}

const (
	patience        = 10 * time.Second
	patienceAtMost  = time.Minute
	scriptLineRunes = 300
)

func (s *Script) compile() (look, []FieldError) {
	var errs []FieldError
	if strings.TrimSpace(s.Run) == "" {
		errs = append(errs, FieldError{[]any{"run"}, "must be set"})
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = patience
	}
	if timeout < time.Second || timeout > patienceAtMost {
		errs = append(errs, FieldError{[]any{"timeout"}, "must be between 1s and 60s"})
	}
	return func(ctx context.Context, c Cluster, _ time.Time) (string, error) {
		within, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		result, err := c.Script(within, s.Run)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case result.Late || within.Err() != nil:
			return fmt.Sprintf("It did not end within %v.", timeout), errNot
		case err != nil:
			return "", err
		case result.Code == 0:
			return "", nil
		}
		if said := printable.LastLine(result.Output, scriptLineRunes); said != "" {
			return said, errNot
		}
		return fmt.Sprintf("It ended with code %d, and said nothing.", result.Code), errNot
	}, errs
}
