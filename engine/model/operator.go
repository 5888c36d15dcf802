package model

// Types of what whoever runs the server sees. No session's ID is whole in them: it would be
// a key to the session.

// A Breach is a container that broke a rule of the house, and what was done about it.
type Breach struct {
	Time    string `json:"time"` // RFC 3339
	Session string `json:"session"`
	// Pod is namespace/name; without one it is the learner's machine, or a node's shell.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Rule      string `json:"rule"` // forks, memory, seccomp or cpu
	Text      string `json:"text"` // a sentence
	// Ended says that the session has broken rules so often that it was ended.
	Ended bool `json:"ended,omitempty"`
}

// Queued is where somebody is who waits for a session while the server is full.
type Queued struct {
	// Ticket is to be shown when the turn has come: as the query's ticket of what was asked for.
	Ticket string `json:"ticket"`
	// Place is from 1, Of how many wait.
	Place int `json:"place"`
	Of    int `json:"of"`
	// Turn says that a place is held until Until (RFC 3339).
	Turn  bool   `json:"turn,omitempty"`
	Until string `json:"until,omitempty"`
	// Wait is in how many seconds the turn comes at the latest, if nobody ends their session
	// earlier; 0 is not known.
	Wait int `json:"wait,omitempty"`
}

// Wanted is a form that somebody posted while the server was full, for when it is their turn.
type Wanted struct {
	Path   string            `json:"path"`
	Query  string            `json:"query"` // encoded
	Fields map[string]string `json:"fields"`
}

// Operator is what whoever runs the server sees of it.
type Operator struct {
	Time     string            `json:"time"` // RFC 3339
	Capacity OperatorCapacity  `json:"capacity"`
	Sessions []OperatorSession `json:"sessions"`
	Queue    []OperatorQueued  `json:"queue"`
	// Breaches are the latest, oldest first.
	Breaches []Breach `json:"breaches"`
}

// OperatorCapacity is how many sessions more the machine can take.
type OperatorCapacity struct {
	Room  int            `json:"room"`
	Binds string         `json:"binds"` // the part with least room
	Parts []OperatorPart `json:"parts"`
}

// OperatorPart is one thing that sessions need: places, memory, processes, disk or cpu.
type OperatorPart struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"` // bytes, percent, or empty for how many
	Used float64 `json:"used"`
	Of   float64 `json:"of"`
	Each float64 `json:"each"` // what one more is taken to need
	// Room is how many more there is of it for; -1 if it bounds nothing.
	Room int `json:"room"`
}

// OperatorSession is a session and what it uses now.
type OperatorSession struct {
	// ID is for this process alone.
	ID string `json:"-"`
	// Pods and LastError are for /debug/ alone.
	Pods      int    `json:"-"`
	LastError string `json:"-"`
	Session   string `json:"session"`
	State     string `json:"state"` // open or parked
	Born      string `json:"born"`  // RFC 3339, as Until
	Until     string `json:"until"`
	// Owner tells who opened it from others, where that is known.
	Owner      string  `json:"owner,omitempty"`
	Nodes      int     `json:"nodes"`
	Containers int     `json:"containers"`
	Objects    int     `json:"objects"`
	Memory     int64   `json:"memory"` // bytes, of its containers and what they wrote
	CPU        float64 `json:"cpu"`    // cores, of the last seconds
	Processes  int     `json:"processes"`
	Viewers    int     `json:"viewers"`
	Journal    int64   `json:"journal"` // bytes
	// Asked is how many seconds requests of its clients had of the API, and Refused how many
	// were too many.
	Asked    float64 `json:"asked"`
	Refused  int     `json:"refused"`
	Breaches int     `json:"breaches"` // in the last hour
}

// OperatorQueued is who waits.
type OperatorQueued struct {
	Ticket string `json:"ticket"` // shortened
	Member bool   `json:"member,omitempty"`
	Turn   bool   `json:"turn,omitempty"`
}
