package e2e

import (
	"testing"

	"github.com/podhop/podhop/engine/model"
)

// TestWorkloads has each kind of workload do what it does on a real cluster. What it
// waits for it waits for side by side: in one session what leaves its nodes alone, and one
// after the other in a second what does not.
func TestWorkloads(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x, nodes := s.open(), s.openWith(model.SessionOptions{Nodes: 2})

	checkFailed(t, x)
	for name, check := range map[string]func(*testing.T, *namespace){
		"surge":       func(t *testing.T, n *namespace) { checkRolling(t, n, "maxSurge: 1, maxUnavailable: 0", 4, 3) },
		"unavailable": func(t *testing.T, n *namespace) { checkRolling(t, n, "maxSurge: 0, maxUnavailable: 1", 3, 2) },
		"revisions":   checkRevisions,
		"jobs":        checkJobs,
		"sets":        checkSets,
		"places":      checkPlaces,
	} {
		x.parallel(t, name, func(t *testing.T, x *session) { check(t, x.fresh(name)) })
	}
	nodes.parallel(t, "nodes", func(t *testing.T, x *session) {
		x.run(t, "preemption", func(t *testing.T, x *session) { checkPreemption(t, x.fresh("preemption")) })
		x.run(t, "budget", func(t *testing.T, x *session) { checkBudget(t, x.fresh("budget")) })
		x.run(t, "node failure", func(t *testing.T, x *session) { checkNodeFailure(t, x.fresh("node-failure")) })
	})
}
