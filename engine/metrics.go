package engine

import (
	"context"

	"github.com/podhop/podhop/engine/metrics"
	"github.com/podhop/podhop/engine/network"
)

// openMetrics has the API answer for metrics.k8s.io. Nothing is read before
// somebody asks.
func (s *Session) openMetrics(context.Context, []network.Node) error {
	m := metrics.New(metrics.Config{Nodes: s.runtimes, Logger: s.log})
	s.onClose(func() error { m.Close(); return nil })
	s.api.SetMetrics(m)
	return nil
}

// runtimes are those of the nodes that are on.
func (s *Session) runtimes() map[string]metrics.Node {
	on := map[string]metrics.Node{}
	for _, m := range s.nodes.list() {
		if p := m.power.Load(); p != nil && p.kubelet.Load() != nil { // which is set after the runtime
			on[m.Name] = p.runtime
		}
	}
	return on
}
