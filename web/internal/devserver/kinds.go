package devserver

import (
	"fmt"
	"strings"
)

// A kind is what discovery and tables tell of one.
type kind struct {
	group, version, name, resource string
	namespaced                     bool
	short, categories              []string
	subresources                   []string
	columns                        []column // after the name, before the age
}

type column struct {
	name     string
	priority int
	cell     func(object) any
}

// field is a column of what is at a path in the object.
func field(name string, path ...string) column {
	return column{name: name, cell: func(o object) any {
		var at any = o
		for _, p := range path {
			switch m := at.(type) {
			case object:
				at = m[p]
			case map[string]any:
				at = m[p]
			default:
				at = nil
			}
		}
		if at == nil {
			return "<none>"
		}
		return at
	}}
}

func wide(c column) column {
	c.priority = 1
	return c
}

func count(name, path string) column {
	return column{name: name, cell: func(o object) any { return len(o.copied().in(path)) }}
}

func builtIn() []kind {
	ready := field("Ready", "status", "ready")
	return []kind{
		{version: "v1", name: "Pod", resource: "pods", namespaced: true, short: []string{"po"}, categories: []string{"all"}, subresources: []string{"log", "exec", "eviction"},
			columns: []column{ready, field("Status", "status", "phase"), field("Restarts", "status", "restarts"), wide(field("IP", "status", "podIP")), wide(field("Node", "spec", "nodeName"))}},
		{version: "v1", name: "Service", resource: "services", namespaced: true, short: []string{"svc"}, categories: []string{"all"},
			columns: []column{field("Type", "spec", "type"), field("Cluster-IP", "spec", "clusterIP")}},
		{version: "v1", name: "ConfigMap", resource: "configmaps", namespaced: true, short: []string{"cm"}, columns: []column{count("Data", "data")}},
		{version: "v1", name: "Secret", resource: "secrets", namespaced: true, columns: []column{field("Type", "type"), count("Data", "data")}},
		{version: "v1", name: "Event", resource: "events", namespaced: true, short: []string{"ev"},
			columns: []column{field("Type", "type"), field("Reason", "reason"), field("Message", "message")}},
		{version: "v1", name: "Namespace", resource: "namespaces", short: []string{"ns"}, columns: []column{field("Status", "status", "phase")}},
		{version: "v1", name: "Node", resource: "nodes", short: []string{"no"}, columns: []column{field("Status", "status", "phase")}},
		{version: "v1", name: "PersistentVolume", resource: "persistentvolumes", short: []string{"pv"}, columns: []column{field("Status", "status", "phase")}},
		{version: "v1", name: "PersistentVolumeClaim", resource: "persistentvolumeclaims", namespaced: true, short: []string{"pvc"}, columns: []column{field("Status", "status", "phase")}},
		{group: "apps", version: "v1", name: "Deployment", resource: "deployments", namespaced: true, short: []string{"deploy"}, categories: []string{"all"}, subresources: []string{"scale", "status"},
			columns: []column{ready, field("Available", "status", "availableReplicas")}},
		{group: "apps", version: "v1", name: "ReplicaSet", resource: "replicasets", namespaced: true, short: []string{"rs"}, categories: []string{"all"}, subresources: []string{"scale", "status"},
			columns: []column{field("Desired", "spec", "replicas"), field("Ready", "status", "readyReplicas")}},
		{group: "discovery.k8s.io", version: "v1", name: "EndpointSlice", resource: "endpointslices", namespaced: true, columns: []column{field("AddressType", "addressType")}},
		{group: "rbac.authorization.k8s.io", version: "v1", name: "Role", resource: "roles", namespaced: true},
		{group: "apiextensions.k8s.io", version: "v1", name: "CustomResourceDefinition", resource: "customresourcedefinitions", short: []string{"crd"}, categories: []string{"api-extensions"}},
	}
}

// defined is the kind that a CustomResourceDefinition makes, of its first version. Of a
// column's jsonPath it understands names with dots between.
func defined(o object) kind {
	spec := o.copied().in("spec")
	names := spec.in("names")
	versions, _ := spec["versions"].([]any)
	var v object
	if len(versions) > 0 {
		m, _ := versions[0].(map[string]any)
		v = m
	}
	k := kind{group: spec.text("group"), version: v.text("name"), name: names.text("kind"), resource: names.text("plural"), namespaced: spec.text("scope") == "Namespaced"}
	columns, _ := v["additionalPrinterColumns"].([]any)
	for _, c := range columns {
		m, _ := c.(map[string]any)
		k.columns = append(k.columns, field(object(m).text("name"), strings.Split(strings.TrimPrefix(object(m).text("jsonPath"), "."), ".")...))
	}
	return k
}

func (k kind) apiVersion() string {
	if k.group == "" {
		return k.version
	}
	return k.group + "/" + k.version
}

func (k kind) key(namespace, name string) string {
	if !k.namespaced {
		namespace = ""
	}
	return k.group + "/" + k.resource + "/" + namespace + "/" + name
}

func (k kind) scope() string {
	if k.namespaced {
		return "Namespaced"
	}
	return "Cluster"
}

// verbs are those that the real API names for a kind of its own.
var verbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

func (k kind) discovered() object {
	subs := []any{}
	for _, s := range k.subresources {
		subs = append(subs, object{"subresource": s, "responseKind": object{"group": k.group, "version": k.version, "kind": k.name}, "verbs": []string{"get", "patch", "update"}})
	}
	return object{"resource": k.resource, "responseKind": object{"group": k.group, "version": k.version, "kind": k.name}, "scope": k.scope(),
		"singularResource": strings.ToLower(k.name), "verbs": verbs, "shortNames": k.short, "categories": k.categories, "subresources": subs}
}

// table is objects as kubectl get prints them, with their metadata or the whole of them.
func (k kind) table(version int, objects []object, heads, whole bool) object {
	t := object{"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": object{"resourceVersion": fmt.Sprint(version)}, "columnDefinitions": nil}
	if heads {
		columns := []any{object{"name": "Name", "type": "string", "format": "name", "priority": 0}}
		for _, c := range k.columns {
			columns = append(columns, object{"name": c.name, "type": "string", "priority": c.priority})
		}
		t["columnDefinitions"] = append(columns, object{"name": "Age", "type": "string", "priority": 0})
	}
	rows := []any{}
	for _, o := range objects {
		cells := []any{o.meta().text("name")}
		for _, c := range k.columns {
			cells = append(cells, c.cell(o))
		}
		told := object{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o["metadata"]}
		if whole {
			told = o
		}
		rows = append(rows, object{"cells": append(cells, "5m"), "object": told})
	}
	t["rows"] = rows
	return t
}
