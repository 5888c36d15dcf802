package devserver

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/openapi/openapitest"
)

// schemas are upstream's own OpenAPI documents, of those groups that client-go ships for
// tests: core, apps, batch.
var schemas = sync.OnceValues(func() (map[string][]byte, error) {
	paths, err := openapitest.NewEmbeddedFileClient().Paths()
	all := map[string][]byte{}
	for path, group := range paths {
		if all[path], err = group.Schema("application/json"); err != nil {
			return nil, err
		}
	}
	return all, err
})

// openAPI answers with OpenAPI v3's list of documents, or with one of them: of definitions
// too, as they are now.
func (k *Kube) openAPI(w http.ResponseWriter, path string) {
	all, err := schemas()
	if err != nil {
		answer(w, http.StatusInternalServerError, failure(http.StatusInternalServerError, "InternalError", "%v", err))
		return
	}
	documents := map[string][]byte{}
	for path, text := range all {
		documents[path] = text
	}
	k.mu.Lock()
	for _, o := range k.objects {
		if o.text("kind") == "CustomResourceDefinition" {
			path, text := schemaOf(o)
			documents[path] = text
		}
	}
	k.mu.Unlock()
	if one, ok := strings.CutPrefix(path, "/openapi/v3/"); ok {
		text, ok := documents[one]
		if !ok {
			answer(w, http.StatusNotFound, failure(http.StatusNotFound, "NotFound", "the server could not find the requested resource"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
		return
	}
	paths := object{}
	for path, text := range documents {
		paths[path] = object{"serverRelativeURL": fmt.Sprintf("/openapi/v3/%s?hash=%X", path, sha512.Sum512(text))}
	}
	answer(w, http.StatusOK, object{"paths": paths})
}

// schemaOf is the document that a definition's first version makes.
func schemaOf(definition object) (path string, text []byte) {
	spec := definition.copied().in("spec")
	k := defined(definition)
	versions, _ := spec["versions"].([]any)
	version, _ := versions[0].(map[string]any)
	schema := object(version).in("schema").in("openAPIV3Schema")
	properties := schema.in("properties")
	properties["apiVersion"], properties["kind"] = object{"type": "string"}, object{"type": "string"}
	schema["x-kubernetes-group-version-kind"] = []any{object{"group": k.group, "version": k.version, "kind": k.name}}
	text, _ = json.Marshal(object{"components": object{"schemas": object{k.group + "." + k.version + "." + k.name: schema}}})
	return "apis/" + k.apiVersion(), text
}
