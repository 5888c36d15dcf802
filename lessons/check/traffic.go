package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Traffic is a condition on what a sender gets that asks now.
type Traffic struct {
	// From is client, node/NAME or pod/NAMESPACE/NAME.
	From string `yaml:"from"`
	// To is a URL or host:port, or pod/NAMESPACE/NAME or service/NAMESPACE/NAME, with
	// :PORT where it is not the first one that it has.
	To     string `yaml:"to"`
	Method string `yaml:"method"` // GET if empty
	Count  int    `yaml:"count"`  // 1 if 0
	// Expect is what every attempt must come to: answered, refused, unreachable,
	// timeout or error.
	Expect string `yaml:"expect"`
	// Status is what HTTP must answer; 0 for any.
	Status int `yaml:"status"`
	// Within is how long each attempt may take: 5s, or 3s where a time-out is expected.
	Within time.Duration `yaml:"within"`
	// That, where it is set, must be true of `answers` too; Saw says what is so instead.
	That string `yaml:"that"`
	Saw  string `yaml:"saw"`
}

const (
	// longest is how long an attempt may take at all, as package traffic has it.
	longest = 5 * time.Second
	// silence is how long one must go without an answer to be taken for timed out: a
	// SYN is sent a second time after 1 s.
	silence = 3 * time.Second
)

// outcomes are model.Answer's.
var outcomes = []string{"answered", "refused", "unreachable", "timeout", "error"}

func (t *Traffic) compile(e *Environment) (look, []FieldError) {
	var errs []FieldError
	if t.From == "" {
		errs = append(errs, FieldError{[]any{"from"}, "must be set"})
	}
	if t.To == "" {
		errs = append(errs, FieldError{[]any{"to"}, "must be set"})
	}
	if !slices.Contains(outcomes, t.Expect) {
		errs = append(errs, FieldError{[]any{"expect"}, "must be one of " + strings.Join(outcomes, ", ")})
	}
	if t.Count < 0 || t.Count > 20 {
		errs = append(errs, FieldError{[]any{"count"}, "must be between 1 and 20"})
	}
	if t.Within < 0 || t.Within > longest || t.Within > 0 && t.Within < time.Second {
		errs = append(errs, FieldError{[]any{"within"}, "must be between 1s and 5s"})
	}
	var also *condition
	if t.That != "" || t.Saw != "" {
		var wrong []FieldError
		also, wrong = e.compile("answers", t.That, t.Saw)
		errs = append(errs, wrong...)
	}
	within := t.Within
	if within == 0 && t.Expect == "timeout" {
		within = silence
	}
	return func(ctx context.Context, c Cluster, _ time.Time) (string, error) {
		to, why := Address(c.Graph(), t.To)
		if why != "" {
			return why, errNot
		}
		result, err := c.Request(ctx, model.Request{From: t.From, To: to, Method: t.Method, Count: t.Count, Unasked: true, Within: within})
		if errors.Is(err, model.ErrInvalid) || errors.Is(err, model.ErrNotFound) {
			return fmt.Sprintf("It could not be sent: %v.", err), errNot
		} else if err != nil {
			return "", err
		}
		if len(result.Answers) == 0 {
			return "Nothing was sent.", errNot
		}
		for _, a := range result.Answers {
			if a.Outcome != t.Expect || t.Status != 0 && a.Status != t.Status {
				return fmt.Sprintf("%s asked %s: %s.", t.From, to, told(a)), errNot
			}
		}
		if also == nil {
			return "", nil
		}
		return also.holds(ctx, result.Answers)
	}, errs
}

// told is what became of an attempt, in words.
func told(a model.Answer) string {
	switch {
	case a.Status != 0:
		return fmt.Sprintf("it was answered with status %d", a.Status)
	case a.Outcome == "answered":
		return "it was answered"
	case a.Error != "":
		return fmt.Sprintf("%s (%s)", a.Outcome, strings.TrimSuffix(a.Error, "."))
	}
	return a.Outcome
}

// Address is where a target of the map (pod/NAMESPACE/NAME, service/NAMESPACE/NAME, with
// :PORT or without) is to be asked, or why it cannot be. Any other target is itself.
func Address(g model.Graph, to string) (url, why string) {
	kind, _, _ := strings.Cut(to, "/")
	if kind != "pod" && kind != "service" || strings.Contains(to, "://") {
		return to, ""
	}
	id, port, _ := strings.Cut(to, ":")
	i := slices.IndexFunc(g.Vertices, func(v model.Vertex) bool { return v.ID == id })
	if i < 0 {
		return "", fmt.Sprintf("There is no %s.", id)
	}
	v := g.Vertices[i]
	if len(v.IPs) == 0 {
		return "", fmt.Sprintf("%s has no address yet.", id)
	}
	if port == "" {
		port = "80"
		if len(v.Ports) > 0 {
			port = strconv.Itoa(v.Ports[0].Port)
		}
	}
	return "http://" + net.JoinHostPort(v.IPs[0], port), ""
}
