package command

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podhop/podhop/engine"
)

// The gauges of an engine are those that the dashboard's test, which has none, stands in for.
func TestGauges(t *testing.T) {
	var got []string
	for _, c := range gauges(&engine.Config{}, nil) {
		described := make(chan *prometheus.Desc, 8)
		c.Describe(described)
		close(described)
		for d := range described {
			got = append(got, d.String())
		}
	}
	const want = "podhop_sessions_max podhop_data_free_bytes podhop_journeys_total podhop_journal_errors_total"
	for i, name := range strings.Fields(want) {
		if len(got) != 4 || !strings.Contains(got[min(i, len(got)-1)], `"`+name+`"`) {
			t.Errorf("there are %s, want %s", got, want)
		}
	}
}
