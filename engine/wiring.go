package engine

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/topology"
)

// A joint is how one pod is joined to the network.
type joint struct {
	steps []string
	cni   *model.CNI
}

// joined adds to what the topology is told how pods and nodes are joined.
func (s *Session) joined(n topology.Network) topology.Network {
	n.Wiring, n.CNI = s.pods.joints()
	for _, node := range s.nodes.list() {
		n.Wiring[network.NodeVertex(node.Name)] = s.network.NodeWiring(node.Name)
	}
	return n
}

// joints are those of all pods, by vertex. What the network says of a pod is
// remembered, because the graph is built often, until the network is set anew.
func (p *pods) joints() (wiring map[string][]string, calls map[string]*model.CNI) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wiring, calls = map[string][]string{}, map[string]*model.CNI{}
	for id, s := range p.sandboxes {
		if !s.joined() {
			continue
		}
		j, ok := p.known[id]
		if !ok {
			j = joint{p.network.Wiring(id), callOf(p.network.CNI(id))}
			p.known[id] = j
		}
		v := network.PodVertex(s.name)
		wiring[v], calls[v] = j.steps, j.cni
	}
	for id := range p.known {
		if _, ok := p.sandboxes[id]; !ok {
			delete(p.known, id)
		}
	}
	return wiring, calls
}

func callOf(a network.Add, ok bool) *model.CNI {
	if !ok {
		return nil
	}
	c := &model.CNI{Plugin: a.Plugin, Config: indented(a.Config), Result: indented(a.Result)}
	for name, value := range a.Env {
		c.Args = append(c.Args, name+"="+value)
	}
	slices.Sort(c.Args)
	return c
}

func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}
