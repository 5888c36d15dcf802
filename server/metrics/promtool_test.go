package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func decode(t *testing.T, file string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Prometheus' own evaluation has each alert fire on series that are made for it, and none on those
// of a server that is well.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yaml")
	promtool(t, "test", "rules", "testdata/alerts.yaml")

	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	decode(t, "alerts.yaml", yaml.Unmarshal, &rules)
	var tried struct {
		Tests []struct {
			Cases []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decode(t, "testdata/alerts.yaml", yaml.Unmarshal, &tried)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tried.Tests {
		for _, c := range test.Cases {
			if len(c.Fires) > 0 {
				fires[c.Alert] = true
			} else {
				quiet[c.Alert] = true
			}
		}
	}
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: that it fires is tried %v, that it does not %v", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
		}
	}
	if n < 6 {
		t.Errorf("there are only %d alerts", n)
	}
}

// What the dashboard asks is what Prometheus can read.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	decode(t, "dashboard.json", json.Unmarshal, &dashboard)
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var asked []rule
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked = append(asked, rule{fmt.Sprintf("asked:%d", len(asked)), strings.ReplaceAll(target.Expr, "$job", ".+")})
		}
	}
	if len(asked) < 20 {
		t.Errorf("it asks for %d alone", len(asked))
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "asked", "rules": asked}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "asked.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
