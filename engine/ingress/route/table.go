package route

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// A Table is everything that one proxy does. It is not changed once it is made.
type Table struct {
	Ports map[uint16]*Port
}

// A Port is what listens on one TCP port.
type Port struct {
	// TLS says that it is terminated here.
	TLS bool
	// Listeners are told apart by host; see Sort for their order.
	Listeners []Listener
	// Strict refuses a request for a host of another listener than the one that
	// the TLS connection was made to, with 421.
	Strict bool
}

// A Listener is a set of rules for a host.
type Listener struct {
	Name string
	Host Host
	// Certificates are offered by name; Default where none fits, nil to refuse.
	Certificates []Certificate
	Default      *tls.Certificate
	// Rules are asked in this order; see Sort.
	Rules []Rule
}

// A Certificate and the hosts that it is for.
type Certificate struct {
	Hosts       []Host
	Certificate *tls.Certificate
}

// A Rule says what becomes of the requests that it matches.
type Rule struct {
	Host    Host
	Path    Path
	Method  string // "" is any
	Headers []Value
	Query   []Value
	// Fallback is a default backend: asked when no other rule matches.
	Fallback bool

	Origin   Origin
	Filters  Filters
	Backends []Backend
	// Refusal is the answer of a rule that has nobody to ask.
	Refusal Refusal
	// Timeout bounds the whole exchange, BackendTimeout one attempt; 0 is the
	// proxy's own.
	Timeout, BackendTimeout time.Duration
}

// An Origin is the object that a rule was made of.
type Origin struct {
	Kind, Namespace, Name string
	// Rule says which of its rules, in words.
	Rule string
}

// A Refusal is an answer of the proxy's own: a status of HTTP and the reason.
// The zero value is none.
type Refusal struct {
	Status int
	Reason string
}

// A Backend is a port of a Service, and who is behind it now.
type Backend struct {
	// Weight is its part of the requests, among its siblings'.
	Weight int
	// Namespace, Name and Port are the Service's.
	Namespace, Name, Port string
	Endpoints             []netip.AddrPort
	// HTTP2 speaks it to the endpoints, without TLS.
	HTTP2   bool
	Refusal Refusal
	// Filters are applied after the rule's own.
	Filters Filters
}

// Filters change requests and answers.
type Filters struct {
	Request, Response Headers
	Redirect          *Redirect
	Rewrite           *Rewrite
	// Mirrors get a copy of the request; their answers are thrown away.
	Mirrors []Backend
}

// Headers is a change to header fields: what is set, added, removed, in this order.
type Headers struct {
	Set, Add []Field
	Remove   []string
}

// A Field is a header field.
type Field struct{ Name, Value string }

// A Redirect sends the client elsewhere. What is empty stays.
type Redirect struct {
	Scheme, Host string
	Port         uint16
	Path         *Rewriting
	Status       int
}

// A Rewrite changes what is asked of the backend. What is empty stays.
type Rewrite struct {
	Host string
	Path *Rewriting
}

// A Rewriting replaces a path, or the prefix of it that the rule matched.
type Rewriting struct {
	Prefix bool
	With   string
}
