package server

import "github.com/prometheus/client_golang/prometheus"

// gauges are of what there is when they are read.
type gauges struct{ server *Server }

var (
	gaugeParked  = prometheus.NewDesc("podhop_sessions_parked", "Sessions that are kept, and open when they are asked for.", nil, nil)
	gaugeMemory  = prometheus.NewDesc("podhop_sessions_memory_bytes", "Memory of all sessions' containers, and what they wrote.", nil, nil)
	gaugeJournal = prometheus.NewDesc("podhop_journal_bytes", "Size of the journals of the sessions that are open, where they are files.", nil, nil)
	gaugeQueue   = prometheus.NewDesc("podhop_queue_length", "Those who wait until there is room for a session.", nil, nil)
	gaugeClasses = prometheus.NewDesc("podhop_classes", "Classes that go on, of all servers that share them.", nil, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{gaugeParked, gaugeMemory, gaugeJournal, gaugeQueue, gaugeClasses} {
		to <- d
	}
}

// Collect implements prometheus.Collector. Without an Operator nobody knows of sessions.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	tell(gaugeClasses, float64(g.server.classes.Going()))
	if g.server.cfg.Operator == nil {
		return
	}
	var parked int
	var memory, journal int64
	for _, s := range g.server.cfg.Operator.Overview() {
		if s.State == "parked" {
			parked++
		}
		memory += s.Memory
		journal += s.Journal
	}
	tell(gaugeParked, float64(parked))
	tell(gaugeMemory, float64(memory))
	tell(gaugeJournal, float64(journal))
	tell(gaugeQueue, float64(len(g.server.queue.List())))
}
