package journal

import (
	"fmt"
	"io"
)

// What follows is for keepers that have the same bytes in other places than files.

// WriteSnapshot writes a state, and the generation of the log that goes on from it.
func WriteSnapshot(w io.Writer, s State, next uint64) error { return writeSnapshot(w, s, next) }

// LogHead is what a log begins with.
func LogHead() []byte { return append([]byte{}, logMagic...) }

// AppendRecord appends a change to a log's bytes.
func AppendRecord(log []byte, c Change) []byte { return appendFrame(log, c.append) }

// Replay returns the state of a snapshot and of the logs that go on from it, in order. The end
// of the last may be torn, as one whose writer ended in the middle is. It fails with ErrDamaged.
func Replay(snapshot []byte, logs [][]byte) (State, Report, error) {
	s, _, err := parseSnapshot(snapshot)
	if err != nil {
		return State{}, Report{}, fmt.Errorf("snapshot: %w", err)
	}
	r := newReplay(s)
	for i, log := range logs {
		last := true
		for _, behind := range logs[i+1:] {
			last = last && len(behind) <= len(logMagic)
		}
		if err := r.log(log, last); err != nil {
			return State{}, Report{}, fmt.Errorf("log %d: %w", i, err)
		}
	}
	return r.end(), r.report, nil
}
