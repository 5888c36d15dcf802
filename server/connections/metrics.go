package connections

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	opened  = prometheus.NewDesc("podhop_connections", "Connections that clients have with the page and the Kubernetes API.", nil, nil)
	refused = prometheus.NewDesc("podhop_connections_refused_total", "Connections that were refused, by why: all, there were too many; address, too many from one; often, one opened them too fast.", []string{"reason"}, nil)
)

// Describe implements prometheus.Collector.
func (l *Limit) Describe(to chan<- *prometheus.Desc) {
	to <- opened
	to <- refused
}

// Collect implements prometheus.Collector.
func (l *Limit) Collect(to chan<- prometheus.Metric) {
	l.mu.Lock()
	open, why := l.open, maps.Clone(l.refused)
	l.mu.Unlock()
	to <- prometheus.MustNewConstMetric(opened, prometheus.GaugeValue, float64(open))
	for reason, n := range why {
		to <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(n), reason)
	}
}
