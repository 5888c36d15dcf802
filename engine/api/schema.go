package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
)

// inProto is what k8s.io/kube-openapi/pkg/handler says that OpenAPI v2 is. Clients ask for
// it with an @, which a Content-Type must not have.
const inProto = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

// serveSchema answers with OpenAPI v2 of the chain and of sources. Upstream keeps the
// merged document, which is megabytes; here it is made when it is asked for, which is
// rare since kubectl asks for v3. Its ETag is known before.
func (s *Session) serveSchema(sources []source, w http.ResponseWriter, r *http.Request) {
	plain := plain(r, "application/json")
	base := httptest.NewRecorder()
	s.server.serve(base, plain)
	if base.Code != http.StatusOK {
		s.server.serve(w, r) // in its own words
		return
	}
	tags := sha256.New()
	fmt.Fprintln(tags, base.Header().Get("Etag"))
	var others [][]byte
	for _, o := range sources {
		a := httptest.NewRecorder()
		if o.handler.ServeHTTP(a, plain); a.Code == http.StatusOK {
			others = append(others, a.Body.Bytes())
			fmt.Fprintln(tags, a.Header().Get("Etag"))
		}
	}
	wantsProto := strings.Contains(r.Header.Get("Accept"), "proto-openapi.spec.v2")
	fmt.Fprintln(tags, wantsProto)
	tag := fmt.Sprintf("%q", fmt.Sprintf("%X", tags.Sum(nil)))
	w.Header().Set("Etag", tag)
	w.Header().Set("Vary", "Accept")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, err := mergedSchema(base.Body.Bytes(), others, wantsProto)
	if err != nil {
		s.server.log.Error("merging OpenAPI", "session", s.id, "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if wantsProto {
		w.Header().Set("Content-Type", inProto)
	}
	_, _ = w.Write(body)
}

// mergedSchema merges documents in JSON, and encodes them.
func mergedSchema(base []byte, others [][]byte, inProto bool) (body []byte, err error) {
	body = base
	for _, o := range others {
		if body, err = mergeSchemas(body, o); err != nil {
			return nil, err
		}
	}
	if !inProto {
		return body, nil
	}
	doc, err := openapi_v2.ParseDocument(body)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(doc)
}
