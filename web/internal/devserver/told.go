package devserver

import (
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// toldKinds are those of the map that the API has here, by their names.
var toldKinds = map[string]string{"Pod": "v1", "Service": "v1", "Node": "v1", "Deployment": "apps/v1", "ReplicaSet": "apps/v1"}

// Kube is the cluster's API.
func (c *Cluster) Kube() *Kube { return c.kube }

// tellKube makes an object of what is on the map, so that the API has it too.
func (c *Cluster) tellKube(v model.Vertex) {
	version, ok := toldKinds[v.Kind]
	if !ok {
		return
	}
	meta := object{"name": v.Name}
	if v.Namespace != "" {
		meta["namespace"] = v.Namespace
	}
	labels := object{}
	for name, value := range v.Labels {
		labels[name] = value
	}
	if len(labels) > 0 && v.Kind != "Service" {
		meta["labels"] = labels
	}
	if owner := strings.Split(v.Owner, "/"); len(owner) == 3 {
		c.mu.Lock()
		o := c.vertices[v.Owner]
		c.mu.Unlock()
		meta["ownerReferences"] = []any{object{"apiVersion": toldKinds[o.Kind], "kind": o.Kind, "name": o.Name, "controller": true,
			"uid": "uid-of-apps/" + owner[0] + "s/" + o.Namespace + "/" + o.Name}}
	}
	told := object{"apiVersion": version, "kind": v.Kind, "metadata": meta, "spec": object{}, "status": object{"phase": v.Status}}
	spec, status := told.in("spec"), told.in("status")
	switch v.Kind {
	case "Pod":
		containers := []any{}
		for _, x := range v.Containers {
			containers = append(containers, object{"name": x.Name, "image": x.Image})
		}
		spec["containers"], spec["nodeName"] = containers, strings.TrimPrefix(v.Parent, "node/")
		status["ready"], status["restarts"] = map[bool]string{true: "1/1", false: "0/1"}[v.Ready], v.Restarts
		if len(v.IPs) > 0 {
			status["podIP"] = v.IPs[0]
		}
	case "Service":
		spec["type"] = v.Status
		if len(v.IPs) > 0 {
			spec["clusterIP"] = v.IPs[0]
		}
		if len(labels) > 0 {
			spec["selector"] = labels
		}
	case "Deployment", "ReplicaSet":
		spec["replicas"], spec["selector"] = v.Want, object{"matchLabels": labels}
		status["readyReplicas"], status["availableReplicas"] = v.Have, v.Have
	}
	c.kube.mu.Lock()
	defer c.kube.mu.Unlock()
	if known, ok := c.kube.kindOf(told); ok {
		c.kube.store(known, told)
	}
}
