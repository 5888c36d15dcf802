package check

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/filter"
)

// A Trace is a condition on the journeys of packets sent since the step was begun, as
// `journeys`, oldest first. Those of checks are not among them: a check must not pass by
// what another one sent. The fields of model.JourneyFilter say which are meant; of none,
// that is all.
type Trace struct {
	From     string `yaml:"from"`
	To       string `yaml:"to"`
	Pod      string `yaml:"pod"`
	Service  string `yaml:"service"`
	Policy   string `yaml:"policy"`
	Node     string `yaml:"node"`
	Verdict  string `yaml:"verdict"`
	Protocol string `yaml:"protocol"`
	// That must be true; if it is empty and one of the above is set, there must be one.
	That string `yaml:"that"`
	// Saw says, where That is false, what is so instead; if both are empty, that there was none.
	Saw string `yaml:"saw"`
}

func (t *Trace) compile(e *Environment) (look, []FieldError) {
	meant := model.JourneyFilter{From: t.From, To: t.To, Pod: t.Pod, Service: t.Service, Policy: t.Policy, Node: t.Node, Verdict: t.Verdict, Protocol: t.Protocol}
	var errs []FieldError
	if _, err := filter.New(meant, model.Graph{}, time.Time{}); err != nil {
		var field *model.FieldError
		if !errors.As(err, &field) {
			return nil, []FieldError{{nil, err.Error()}}
		}
		errs = append(errs, FieldError{[]any{field.Field}, field.Detail})
	}
	that, saw := t.That, t.Saw
	if that == "" && saw == "" && meant != (model.JourneyFilter{}) {
		that, saw = "journeys.size() > 0", strconv.Quote(t.none())
	}
	condition, wrong := e.compile("journeys", that, saw)
	return func(ctx context.Context, c Cluster, since time.Time) (string, error) {
		wanted, err := filter.New(meant, c.Graph(), time.Now())
		if err != nil {
			return "", err
		}
		journeys := []model.Journey{}
		for _, j := range c.Asked(since) {
			if wanted.Matches(&j) {
				journeys = append(journeys, j)
			}
		}
		return condition.holds(ctx, journeys)
	}, append(errs, wrong...)
}

// none says that there is none of the packets that are meant.
func (t *Trace) none() string {
	var b strings.Builder
	b.WriteString("No ")
	for _, word := range []string{t.Verdict, t.Protocol} {
		if word != "" {
			b.WriteString(strings.ReplaceAll(word, ",", " or ") + " ")
		}
	}
	b.WriteString("packet")
	for _, part := range []struct{ before, names string }{
		{" from ", t.From}, {" to ", t.To}, {" that had to do with Pod ", t.Pod}, {" for Service ", t.Service},
		{" that met NetworkPolicy ", t.Policy}, {" through ", t.Node},
	} {
		if part.names != "" {
			b.WriteString(part.before + called(part.names))
		}
	}
	return b.String() + " was captured since you began this step."
}

// called is what a learner calls those that a filter names by the IDs of the map.
func called(names string) string {
	words := strings.Split(names, ",")
	for i, word := range words {
		kind, name, of := strings.Cut(strings.TrimSpace(word), "/")
		switch {
		case kind == "client":
			words[i] = "the client"
		case of && kind == "node" && name == "*":
			words[i] = "a node"
		case of && (kind == "node" || kind == "pod" || kind == "service"):
			words[i] = strings.TrimPrefix(name, "default/")
		}
	}
	return strings.Join(words, " or ")
}
