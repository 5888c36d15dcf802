package killercoda

import (
	"fmt"
	"time"

	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/check"
)

// verify has a step's verify.sh tell whether it is done: it is if the script ends with 0.
func (s *scenario) verify(step *lessons.Step, file string, name *value) {
	if name.text == "" {
		return
	}
	_, data, ok := s.file(name.text, file, name.line)
	if !ok {
		return
	}
	spec := check.Spec{Title: "What the step asks for is done", Script: &check.Script{Run: string(data), Timeout: time.Minute}}
	c, errs := spec.Compile(nil) // scripts have no expressions
	for _, e := range errs {
		s.fail(file, name.line, fmt.Sprintf("%s: %s", quoted(name.text), e.Detail))
	}
	if c != nil {
		step.Checks = append(step.Checks, c)
	}
}
