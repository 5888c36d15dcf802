package feed

import (
	"encoding/json"
	"sync"

	"github.com/podhop/podhop/engine/model"
)

// encodings and encodingBytes bound what is kept encoded: viewers are seldom further apart
// than that, and who is encodes for themselves.
const (
	encodings     = 512
	encodingBytes = 1 << 20
)

// An encoder has the newest messages as text, each from when the first viewer asks for it:
// a thousand viewers of one session get the same bytes.
type encoder struct {
	mu    sync.Mutex
	texts map[uint64][]byte // by Seq
	order []uint64          // as they came, the oldest first
	bytes int
}

// Encode is the message as a line of JSON. It must not be changed: viewers share it.
func (s *Subscription) Encode(m *model.Message) ([]byte, error) {
	if m.Snapshot != nil || m.Session != nil || m.Lost != nil { // those are each viewer's own
		return line(m)
	}
	return s.feed.encoder.encode(m)
}

func line(m *model.Message) ([]byte, error) {
	text, err := json.Marshal(m)
	return append(text, '\n'), err
}

func (e *encoder) encode(m *model.Message) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock() // who wants the same message waits for it, rather than to do it again
	if text, ok := e.texts[m.Seq]; ok {
		return text, nil
	}
	text, err := line(m)
	if err != nil {
		return nil, err
	}
	if e.texts == nil {
		e.texts = map[uint64][]byte{}
	}
	e.texts[m.Seq] = text
	e.order = append(e.order, m.Seq)
	e.bytes += len(text)
	for len(e.order) > encodings || e.bytes > encodingBytes {
		e.bytes -= len(e.texts[e.order[0]])
		delete(e.texts, e.order[0])
		e.order = e.order[1:] // append moves them, now and then
	}
	return text, nil
}

// forget lets go of all: nobody is there to share it.
func (e *encoder) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts, e.order, e.bytes = nil, nil, 0
}
