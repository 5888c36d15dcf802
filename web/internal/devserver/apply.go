package devserver

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
)

type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Replicas  int       `yaml:"replicas"`
		Selector  yaml.Node `yaml:"selector"`
		Selectors yaml.Node `yaml:"selectors"` // no such field: its key is the line above
		Ports     []struct {
			Port int `yaml:"port"`
		} `yaml:"ports"`
	} `yaml:"spec"`
}

var line = regexp.MustCompile(`line (\d+)`)

// Apply understands the article's manifests, and two of the ways to get them wrong.
func (c *Cluster) Apply(text string) []model.ApplyResult { return c.apply(text, false) }

func (c *Cluster) apply(text string, dry bool) []model.ApplyResult {
	results := []model.ApplyResult{}
	dec := yaml.NewDecoder(strings.NewReader(text))
	for n := 1; ; n++ {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return results
		}
		r := model.ApplyResult{Document: n, Line: node.Line}
		if err != nil {
			at := 1
			if m := line.FindStringSubmatch(err.Error()); m != nil {
				at, _ = strconv.Atoi(m[1])
			}
			r.Errors = []model.ApplyError{{Line: at, Message: err.Error()}}
			return append(results, r)
		}
		var m manifest
		_ = node.Decode(&m)
		r.Object = &model.Object{Kind: m.Kind, Namespace: "default", Name: m.Metadata.Name}
		if at := m.Spec.Selectors.Line; at > 0 {
			r.Errors = []model.ApplyError{{Line: at - 1, Field: "spec.selectors", Message: `unknown field "spec.selectors"`}}
		} else if dry {
			r.Action = c.would(m)
			r.Before, r.After = c.kube.text(m.Kind, m.Metadata.Name), written(&node)
		} else {
			r.Action = c.take(m)
		}
		results = append(results, r)
	}
}

// would is what take would answer.
func (c *Cluster) would(m manifest) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.vertices[strings.ToLower(m.Kind)+"/default/"+m.Metadata.Name]; known {
		return "configured"
	}
	return "created"
}

// text is an object of a namespace default as YAML, without what the API notes; empty if
// it is not there.
func (k *Kube) text(kind, name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, known := range k.kinds {
		if o, ok := k.objects[known.key("default", name)]; ok && known.name == kind {
			o = o.copied()
			delete(o, "status")
			for _, field := range []string{"uid", "creationTimestamp", "resourceVersion", "managedFields"} {
				delete(o.meta(), field)
			}
			return written(map[string]any(o))
		}
	}
	return ""
}

// written is YAML as the API writes it, with its keys in order.
func written(v any) string {
	if node, ok := v.(*yaml.Node); ok {
		var plain any
		_ = node.Decode(&plain)
		v = plain
	}
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	_ = e.Encode(v)
	return b.String()
}

func (c *Cluster) take(m manifest) string {
	id := strings.ToLower(m.Kind) + "/default/" + m.Metadata.Name
	c.mu.Lock()
	_, known := c.vertices[id]
	c.mu.Unlock()
	var selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	flat := map[string]string{}
	_ = m.Spec.Selector.Decode(&selector)
	_ = m.Spec.Selector.Decode(&flat)
	switch {
	case m.Kind == "Service" && len(m.Spec.Ports) > 0:
		c.addService(m.Metadata.Name, flat, m.Spec.Ports[0].Port)
		if known {
			return "configured"
		}
	case known:
		return "unchanged"
	case m.Kind == "NetworkPolicy":
		c.put(model.Vertex{ID: id, Kind: "NetworkPolicy", Namespace: "default", Name: m.Metadata.Name, Status: "Ingress", Created: now()})
	case m.Kind == "Pod":
		c.addPod(m.Metadata.Name, nil, "")
	default:
		c.addWorkload(m.Metadata.Name, max(1, m.Spec.Replicas), selector.MatchLabels)
	}
	return "created"
}
