package feed

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// ErrAway is what a viewer gets when the server goes away and the session will go on.
var ErrAway = errors.New("the server goes away")

// ErrClosed is what a viewer gets after the last message of a session that is gone.
var ErrClosed = fmt.Errorf("the session's stream is %w", model.ErrClosed)

// Config bounds a Feed. Zero fields take the defaults named.
type Config struct {
	// First is the first sequence number, 1 if zero. A session that is restored
	// after a restart passes one that its viewers have not seen yet.
	First uint64
	// LogMessages and LogBytes bound what a viewer can be behind, or resume from: 8192
	// and 8 MiB, but a quarter of the bytes once the last viewer has gone.
	LogMessages, LogBytes int
	// Journeys and JourneyBytes bound the recent journeys of a snapshot: 500 and 2 MiB.
	Journeys, JourneyBytes int
	// Events bounds the recent events of a snapshot: 100.
	Events int
	// Changes and ChangeBytes bound the topology's past: 1024 and 512 KiB.
	Changes, ChangeBytes int
	// Interval is the least time between two topology messages: 30 ms. What
	// changed and changed again in between is told once.
	Interval time.Duration
	// Watched is called without locks held when the first viewer comes (true) and
	// when the last one has gone (false): captures need not run unwatched. It may
	// be nil.
	Watched func(bool)
}

// A Feed is one session's stream. All methods may be called at once from
// anywhere, and none of those that publish waits for a viewer. What is
// published must not be changed afterwards: viewers share it.
type Feed struct {
	cfg Config

	mu      sync.Mutex
	closed  bool
	wake    chan struct{} // closed on the next message; nil if nobody waits
	seq     uint64        // of the newest message
	log     ring
	session model.Session
	capture model.Capture

	graph    model.Graph // as of seq
	pending  *model.Graph
	flushed  time.Time
	flushing *time.Timer

	journeys   recent
	events     []model.Event
	eventsGone uint64
	past       history

	presenting *model.Presenting // what somebody shows; nil if nobody does
	shows      shows
	watching   int // how many look on

	away  bool           // closed, and the session goes on
	moved *model.Session // what took the session's place

	viewers int
	encoder encoder
	watch   sync.Mutex // orders the calls of Watched
	watched bool
}

// New returns the Feed of one session.
func New(cfg Config, session model.Session) *Feed {
	setDefault(&cfg.First, 1)
	setDefault(&cfg.LogMessages, 8192)
	setDefault(&cfg.LogBytes, 8<<20)
	setDefault(&cfg.Journeys, 500)
	setDefault(&cfg.JourneyBytes, 2<<20)
	setDefault(&cfg.Events, 100)
	setDefault(&cfg.Changes, 1024)
	setDefault(&cfg.ChangeBytes, 512<<10)
	setDefault(&cfg.Interval, 30*time.Millisecond)
	return &Feed{
		cfg:      cfg,
		seq:      cfg.First - 1,
		session:  session,
		capture:  model.Capture{Mode: model.CaptureAll},
		log:      ring{messages: cfg.LogMessages, bytes: cfg.LogBytes},
		journeys: recent{count: cfg.Journeys, bytes: cfg.JourneyBytes},
		past:     history{count: cfg.Changes, bytes: cfg.ChangeBytes, since: time.Now(), session: session, capture: model.Capture{Mode: model.CaptureAll}},
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Journey publishes a whole journey.
func (f *Feed) Journey(j *model.Journey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	size := journeySize(j)
	f.append(model.Message{Type: "journey", Journey: j}, size)
	f.journeys.add(j, f.seq, size)
}

// Event publishes a Kubernetes event. One that only counts on replaces the one
// before in what a new viewer gets.
func (f *Feed) Event(e model.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.append(model.Message{Type: "event", Event: &e}, 200+len(e.Message))
	f.events = slices.DeleteFunc(f.events, func(old model.Event) bool {
		return old.Object == e.Object && old.Reason == e.Reason && old.Message == e.Message
	})
	if len(f.events) == f.cfg.Events {
		f.events = slices.Delete(f.events, 0, 1)
		f.eventsGone++
	}
	f.events = append(f.events, e)
}

// Lost publishes that the engine itself lost count records before they became
// journeys, and why.
func (f *Feed) Lost(count uint64, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed && count > 0 {
		f.append(model.Message{Type: "lost", Lost: &model.Lost{Count: count, Reason: reason}}, 100)
	}
}

// SetCapture publishes how much is captured now.
func (f *Feed) SetCapture(c model.Capture) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.capture == c {
		return
	}
	f.capture = c
	f.append(model.Message{Type: "capture", Capture: &c}, 200)
}

// SetSession publishes what changed about the session itself: its expiry, its
// options, which of its nodes are off.
func (f *Feed) SetSession(s model.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || reflect.DeepEqual(f.session, s) {
		return
	}
	f.session = s
	f.append(model.Message{Type: "session", Session: &s}, 200)
}

// Leave ends the stream without a word, for a session that goes on elsewhere: viewers get
// ErrAway.
func (f *Feed) Leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if f.flushing != nil {
		f.flushing.Stop()
	}
	f.closed, f.away = true, true
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
}

// Move has Close tell viewers which session took this one's place.
func (f *Feed) Move(to model.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moved = &to
}

// Close tells every viewer that the session is gone, and publishes nothing
// more. It may be called twice.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if f.flushing != nil {
		f.flushing.Stop()
	}
	f.shows.forget()
	f.flush()
	f.append(model.Message{Type: "closed", Session: f.moved}, 200)
	f.closed = true
}

// Journeys are the recent ones, oldest first.
func (f *Feed) Journeys() []model.Journey {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.journeys.list()
}

// FindJourney finds one of the recent journeys by its ID.
func (f *Feed) FindJourney(id string) (model.Journey, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.journeys.find(id)
}

// Viewers counts the subscriptions that are open.
func (f *Feed) Viewers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.viewers
}

// append gives m its number and wakes who waits. f.mu is held.
func (f *Feed) append(m model.Message, size int) {
	f.seq++
	m.Seq = f.seq
	f.log.add(m, size)
	if m.Journey == nil && m.Event == nil && m.Presenting == nil && m.Watching == nil && m.Type != "closed" { // those are kept as they are, or not
		f.past.add(time.Now(), m, size)
	}
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
}

// snapshot is everything as of f.seq. f.mu is held.
func (f *Feed) snapshot() model.Message {
	return model.Message{Seq: f.seq, Type: "snapshot", Snapshot: &model.Snapshot{
		Session:    f.session,
		Graph:      orEmpty(f.graph),
		Capture:    f.capture,
		Journeys:   f.journeys.list(),
		Presenting: f.presenting, Watching: f.watching,
		Events: append([]model.Event{}, f.events...),
	}}
}

// orEmpty keeps null out of the JSON.
func orEmpty(g model.Graph) model.Graph {
	if g.Vertices == nil {
		g.Vertices = []model.Vertex{}
	}
	if g.Edges == nil {
		g.Edges = []model.Edge{}
	}
	return g
}
