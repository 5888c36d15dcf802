package devserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
)

// A Kube is what of the Kubernetes API a told cluster has: kinds that are discovered,
// and objects that are read, listed (as tables too), watched, applied, patched and
// deleted. It validates nothing and nothing comes of what is written: tests say what
// happens, by Put, Remove and Log. It is safe for concurrent use.
//
// A kind is a line in kinds.go. What is about no kind is a case of ServeHTTP.
type Kube struct {
	mu      sync.Mutex
	kinds   []kind
	objects map[string]object // by key
	version int
	changes []change
	first   int           // the version before which changes are forgotten
	more    chan struct{} // closed when there are more changes or lines
	cut     chan struct{} // closed to end all watches
	watches int
	logs    map[string][]string
	refused map[string]*status
	asked   []string
}

// An object is one of the API's, as JSON has it.
type object map[string]any

type change struct {
	version int
	verb    string // as watches say it: ADDED, MODIFIED, DELETED
	kind    kind
	object  object
}

type status struct {
	Kind    string `json:"kind"`
	Version string `json:"apiVersion"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Code    int    `json:"code"`
}

func (s *status) Error() string { return s.Message }

func failure(code int, reason, format string, args ...any) *status {
	return &status{Kind: "Status", Version: "v1", Status: "Failure", Reason: reason, Code: code, Message: fmt.Sprintf(format, args...)}
}

func newKube() *Kube {
	return &Kube{kinds: builtIn(), objects: map[string]object{}, more: make(chan struct{}), cut: make(chan struct{}),
		logs: map[string][]string{}, refused: map[string]*status{}}
}

// Put creates or replaces the objects of a text in YAML, of as many documents as it has.
func (k *Kube) Put(text string) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o object
		if dec.Decode(&o) != nil {
			return
		}
		k.mu.Lock()
		if known, ok := k.kindOf(o); ok {
			k.store(known, o)
		} else {
			panic("devserver: no kind " + o.text("apiVersion") + " " + o.text("kind"))
		}
		k.mu.Unlock()
	}
}

// Remove deletes an object, if it is there, by its resource, as in "configmaps".
func (k *Kube) Remove(resource, namespace, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, known := range k.kinds {
		if known.resource == resource {
			k.remove(known, namespace, name)
		}
	}
}

// Refuse answers requests whose path ends like this with an error, or as usual again
// if the code is zero.
func (k *Kube) Refuse(suffix string, code int, reason, message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.refused, suffix)
	if code != 0 {
		k.refused[suffix] = failure(code, reason, "%s", message)
	}
}

// Cut ends all watches and followed logs, as a bad network would. With forget, none of
// them can go on where it was: the API answers that it is Gone.
func (k *Kube) Cut(forget bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if forget {
		k.version++
		k.first = k.version
		k.changes = nil
	}
	close(k.cut)
	k.cut = make(chan struct{})
}

// Watches counts those that are open now, followed logs too.
func (k *Kube) Watches() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.watches
}

// Asked are the requests that there ever were, as "GET /api/v1/pods?watch=1".
func (k *Kube) Asked() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.asked)
}

// Object is one of the objects, or nil.
func (k *Kube) Object(resource, namespace, name string) map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, known := range k.kinds {
		if known.resource == resource {
			return k.objects[known.key(namespace, name)]
		}
	}
	return nil
}

func (k *Kube) store(known kind, o object) {
	meta := o.meta()
	namespace, _ := meta["namespace"].(string)
	if known.namespaced && namespace == "" {
		namespace = "default"
		meta["namespace"] = namespace
	}
	key := known.key(namespace, meta.text("name"))
	verb := "ADDED"
	if old, ok := k.objects[key]; ok {
		verb = "MODIFIED"
		meta["uid"], meta["creationTimestamp"] = old.meta()["uid"], old.meta()["creationTimestamp"]
	}
	if meta["uid"] == nil {
		meta["uid"] = "uid-of-" + key
	}
	if meta["creationTimestamp"] == nil {
		meta["creationTimestamp"] = "2026-11-27T09:00:00Z"
	}
	k.version++
	meta["resourceVersion"] = strconv.Itoa(k.version)
	k.objects[key] = o
	k.say(change{version: k.version, verb: verb, kind: known, object: o})
}

func (k *Kube) remove(known kind, namespace, name string) bool {
	key := known.key(namespace, name)
	o, ok := k.objects[key]
	if !ok {
		return false
	}
	delete(k.objects, key)
	k.version++
	k.say(change{version: k.version, verb: "DELETED", kind: known, object: o})
	if known.resource == "customresourcedefinitions" {
		k.kinds = slices.DeleteFunc(k.kinds, func(x kind) bool { return x.resource+"."+x.group == name })
	}
	return true
}

func (k *Kube) say(c change) {
	k.changes = append(k.changes, c)
	if c.kind.resource == "customresourcedefinitions" && c.verb == "ADDED" {
		k.kinds = append(k.kinds, defined(c.object))
	}
	close(k.more)
	k.more = make(chan struct{})
}

func (k *Kube) kindOf(o object) (kind, bool) {
	for _, known := range k.kinds {
		if known.apiVersion() == o.text("apiVersion") && known.name == o.text("kind") {
			return known, true
		}
	}
	return kind{}, false
}

func (k *Kube) access(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, model.Access{Path: basepath.At(r.Context(), "/k8s/"+r.PathValue("id")), Token: "told"})
}

func (k *Kube) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	k.mu.Lock()
	asked := r.Method + " " + path
	if r.URL.RawQuery != "" {
		asked += "?" + r.URL.RawQuery
	}
	k.asked = append(k.asked, asked)
	for suffix, s := range k.refused {
		if strings.HasSuffix(path, suffix) {
			k.mu.Unlock()
			answer(w, s.Code, s)
			return
		}
	}
	k.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer told":
		answer(w, http.StatusUnauthorized, failure(http.StatusUnauthorized, "Unauthorized", "Unauthorized"))
	case path == "/api" || path == "/apis":
		k.discover(w, path)
	case strings.HasPrefix(path, "/openapi/v3"):
		k.openAPI(w, path)
	default:
		k.resource(w, r, path)
	}
}

// discover answers with aggregated discovery, version 2 (KEP-3352).
func (k *Kube) discover(w http.ResponseWriter, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	groups := map[string]map[string][]any{}
	for _, known := range k.kinds {
		if (known.group == "") != (path == "/api") {
			continue
		}
		if groups[known.group] == nil {
			groups[known.group] = map[string][]any{}
		}
		groups[known.group][known.version] = append(groups[known.group][known.version], known.discovered())
	}
	items := []any{}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		versions := []any{}
		for _, v := range slices.Sorted(maps.Keys(groups[group])) {
			versions = append(versions, object{"version": v, "resources": groups[group][v]})
		}
		items = append(items, object{"metadata": object{"name": group}, "versions": versions})
	}
	answer(w, http.StatusOK, object{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": object{}, "items": items})
}

func (o object) text(field string) string {
	s, _ := o[field].(string)
	return s
}

// in is a field that is an object itself, made if it is not there.
func (o object) in(field string) object {
	switch v := o[field].(type) {
	case object:
		return v
	case map[string]any:
		return v
	}
	made := object{}
	o[field] = made
	return made
}

func (o object) meta() object { return o.in("metadata") }

// copied is a copy that shares nothing.
func (o object) copied() object {
	data, _ := json.Marshal(o) // it came as JSON or YAML
	var c object
	_ = json.Unmarshal(data, &c)
	return c
}
