package lessons

import (
	"fmt"
	"path"
	"strings"
)

// sourceAction is an Action as it is written.
type sourceAction struct {
	Apply string `yaml:"apply"`
	Run   string `yaml:"run"`
	Send  *Send  `yaml:"send"`
}

// work reads what a step asks to be done: its checks, hints and solution. at finds the
// line of a field of the step in file.
func (l *loader) work(step *Step, s sourceStep, file string, at func(keys ...any) int) {
	for i := range s.Checks {
		c, errs := s.Checks[i].Compile(l.env)
		for _, e := range errs {
			keys := append([]any{"checks", i}, e.Path...)
			l.fail(file, at(keys...), "%s", strings.TrimPrefix(fmt.Sprintf("%s: %s", dotted(e.Path), e.Detail), ": "))
		}
		step.Checks = append(step.Checks, c)
	}
	for i, h := range s.Hints {
		if strings.TrimSpace(h) == "" {
			l.fail(file, at("hints", i), "a hint must say something")
		}
		step.Hints = append(step.Hints, l.markdownAt(file, at("hints", i)-1, []byte(h)))
	}
	for i, a := range s.Solution {
		step.Solution = append(step.Solution, l.action(a, file, at("solution", i)))
	}
	if len(s.Checks) > 0 && len(s.Solution) == 0 {
		l.fail(file, at("checks"), "a step with checks must have a solution")
	}
}

func (l *loader) action(a sourceAction, file string, line int) (out Action) {
	given := 0
	if a.Apply != "" {
		given++
		if text, ok := l.read(a.Apply, file, line); ok {
			l.checkManifest(a.Apply, text)
			out.Apply = &Manifest{Name: path.Base(a.Apply), Text: string(text)}
		}
	}
	if a.Run != "" {
		given++
		if out.Run = strings.TrimSpace(a.Run); strings.Contains(out.Run, "\n") {
			l.fail(file, line, "run: must be one line, as it is typed")
		}
	}
	if a.Send != nil {
		given++
		if out.Send = a.Send; !a.Send.valid() {
			l.fail(file, line, badSend)
		}
	}
	if given != 1 {
		l.fail(file, line, "a solution's action must have one of apply, run and send")
	}
	return out
}

func dotted(path []any) string {
	var words []string
	for _, p := range path {
		words = append(words, fmt.Sprint(p))
	}
	return strings.Join(words, ".")
}
