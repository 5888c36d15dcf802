// Package apply takes one paste of manifests to a session's API, a server-side
// apply per document, and answers each document with what the API said: the
// object and what became of it, the API's own warnings, or its own errors, each
// with the line of the paste that it is about.
//
// The API server alone judges. This package judges only what never reaches it:
// YAML that cannot be read, and kinds that the API does not serve. It must know
// nothing of nodes, networks or HTTP handlers: it is a client like kubectl.
package apply
