package devserver

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// place is what a path of the API is about.
type place struct {
	kind            kind
	namespace, name string
	sub             string
}

func (k *Kube) place(path string) (place, *status) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	group := ""
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[1:]
	case parts[0] == "apis" && len(parts) > 3:
		group, parts = parts[1], parts[2:]
	default:
		return place{}, failure(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
	version, parts := parts[0], parts[1:]
	p := place{}
	if parts[0] == "namespaces" && len(parts) > 2 {
		p.namespace, parts = parts[1], parts[2:]
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.kinds, func(x kind) bool { return x.group == group && x.version == version && x.resource == parts[0] })
	if at < 0 {
		return place{}, failure(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
	p.kind = k.kinds[at]
	if len(parts) > 1 {
		p.name = parts[1]
	}
	if len(parts) > 2 {
		p.sub = parts[2]
	}
	return p, nil
}

func (k *Kube) resource(w http.ResponseWriter, r *http.Request, path string) {
	p, bad := k.place(path)
	if bad != nil {
		answer(w, bad.Code, bad)
		return
	}
	switch {
	case r.Method == http.MethodGet && p.sub == "log":
		k.log(w, r, p)
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		k.watch(w, r, p)
	case r.Method == http.MethodGet && p.name == "":
		k.list(w, r, p)
	default:
		k.one(w, r, p)
	}
}

// list answers with a list, or a table for who wants one.
func (k *Kube) list(w http.ResponseWriter, r *http.Request, p place) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := []object{}
	for _, o := range k.objects {
		if known, ok := k.kindOf(o); ok && known.resource == p.kind.resource && known.group == p.kind.group && p.wants(o, r) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b object) int {
		return strings.Compare(a.meta().text("namespace")+"/"+a.meta().text("name"), b.meta().text("namespace")+"/"+b.meta().text("name"))
	})
	if asTable(r) {
		answer(w, http.StatusOK, p.kind.table(k.version, found, true, whole(r)))
		return
	}
	answer(w, http.StatusOK, object{"kind": p.kind.name + "List", "apiVersion": p.kind.apiVersion(), "metadata": object{"resourceVersion": strconv.Itoa(k.version)}, "items": found})
}

func asTable(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "as=Table") }

func whole(r *http.Request) bool { return r.URL.Query().Get("includeObject") == "Object" }

// wants says whether an object is one that was asked for, by namespace and selectors
// of the forms a=b and a.b=c.
func (p place) wants(o object, r *http.Request) bool {
	if p.namespace != "" && o.meta().text("namespace") != p.namespace {
		return false
	}
	for _, pair := range strings.Split(r.URL.Query().Get("fieldSelector"), ",") {
		path, want, ok := strings.Cut(pair, "=")
		if ok && field("", strings.Split(path, ".")...).cell(o) != want {
			return false
		}
	}
	for _, pair := range strings.Split(r.URL.Query().Get("labelSelector"), ",") {
		label, want, ok := strings.Cut(pair, "=")
		if ok && field("", "metadata", "labels", label).cell(o) != want {
			return false
		}
	}
	return true
}

// watch streams what changes, from the resourceVersion that is asked for on.
func (k *Kube) watch(w http.ResponseWriter, r *http.Request, p place) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	k.mu.Lock()
	gone := from < k.first
	cut := k.cut
	k.watches++
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.watches--
		k.mu.Unlock()
	}()
	if gone {
		bad := failure(http.StatusGone, "Expired", "too old resource version: %d (%d)", from, k.first)
		answer(w, bad.Code, bad)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	for {
		k.mu.Lock()
		more := k.more
		var events []object
		for _, c := range k.changes {
			if c.version <= from || c.kind.resource != p.kind.resource || c.kind.group != p.kind.group || !p.wants(c.object, r) {
				continue
			}
			var told any = c.object
			if asTable(r) {
				told = p.kind.table(c.version, []object{c.object}, false, whole(r))
			}
			events = append(events, object{"type": c.verb, "object": told})
		}
		from = k.version
		data, _ := json.Marshal(events)
		k.mu.Unlock()
		var raw []json.RawMessage
		_ = json.Unmarshal(data, &raw)
		for _, e := range raw {
			if _, err := w.Write(append(e, '\n')); err != nil {
				return
			}
		}
		_ = flush.Flush()
		select {
		case <-more:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// one reads or changes an object, or creates it.
func (k *Kube) one(w http.ResponseWriter, r *http.Request, p place) {
	var sent object
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		_ = yaml.Unmarshal(body, &sent) // JSON is YAML too
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	name := p.name
	if r.Method == http.MethodPost && p.sub == "" {
		name = sent.meta().text("name")
	}
	old, ok := k.objects[p.kind.key(p.namespace, name)]
	apply := strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch")
	switch {
	case r.Method == http.MethodPost && ok:
		answer(w, http.StatusConflict, failure(http.StatusConflict, "AlreadyExists", "%s %q already exists", p.kind.resource, name))
		return
	case r.Method != http.MethodPost && !apply && !ok:
		answer(w, http.StatusNotFound, failure(http.StatusNotFound, "NotFound", "%s %q not found", p.kind.resource, name))
		return
	}
	switch r.Method {
	case http.MethodGet:
		if r.Header.Get("Accept") == "application/yaml" {
			w.Header().Set("Content-Type", "application/yaml")
			enc := yaml.NewEncoder(w)
			enc.SetIndent(2)
			_ = enc.Encode(map[string]any(p.view(old).copied()))
			return
		}
		answer(w, http.StatusOK, p.view(old))
		return
	case http.MethodDelete:
		k.remove(p.kind, p.namespace, name)
		answer(w, http.StatusOK, old)
		return
	}
	next := sent
	if r.Method == http.MethodPatch && old != nil {
		next = merged(old.copied(), sent.copied())
	}
	if next == nil || p.namespace != "" && next.meta()["namespace"] == nil {
		next = merged(object{"metadata": object{"namespace": p.namespace}}, next)
	}
	next["apiVersion"], next["kind"] = p.kind.apiVersion(), p.kind.name
	if r.URL.Query().Get("dryRun") == "" {
		k.store(p.kind, next)
	}
	answer(w, http.StatusOK, p.view(next))
}

// view is an object, or its Scale.
func (p place) view(o object) object {
	if p.sub != "scale" {
		return o
	}
	c := o.copied()
	return object{"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": c["metadata"], "spec": object{"replicas": c.in("spec")["replicas"]}, "status": object{"replicas": c.in("spec")["replicas"]}}
}

// merged is RFC 7396's MergePatch.
func merged(target, patch object) object {
	if target == nil {
		target = object{}
	}
	for name, v := range patch {
		switch v.(type) {
		case nil:
			delete(target, name)
		case map[string]any, object:
			target[name] = map[string]any(merged(target.in(name), patch.in(name)))
		default:
			target[name] = v
		}
	}
	return target
}
