package devserver

import (
	"encoding/json"
	"net/http"
	"sync"
)

// A wire tells whoever follows it everything at first, and then what changes.
type wire struct {
	mu        sync.Mutex
	followers map[chan []byte]struct{}
	cut       chan struct{} // closed to break every connection
}

func newWire() *wire { return &wire{followers: map[chan []byte]struct{}{}, cut: make(chan struct{})} }

// waiting is how many messages may wait for a follower; one that is further behind loses it.
const waiting = 1024

func (l *wire) tell(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.followers {
		select {
		case f <- data:
		default:
			delete(l.followers, f)
			close(f)
		}
	}
}

// Cut breaks every follower's connection, as a bad network would.
func (l *wire) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.cut)
	l.cut = make(chan struct{})
}

// followed counts those who follow now.
func (l *wire) followed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.followers)
}

// serve sends what first answers, and all that is told from then on.
func (l *wire) serve(w http.ResponseWriter, r *http.Request, first func() any) {
	conn, err := upgrade(w, r)
	if err != nil {
		return
	}
	defer conn.Close()
	mine := make(chan []byte, waiting)
	l.mu.Lock()
	l.followers[mine] = struct{}{}
	cut := l.cut
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.followers, mine)
		l.mu.Unlock()
	}()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		buf := make([]byte, 512)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}()
	data, err := json.Marshal(first())
	if err != nil || writeFrame(conn, opText, data) != nil {
		return
	}
	for {
		select {
		case data, ok := <-mine:
			if !ok || writeFrame(conn, opText, data) != nil {
				return
			}
		case <-cut:
			return
		case <-gone:
			return
		}
	}
}
