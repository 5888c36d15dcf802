package model

// Presenting is what the page shows of whoever has the session, to those who look on and
// follow. Each message has all of it, but of the file's text only what changed.
type Presenting struct {
	// Off says that nobody shows anything any more; nothing else is set then.
	Off bool `json:"off,omitempty"`
	// Tab is the tab that was brought up last, View what the details show: object or journey.
	Tab  string `json:"tab,omitempty"`
	View string `json:"view,omitempty"`
	// Object is a vertex, Conversation and Journey what packets it is about, Hop one of its
	// hops, or -1.
	Object       string `json:"object,omitempty"`
	Conversation string `json:"conversation,omitempty"`
	Journey      string `json:"journey,omitempty"`
	Hop          int    `json:"hop"`
	// Terminal is the ID of the one in front, Columns and Rows are how large it is.
	Terminal string `json:"terminal,omitempty"`
	Columns  int    `json:"columns,omitempty"`
	Rows     int    `json:"rows,omitempty"`
	// Paused and Speed are of the map's clock.
	Paused bool    `json:"paused,omitempty"`
	Speed  float64 `json:"speed,omitempty"`
	// Step is that of the lesson, from 1.
	Step int            `json:"step,omitempty"`
	File *PresentedFile `json:"file,omitempty"`
}

// A PresentedFile is what stands in the editor.
type PresentedFile struct {
	Name string `json:"name"`
	// Anchor and Head are where the selection begins and where the cursor is, in UTF-16 code
	// units from the beginning, as editors count.
	Anchor int `json:"anchor"`
	Head   int `json:"head"`
	// Text is all of it; in a message it is there only if Edit would not be shorter. Neither
	// is there if the text is as it was.
	Text *string        `json:"text,omitempty"`
	Edit *PresentedEdit `json:"edit,omitempty"`
}

// A PresentedEdit puts lines into the place of others.
type PresentedEdit struct {
	From int      `json:"from"` // the first line that goes, from 0
	Drop int      `json:"drop"` // how many go
	Put  []string `json:"put,omitempty"`
}

// Watching counts those who look on by views.
type Watching struct {
	Count int `json:"count"`
}
