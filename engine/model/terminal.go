package model

// A Terminal is a shell that a learner types into. It lasts until its program ends, it
// is closed or its session is, whoever looks at it.
type Terminal struct {
	ID string `json:"id"`
	// Place is where it runs: "client", the learner's own machine outside of the
	// cluster, "node/NAME", or "pod/NAMESPACE/NAME/CONTAINER".
	Place string `json:"place"`
	// Ended says that its program is over, and Code how it ended.
	Ended bool `json:"ended,omitempty"`
	Code  int  `json:"code,omitempty"`
}

// A NewTerminal asks for one. A pod's container may be left out of the place: it is then
// the one that kubectl would take.
type NewTerminal struct {
	Place string `json:"place"`
}

// A TerminalSay is a text frame of a terminal's websocket; what the program writes
// and reads are binary frames. Viewers send the size; the server says that what follows is
// all that is kept of the output, from its beginning, or that the program ended.
type TerminalSay struct {
	Columns int  `json:"columns,omitempty"`
	Rows    int  `json:"rows,omitempty"`
	Reset   bool `json:"reset,omitempty"`
	Ended   bool `json:"ended,omitempty"`
	Code    int  `json:"code,omitempty"`
}

// A ScriptResult is what became of commands on the learner's machine.
type ScriptResult struct {
	Code int `json:"code"`
	// Output is the beginning and end of what it wrote, of both streams.
	Output string `json:"output,omitempty"`
	// Late says that it was killed, because it took too long.
	Late bool `json:"late,omitempty"`
}
