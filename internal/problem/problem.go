// Package problem writes errors as problem documents, RFC 9457: what every error
// of the HTTP API looks like.
//
// It must not know which errors there are: who answers decides.
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is that of a problem document.
const ContentType = "application/problem+json"

// A Problem is one problem document.
type Problem struct {
	// Type is a URI that names the kind of problem; about:blank if the status says
	// it all.
	Type string `json:"type"`
	// Title is the kind of problem in words, the same for all of a Type.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is what was wrong this time, and what to do about it.
	Detail string `json:"detail,omitempty"`
	// Errors say which fields of the request were wrong, an extension as in the
	// RFC's own example.
	Errors []FieldError `json:"errors,omitempty"`
}

// A FieldError is what was wrong about one field.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Write answers with p. An empty Type becomes about:blank, and an empty Title the
// status' own text, as the RFC wants.
func Write(w http.ResponseWriter, p Problem) {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	h := w.Header()
	h.Del("Content-Length")
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// The reader may have gone: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
}
