package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/podhop/podhop/engine/model"
)

// metrics are ours alone: Kubernetes' components register theirs globally, and a
// thousand of their series say nothing about Podhop.
type metrics struct {
	handler   http.Handler
	registry  *prometheus.Registry
	opened    prometheus.Histogram
	viewers   prometheus.Gauge
	messages  prometheus.Counter
	lost      prometheus.Counter
	documents *prometheus.CounterVec
	requests  *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	openings  prometheus.Gauge
	begun     time.Time
	breaches  *prometheus.CounterVec
}

func newMetrics(engine Engine, version string) *metrics {
	registry := prometheus.NewRegistry()
	m := &metrics{
		opened: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "podhop_session_open_seconds",
			Help: "How long opening a session took.", Buckets: []float64{.02, .05, .1, .15, .2, .3, .5, 1, 2, 5}}),
		breaches: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "podhop_rule_breaches_total",
			Help: "Containers that were stopped, by the rule that they broke."}, []string{"rule"}),
		viewers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "podhop_viewers", Help: "Streams that are open."}),
		messages: prometheus.NewCounter(prometheus.CounterOpts{Name: "podhop_stream_messages_total",
			Help: "Messages sent to viewers."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "podhop_stream_lost_total",
			Help: "Losses that viewers were told of: journeys they were too slow for, and records the capture lost."}),
		documents: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "podhop_applied_documents_total",
			Help: "Documents of pastes, by what became of them."}, []string{"action"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "podhop_http_request_seconds",
			Help: "How long requests took, without streams.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10}}, []string{"method", "route", "code"}),
	}
	m.begun = time.Now()
	m.openings = prometheus.NewGauge(prometheus.GaugeOpts{Name: "podhop_sessions_opening", Help: "Sessions that are being opened now."})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "podhop_session_open_failures_total",
		Help: "Sessions that were not opened, by why: the type of the problem that was answered."}, []string{"reason"})
	sessions := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "podhop_sessions", Help: "Sessions that are open."},
		func() float64 { return float64(engine.Sessions()) })
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "podhop_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": version}}, func() float64 { return 1 })
	registry.MustRegister(sessions, build, m.opened, m.viewers, m.messages, m.lost, m.documents, m.requests, m.openings, m.failures, m.breaches,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry = registry
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// opening starts a session's opening; the function that it returns ends it.
func (m *metrics) opening() func() {
	start := time.Now()
	m.openings.Inc()
	return func() {
		m.openings.Dec()
		m.opened.Observe(time.Since(start).Seconds())
	}
}

// failed counts a session that was not opened.
func (m *metrics) failed(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	reason := strings.TrimPrefix(problemOf(err).Type, "urn:podhop:problem:")
	m.failures.WithLabelValues(cmp.Or(reason, "error")).Inc()
}

// checks are gauges of what must be so for a server to be ready, asked when they are read.
type checks struct{ server *Server }

var healthy = prometheus.NewDesc("podhop_ready", "Whether a check of /readyz passes, by its name.", []string{"check"}, nil)

func (checks) Describe(to chan<- *prometheus.Desc) { to <- healthy }

func (c checks) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	for _, check := range c.server.readiness() {
		value, degraded := 1.0, new(Degraded)
		if err := check.Check(ctx); err != nil && !errors.As(err, &degraded) {
			value = 0
		}
		to <- prometheus.MustNewConstMetric(healthy, prometheus.GaugeValue, value, check.Name)
	}
}

func (m *metrics) watching() func() {
	m.viewers.Inc()
	return m.viewers.Dec
}

func (m *metrics) sent(messages int)      { m.messages.Add(float64(messages)) }
func (m *metrics) lostTo(journeys uint64) { m.lost.Add(float64(journeys)) }

func (m *metrics) applied(results []model.ApplyResult) {
	for _, r := range results {
		action := r.Action
		if len(r.Errors) > 0 {
			action = "failed"
		}
		m.documents.WithLabelValues(action).Inc()
	}
}

// measure measures requests by route, not by path: paths have no end.
func (s *Server) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		if r.Header.Get("Upgrade") != "" {
			s.streams.Add(1)
			defer s.streams.Done()
			next.ServeHTTP(w, r) // as long as its viewer watches, and it must be hijacked
			s.access(r, http.StatusSwitchingProtocols, start)
			return
		}
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(wrapped, r)
		took := time.Since(start)
		method := r.Method
		if wrapped.Status() == http.StatusMethodNotAllowed {
			method = "other" // methods have no end either
		}
		s.metrics.requests.WithLabelValues(method, routeOf(r, wrapped.Status()), strconv.Itoa(wrapped.Status())).Observe(took.Seconds())
		s.access(r, wrapped.Status(), start)
	})
}
