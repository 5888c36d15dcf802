package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/connections"
)

// Whatever the dashboard and the rules ask for is there to be asked.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, func(c *Config) {
		c.Connections = connections.New(connections.Config{})
		c.PageTLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Leaf: &x509.Certificate{DNSNames: []string{"podhop.example"}}}, nil
		}}
		// These are those who have an engine's to give; see internal/command.
		for _, name := range []string{"podhop_sessions_max", "podhop_data_free_bytes", "podhop_journeys_total", "podhop_journal_errors_total"} {
			c.Collectors = append(c.Collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: "Told."}, func() float64 { return 1 }))
		}
	})
	ask(s.Handler(), "POST /api/sessions/one/apply", "kind: Pod")
	ask(s.Handler(), "POST /api/sessions", "{}", "Content-Type: application/json")
	engine.openErr = model.ErrFull
	ask(s.Handler(), "POST /api/sessions", "{}", "Content-Type: application/json")
	s.Drain()
	if _, err := s.cfg.PageTLS.GetCertificate(new(tls.ClientHelloInfo)); err != nil {
		t.Error(err)
	}
	text := textOf(ask(s.Handler(), "GET /metrics", ""))
	for _, want := range []string{`podhop_session_open_failures_total{reason="full"} 1`, `podhop_ready{check="shutdown"} 0`, `podhop_ready{check="store"} 1`, "podhop_sessions_opening 0"} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}

	// And so is what an operator knows.
	full := newEngine("one", "two")
	s = newServer(t, full, func(c *Config) { c.Operator = someParked{&fakeOperator{engine: full, room: 1}} })
	full.openErr = model.ErrFull
	ask(s.Handler(), "POST /api/sessions", "{}", "Content-Type: application/json")
	known := textOf(ask(s.Handler(), "GET /metrics", ""))
	for _, want := range []string{"podhop_sessions_parked 1", "podhop_sessions_memory_bytes 2.097152e+06", "podhop_journal_bytes 500", "podhop_queue_length 1", "podhop_classes 0"} {
		if !strings.Contains(known, "\n"+want+"\n") {
			t.Errorf("there is no %q in\n%s", want, known)
		}
	}
	text += "\n" + known

	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	file, err := os.ReadFile("metrics/dashboard.json")
	if err == nil {
		err = json.Unmarshal(file, &dashboard)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	rules, err2 := os.ReadFile("metrics/alerts.yaml")
	if err2 == nil {
		err2 = yaml.Unmarshal(rules, &alerts)
	}
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	asked := map[string]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked[p.Title+": "+target.Expr] = target.Expr + " " + target.LegendFormat
		}
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			asked[r.Alert] = r.Expr + " " + strings.ReplaceAll(r.Annotations["summary"], "$labels.", "")
		}
	}
	if len(asked) < 20 {
		t.Errorf("only %d are asked for", len(asked))
	}
	there := labelsOf(text)
	for who, expr := range asked {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing", who)
		}
		labels := map[string]bool{"instance": true, "job": true} // Prometheus' own
		for _, n := range names {
			if there[n] == nil {
				t.Errorf("%s asks for %s, which there is not", who, n)
			}
			maps.Copy(labels, there[n])
		}
		for _, label := range labelsIn(expr) {
			if !labels[label] {
				t.Errorf("%s asks for the label %s, which %v have not", who, label, names)
			}
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(podhop|process|go)_[a-z_]+`)
	series     = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label      = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	labelLists = regexp.MustCompile(`\b(?:by|on|without|ignoring) \(([^)]*)\)|\{([^{}]*)\}`)
)

// labelsOf are the series of a scrape by their names, each with its labels.
func labelsOf(scrape string) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, s := range series.FindAllStringSubmatch(scrape, -1) {
		if all[s[1]] == nil {
			all[s[1]] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			all[s[1]][l[1]] = true
		}
	}
	return all
}

// labelsIn are those that an expression names, or a legend: {{code}}.
func labelsIn(expr string) (all []string) {
	for _, list := range labelLists.FindAllStringSubmatch(expr, -1) {
		if by := label.FindAllStringSubmatch(list[2], -1); by != nil {
			for _, l := range by {
				all = append(all, l[1])
			}
			continue
		}
		all = append(all, strings.FieldsFunc(list[1]+list[2], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return all
}

// someParked knows of a session that is parked, too.
type someParked struct{ *fakeOperator }

func (o someParked) Overview() []model.OperatorSession {
	return append(o.fakeOperator.Overview(), model.OperatorSession{ID: "three", Session: "three", State: "parked", Journal: 500})
}
