package model

// RecordingVersion is the version of the Recordings that are written now.
const RecordingVersion = 1

// A Recording is a stretch of a session, as a file: what the learner wrote, the
// topology as it was at From, and everything that happened up to To. It names no
// session, and holds nothing that would lead to one.
type Recording struct {
	Podhop  string `json:"podhop"` // "recording"
	Version int    `json:"version"`
	// Server and Kubernetes are the versions of what recorded it.
	Server     string `json:"server"`
	Kubernetes string `json:"kubernetes"`
	// From and To are in nanoseconds since the Unix epoch.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Session is what it was at From, without its ID and addresses.
	Session Session `json:"session"`
	Capture Capture `json:"capture"` // as it was at From
	// Manifests are the learner's own objects as they were at To, a stream of YAML
	// documents to be applied again. Values of Secrets are not in it.
	Manifests string   `json:"manifests"`
	Graph     Graph    `json:"graph"`
	Moments   []Moment `json:"moments"` // by their times
	Left      LeftOut  `json:"left"`
}

// A Moment is a message of the session's stream, and when it came about: a
// journey's begin, a Kubernetes event's own time, or when the message was published.
type Moment struct {
	Time    int64   `json:"time"` // nanoseconds since the Unix epoch
	Message Message `json:"message"`
}

// LeftOut counts what is not in a Recording, because there was no room for it or
// because it is not for others to see.
type LeftOut struct {
	Journeys uint64 `json:"journeys,omitempty"` // of earlier, that the session did not keep
	Events   uint64 `json:"events,omitempty"`   // of Kubernetes, as those
	Changes  uint64 `json:"changes,omitempty"`  // of the topology, from before From
	Objects  uint64 `json:"objects,omitempty"`  // of the learner's, for which there was no room
	Secrets  uint64 `json:"secrets,omitempty"`  // values of Secrets
}

// A KeptRecording is a Recording that this server keeps for whoever has the link.
type KeptRecording struct {
	ID string `json:"id"`
	// URL is the page's path, and Bytes the size of the file.
	URL   string `json:"url"`
	Bytes int    `json:"bytes"`
	// Key is what removes it again: whoever has only the link cannot.
	Key string `json:"key"`
	// Until is when it goes at the latest, RFC 3339: earlier, where others need the room.
	Until string `json:"until"`
}
