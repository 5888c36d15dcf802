package trace

import (
	"log/slog"
	"sync"

	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/explain"
	"github.com/podhop/podhop/engine/trace/join"
)

// maxFormer bounds how many rules that are gone are remembered of a node.
const maxFormer = 4096

// rules keeps the nodes' rules as text. They are listed when a packet has to be
// explained and the kernel's generation number has changed since. Rules that went
// in between are remembered: handles are not used again in a table.
type rules struct {
	log *slog.Logger

	mu    sync.Mutex
	nodes map[string]*nodeRules
}

// A nodeRules is one node's rules. Whoever changes it holds rules.mu.
type nodeRules struct {
	capture    *capture.Capture
	generation uint32
	current    *explain.Ruleset
	former     map[formerKey]*explain.Rule
}

type formerKey struct {
	family, table string
	handle        uint64
}

func newRules(log *slog.Logger) *rules {
	return &rules{log: log, nodes: map[string]*nodeRules{}}
}

func (r *rules) add(node string, c *capture.Capture) {
	n := &nodeRules{capture: c, former: map[formerKey]*explain.Rule{}}
	// Now, so that the rules of the first packets are known even if they change.
	r.load(node, n)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[node] = n
}

// remove keeps the rules: packets captured before are still to be explained.
func (r *rules) remove(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[node]; n != nil {
		n.capture = nil
	}
}

// fresh lists the rules again of those nodes where rules saw one of the ways,
// and changed since.
func (r *rules) fresh(ways []join.Way) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := map[string]bool{}
	for i := range ways {
		for k := range ways[i].Steps {
			e := ways[i].Steps[k].Evaluation
			if e == nil || asked[e.Namespace] {
				continue
			}
			asked[e.Namespace] = true
			if n := r.nodes[e.Namespace]; n != nil {
				r.load(e.Namespace, n)
			}
		}
	}
}

// changed lists a node's rules again if it is captured and they did change.
func (r *rules) changed(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[node]; n != nil {
		r.load(node, n)
	}
}

func (r *rules) load(node string, n *nodeRules) {
	if n.capture == nil {
		return
	}
	generation, err := n.capture.Generation()
	if err != nil {
		r.log.Warn("rules' generation is not known", "node", node, "error", err)
		return
	}
	if generation == n.generation && n.current != nil {
		return
	}
	text, err := n.capture.List()
	if err != nil {
		r.log.Warn("rules could not be listed", "node", node, "error", err)
		return
	}
	n.remember()
	n.current, n.generation = explain.ParseRuleset(text), generation
}

// remember keeps the current rules, which are about to be replaced.
func (n *nodeRules) remember() {
	if n.current == nil {
		return
	}
	if len(n.former) > maxFormer {
		clear(n.former)
	}
	for _, t := range n.current.Tables {
		for handle, rule := range t.Rules {
			n.former[formerKey{t.Family, t.Name, handle}] = rule
		}
	}
}

// Ruleset implements explain.Rules.
func (r *rules) Ruleset(namespace string) *explain.Ruleset {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[namespace]; n != nil {
		return n.current
	}
	return nil
}

// Rule implements explain.Rules.
func (r *rules) Rule(namespace, family, table string, handle uint64) *explain.Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[namespace]
	if n == nil {
		return nil
	}
	if t := n.current.Table(family, table); t != nil {
		if rule := t.Rules[handle]; rule != nil {
			return rule
		}
	}
	return n.former[formerKey{family, table, handle}]
}
