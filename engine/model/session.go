package model

import "time"

// A Session is what a learner is told of their cluster.
type Session struct {
	ID string `json:"id"`
	// URL is the page's path, APIServer the URL that kubectl talks to.
	URL       string `json:"url"`
	APIServer string `json:"apiServer"`
	// ExpiresAt is RFC 3339.
	ExpiresAt string `json:"expiresAt"`
	// Options are what it is made with, as they are now.
	Options SessionOptions `json:"options"`
	// Rights are look or control for who came by a view, whose key ID is then; empty for
	// who knows the session's own.
	Rights string `json:"rights,omitempty"`
	// Stopped are the names of the nodes that are switched off.
	Stopped []string `json:"stopped,omitempty"`
	// Faults are what was broken on purpose, and is not mended yet.
	Faults []Fault `json:"faults,omitempty"`
}

// SessionOptions say what a session is made with. The zero value of a field is the
// server's default.
type SessionOptions struct {
	// Nodes is how many machines it has, 1 to 5.
	Nodes int `json:"nodes,omitempty"`
	// CNI is how pods are joined to each other: routed, bridge or vxlan.
	CNI string `json:"cni,omitempty"`
	// DualStack gives pods, nodes and Services IPv6 addresses beside those of IPv4.
	DualStack bool `json:"dualStack,omitempty"`
}

// A SessionChange is what can be changed of a session while it lasts.
type SessionChange struct {
	// CNI is as in SessionOptions, and must be said.
	CNI string `json:"cni"`
}

// A NewNode is a node that was added.
type NewNode struct {
	Name string `json:"name"`
}

// An ApplyResult is what the API said to one document of a paste.
type ApplyResult struct {
	// Document counts from 1; Line is where it starts in the paste, from 1.
	Document int `json:"document"`
	Line     int `json:"line"`
	// Object is the object, and Action created, configured or unchanged, where
	// it was taken. Of a dry run it is what would be, or unchecked, and Note says why:
	// what the document needs is made by an earlier one.
	Object *Object `json:"object,omitempty"`
	Action string  `json:"action,omitempty"`
	Note   string  `json:"note,omitempty"`
	// Warnings are the API server's own; WarnedAt has the line of each, of a dry run.
	Warnings []string     `json:"warnings,omitempty"`
	WarnedAt []int        `json:"warnedAt,omitempty"`
	Errors   []ApplyError `json:"errors,omitempty"`
	// Before and After are the object as YAML, as it is and as it would be, of a dry run
	// that is to compare. Before is empty where there is no such object.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// An ApplyError is one reason why a document was not taken.
type ApplyError struct {
	// Line is where it went wrong in the paste, from 1; 0 if that is not known.
	Line int `json:"line"`
	// Field is the path of the field, as the API server writes it.
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// A Request asks for traffic: From is client, node/NAME or pod/NAMESPACE/NAME,
// To a URL or host:port.
type Request struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Method string `json:"method,omitempty"` // of HTTP; GET if empty
	Count  int    `json:"count,omitempty"`  // 1 if zero, at most 100
	// Unasked says that no learner wanted it: its packets are not taken for theirs.
	Unasked bool `json:"-"`
	// Within bounds each attempt; as long as any is bounded if zero.
	Within time.Duration `json:"-"`
}

// A RequestResult is what the sender saw, and where the packets are to be seen.
type RequestResult struct {
	Answers []Answer `json:"answers"`
	// Journeys are the IDs of the journeys of this request's packets, those of its
	// questions to DNS among them, in the order in which they were sent.
	Journeys []string `json:"journeys"`
}

// An Answer is what the sender saw of one attempt.
type Answer struct {
	// Outcome is answered, refused, unreachable, timeout or error.
	Outcome string `json:"outcome"`
	Status  int    `json:"status,omitempty"` // of HTTP
	// Body is the beginning of it, at most 4 KiB.
	Body   string `json:"body,omitempty"`
	Local  string `json:"local,omitempty"`  // address:port of the sender's socket
	Remote string `json:"remote,omitempty"` // address:port that was dialled
	// Resolved says where the address of the name is from, where DNS was not asked.
	Resolved string `json:"resolved,omitempty"`
	// Certificate says whom the server's certificate is for, and why a browser would
	// not trust it, where it would not. The request is made all the same.
	Certificate string `json:"certificate,omitempty"`
	Error       string `json:"error,omitempty"`
	// Why is why it came to no packet, its name not found or its address out of reach,
	// where that is one of the classic mistakes. Why packets did not arrive, their
	// journeys say.
	Why *Why `json:"why,omitempty"`
	// Duration is in nanoseconds.
	Duration int64 `json:"duration"`
}

// A Message is one entry of a session's stream. Seq rises by one a message, so
// that a viewer who comes back says the last one it saw. Exactly one of the
// other fields, named by Type, is set; of closed, none or Session.
type Message struct {
	Seq  uint64 `json:"seq"`
	Type string `json:"type"` // snapshot, topology, journey, event, lost, capture, session, presenting, watching, closed

	// Snapshot starts a viewer that is new or was away for too long: everything
	// as of Seq.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	Topology *Diff     `json:"topology,omitempty"`
	Journey  *Journey  `json:"journey,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Lost     *Lost     `json:"lost,omitempty"`
	Capture  *Capture  `json:"capture,omitempty"`
	// Presenting is what is shown to those who look on, Watching how many those are.
	Presenting *Presenting `json:"presenting,omitempty"`
	Watching   *Watching   `json:"watching,omitempty"`
	// Session is of closed, too, if another took its place.
	Session *Session `json:"session,omitempty"`
}

// A Snapshot is everything that a new viewer needs.
type Snapshot struct {
	Session  Session   `json:"session"`
	Graph    Graph     `json:"graph"`
	Capture  Capture   `json:"capture"`
	Journeys []Journey `json:"journeys"` // the recent ones, oldest first
	Events   []Event   `json:"events"`   // the recent ones, oldest first
	// Presenting is what is shown now, if somebody looks on; Watching is how many.
	Presenting *Presenting `json:"presenting,omitempty"`
	Watching   int         `json:"watching,omitempty"`
}

// An Event is a Kubernetes event.
type Event struct {
	Time    int64  `json:"time"` // milliseconds since the Unix epoch
	Type    string `json:"type"` // Normal, Warning
	Reason  string `json:"reason"`
	Object  Object `json:"object"`
	Message string `json:"message"`
	Count   int    `json:"count,omitempty"`
}

// Lost counts what this viewer was not told, and why.
type Lost struct {
	Count  uint64 `json:"count"`
	Reason string `json:"reason"`
}

// Modes of a Capture.
const (
	CaptureAll     = "all"
	CaptureEdges   = "edges"
	CaptureSamples = "samples"
)

// A Capture says how much of what passes is captured for those who watch.
type Capture struct {
	// Mode is all, or edges: of TCP only the packets that begin and end connections,
	// because there are too many to capture; or samples: of those, only what passes in short
	// times between which nothing is captured, because other sessions need the server.
	Mode string `json:"mode"`
	// Since is when it turned to that, in nanoseconds since the Unix epoch; 0 if it
	// never turned.
	Since  int64  `json:"since,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Skipped is how many packets were left out, by the latest edges and samples; each
	// device that one passed counts it.
	Skipped uint64 `json:"skipped,omitempty"`
}

// Access is how a page reaches a session's Kubernetes API.
type Access struct {
	// Path is where that API is, on the page's own host.
	Path string `json:"path"`
	// Token authenticates as the session's owner, in the header Authorization: Bearer.
	Token string `json:"token"`
}
