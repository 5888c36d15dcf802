// Package metrics has no code: it is what Prometheus and Grafana are given for what /metrics has,
// and the tests that hold that against Prometheus' own reading.
package metrics
