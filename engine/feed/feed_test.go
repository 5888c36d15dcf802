package feed

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func journey(n int) *model.Journey { return &model.Journey{ID: fmt.Sprint("j", n)} }

// tell writes messages as short text: what the tests compare.
func tell(messages []model.Message) string {
	var words []string
	for _, m := range messages {
		word := fmt.Sprintf("%d:%s", m.Seq, m.Type)
		switch m.Type {
		case "journey":
			word += "=" + m.Journey.ID
		case "lost":
			word += fmt.Sprint("=", m.Lost.Count)
		case "snapshot":
			for _, j := range m.Snapshot.Journeys {
				word += "," + j.ID
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func batch(t *testing.T, s *Subscription) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	messages, err := s.Batch(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	return tell(messages)
}

func TestSubscribe(t *testing.T) {
	for _, test := range []struct {
		name  string
		cfg   Config
		after uint64
		sent  int
		want  string
	}{
		{"a new viewer gets a snapshot", Config{}, 0, 2, "2:snapshot,j1,j2"},
		{"nothing has happened yet", Config{}, 0, 0, "0:snapshot"},
		{"back after a cut", Config{}, 1, 3, "2:journey=j2 3:journey=j3"},
		{"back to the oldest message held", Config{LogMessages: 2}, 1, 3, "2:journey=j2 3:journey=j3"},
		{"away too long, but nothing is lost", Config{LogMessages: 1}, 1, 3, "3:snapshot,j1,j2,j3"},
		{"away too long, and some are lost", Config{LogMessages: 1, Journeys: 2}, 1, 5, "4:snapshot,j4,j5 5:lost=2"},
		{"the log is bounded in bytes", Config{LogBytes: 600, JourneyBytes: 300}, 1, 5, "4:snapshot,j5 5:lost=3"},
		{"from another life of the session", Config{}, 99, 2, "2:snapshot,j1,j2"},
		{"from an earlier life of the session", Config{First: 1000}, 99, 2, "1001:snapshot,j1,j2"},
		{"sequence numbers start where told", Config{First: 1000}, 1000, 2, "1001:journey=j2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := New(test.cfg, model.Session{ID: "s"})
			for n := range test.sent {
				f.Journey(journey(n + 1))
			}
			s := f.Subscribe(test.after)
			defer s.Close()
			if got := batch(t, s); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestSlowViewer(t *testing.T) {
	f := New(Config{LogMessages: 10, Journeys: 4}, model.Session{})
	slow, quick := f.Subscribe(0), f.Subscribe(0)
	defer slow.Close()
	defer quick.Close()
	batch(t, slow)
	batch(t, quick)
	for n := 1; n <= 100; n++ {
		f.Journey(journey(n)) // returns, though slow reads nothing
		if got, want := batch(t, quick), fmt.Sprintf("%d:journey=j%d", n, n); got != want {
			t.Fatalf("the quick viewer got %s, want %s", got, want)
		}
	}
	if got, want := batch(t, slow), "99:snapshot,j97,j98,j99,j100 100:lost=96"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Journey(journey(101))
	if got, want := batch(t, slow), "101:journey=j101"; got != want {
		t.Errorf("after the snapshot: got %s, want %s", got, want)
	}
	if slow.Lost() != 96 || quick.Lost() != 0 {
		t.Errorf("lost %d and %d", slow.Lost(), quick.Lost())
	}
}

// However long a viewer reads nothing, it is told how many journeys it missed, twice
// as well as once.
func TestViewerAwayForLong(t *testing.T) {
	f := New(Config{LogMessages: 10, Journeys: 4}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	batch(t, s)
	for n := 1; n <= 2; n++ {
		f.Journey(journey(n))
	}
	batch(t, s)
	for round := 1; round <= 2; round++ {
		for n := range 3 * droppedSeqs {
			f.Journey(journey(n))
		}
		batch(t, s)
		if want := uint64(round) * (3*droppedSeqs - 4); s.Lost() != want {
			t.Errorf("round %d: lost %d, want %d", round, s.Lost(), want)
		}
	}
}

func TestGraphIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{Interval: 30 * time.Millisecond}, model.Session{})
		s := f.Subscribe(0)
		defer s.Close()
		batch(t, s)
		graph := func(status string) model.Graph {
			return model.Graph{Vertices: []model.Vertex{{ID: "pod/default/a", Status: status}}}
		}
		next := func() model.Message {
			m, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		start := time.Now()
		f.SetGraph(graph("Pending"))
		if got := next().Topology.Put[0].Status; got != "Pending" || time.Since(start) != 0 {
			t.Errorf("the first change is told at once: %s after %v", got, time.Since(start))
		}
		f.SetGraph(graph("ContainerCreating"))
		f.SetGraph(graph("Running"))
		if got := f.Graph().Vertices[0].Status; got != "Running" {
			t.Errorf("Graph is %s: it must be the newest", got)
		}
		if got := next().Topology.Put[0].Status; got != "Running" || time.Since(start) != 30*time.Millisecond {
			t.Errorf("the others are told together: %s after %v", got, time.Since(start))
		}
		f.SetGraph(graph("Running"))
		f.SetGraph(model.Graph{})
		if m := next(); m.Seq != 3 || !reflect.DeepEqual(m.Topology.Remove, []string{"pod/default/a"}) {
			t.Errorf("got %+v", m)
		}
	})
}

// A snapshot at a Seq followed by the diffs after that Seq is the graph, whoever
// joins when and however slow.
func TestSnapshotAndDiffsAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{LogMessages: 5, Interval: time.Millisecond}, model.Session{})
		var last model.Graph
		var all sync.WaitGroup
		defer all.Wait()
		all.Go(func() {
			for n := range 200 {
				g := model.Graph{}
				for v := range 10 {
					if (n>>v)%2 == 0 {
						g.Vertices = append(g.Vertices, model.Vertex{ID: fmt.Sprint(v), Want: n})
					}
				}
				f.SetGraph(g)
				last = g
				time.Sleep(time.Millisecond)
			}
			f.Close()
		})
		for pace := range 8 {
			all.Go(func() {
				s := f.Subscribe(0)
				defer s.Close()
				var seen model.Graph
				snapshots := 0
				for {
					m, err := s.Next(context.Background())
					if errors.Is(err, ErrClosed) {
						break
					}
					switch m.Type {
					case "snapshot":
						seen = m.Snapshot.Graph
						snapshots++
					case "topology":
						seen = seen.Patch(*m.Topology)
					}
					time.Sleep(time.Duration(pace) * time.Millisecond)
				}
				if !reflect.DeepEqual(seen.Vertices, last.Vertices) {
					t.Errorf("pace %d ended with %v, want %v", pace, seen, last)
				}
				if pace > 2 && snapshots < 2 {
					t.Errorf("pace %d was never behind: the test tests nothing", pace)
				}
			})
		}
	})
}

func TestClose(t *testing.T) {
	f := New(Config{}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	batch(t, s)
	f.Journey(journey(1))
	f.Close()
	f.Close()
	f.Journey(journey(2))
	f.SetGraph(model.Graph{Vertices: []model.Vertex{{ID: "a"}}})
	if got, want := batch(t, s), "1:journey=j1 2:closed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestWaitingViewersCanLeave(t *testing.T) {
	f := New(Config{}, model.Session{})
	ctx, cancel := context.WithCancel(t.Context())
	for _, test := range []struct {
		leave func(*Subscription)
		ctx   context.Context
		want  error
	}{
		{func(s *Subscription) { s.Close() }, t.Context(), ErrClosed},
		{func(*Subscription) { cancel() }, ctx, context.Canceled},
	} {
		s := f.Subscribe(0)
		batch(t, s)
		errs := make(chan error)
		go func() {
			_, err := s.Next(test.ctx)
			errs <- err
		}()
		test.leave(s)
		if err := <-errs; !errors.Is(err, test.want) {
			t.Errorf("got %v, want %v", err, test.want)
		}
		s.Close()
	}
	if f.Viewers() != 0 {
		t.Errorf("%d viewers are left", f.Viewers())
	}
}

func TestWatched(t *testing.T) {
	var told []bool
	f := New(Config{Watched: func(on bool) { told = append(told, on) }}, model.Session{})
	a := f.Subscribe(0)
	b := f.Subscribe(0)
	a.Close()
	a.Close()
	b.Close()
	f.Subscribe(0).Close()
	if want := []bool{true, false, true, false}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestSnapshotHoldsEverything(t *testing.T) {
	f := New(Config{Events: 2}, model.Session{ID: "s"})
	f.SetSession(model.Session{ID: "s", ExpiresAt: "later"})
	f.SetSession(model.Session{ID: "s", ExpiresAt: "later"}) // nothing new
	pulled := model.Event{Reason: "Pulled", Message: "m", Count: 1}
	f.Event(model.Event{Reason: "Scheduled"})
	f.Event(pulled)
	f.Event(model.Event{Reason: "Created"})
	pulled.Count = 2
	f.Event(pulled)
	f.Lost(3, "ring overrun")
	s := f.Subscribe(0)
	defer s.Close()
	m, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Seq != 6 || m.Snapshot.Session.ExpiresAt != "later" {
		t.Errorf("got %+v", m)
	}
	if e := m.Snapshot.Events; len(e) != 2 || e[0].Reason != "Created" || e[1].Count != 2 {
		t.Errorf("events are %+v", e)
	}
}

func TestFindJourney(t *testing.T) {
	f := New(Config{Journeys: 2}, model.Session{})
	for n := range 3 {
		f.Journey(journey(n))
	}
	if _, ok := f.FindJourney("j0"); ok {
		t.Error("j0 is too old to be found")
	}
	if j, ok := f.FindJourney("j2"); !ok || j.ID != "j2" || len(f.Journeys()) != 2 {
		t.Errorf("got %+v", j)
	}
}

// Everything at once, for the race detector; and what each viewer was sent and
// what it was told it lost add up to what was published.
func TestManyAtOnce(t *testing.T) {
	const published = 5000
	f := New(Config{LogMessages: 50, Journeys: 20, Interval: time.Microsecond}, model.Session{})
	type result struct {
		seen, lost int
	}
	results := make(chan result)
	for range 4 {
		s := f.Subscribe(0)
		if _, err := s.Next(t.Context()); err != nil { // before anything is published
			t.Fatal(err)
		}
		go func() {
			defer s.Close()
			seen, lost := map[string]bool{}, 0
			for {
				m, err := s.Next(context.Background())
				if err != nil {
					results <- result{len(seen), lost}
					return
				}
				switch m.Type {
				case "journey":
					seen[m.Journey.ID] = true
				case "snapshot":
					for _, j := range m.Snapshot.Journeys {
						seen[j.ID] = true
					}
				case "lost":
					lost += int(m.Lost.Count)
				}
			}
		}()
	}
	for n := range published {
		f.Journey(journey(n))
		f.SetGraph(model.Graph{Vertices: []model.Vertex{{ID: "a", Want: n}}})
		f.Event(model.Event{Reason: "r"})
	}
	f.Close()
	for range 4 {
		if r := <-results; r.seen+r.lost != published {
			t.Errorf("%d seen and %d lost are not %d", r.seen, r.lost, published)
		}
	}
}

func BenchmarkJourney(b *testing.B) {
	f := New(Config{}, model.Session{})
	for range 10 {
		defer f.Subscribe(0).Close()
	}
	j := &model.Journey{ID: "j", Hops: make([]model.Hop, 12)}
	b.ReportAllocs()
	for b.Loop() {
		f.Journey(j)
	}
}

// The past can be followed from its beginning to what is now, however much was dropped.
func TestTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := New(Config{Changes: 4, Journeys: 2, Events: 1}, model.Session{ID: "s"})
		graph := func(n int) (g model.Graph) {
			for i := range n {
				g.Vertices = append(g.Vertices, model.Vertex{ID: fmt.Sprintf("pod/default/%03d", i)})
			}
			return g
		}
		if past := f.Timeline(); !past.Since.Equal(begin) || len(past.Changes) != 0 || past.Session.ID != "s" || past.Graph.Vertices == nil {
			t.Errorf("at first it is %+v", past)
		}
		for i := range 10 {
			time.Sleep(time.Second)
			f.SetGraph(graph(i))
			f.Journey(journey(i))
			f.Event(model.Event{Reason: fmt.Sprint(i)})
		}
		time.Sleep(time.Minute)
		f.SetSession(model.Session{ID: "s", Stopped: []string{"node-1"}})
		for range 3 { // told together, as one change
			f.Lost(2, "full")
		}
		past := f.Timeline()
		if len(past.Changes) != 4 || !past.Since.After(begin) || past.Left != (model.LeftOut{Journeys: 8, Events: 9, Changes: 7}) {
			t.Fatalf("%d changes since %s, left out %+v", len(past.Changes), past.Since.Sub(begin), past.Left)
		}
		g, last := past.Graph, past.Since.UnixNano()
		for _, m := range past.Changes {
			if m.Time < last {
				t.Errorf("%+v is out of its order", m)
			}
			last = m.Time
			if m.Message.Topology != nil {
				g = g.Patch(*m.Message.Topology)
			}
		}
		if !reflect.DeepEqual(g, f.Graph()) {
			t.Errorf("it leads to %+v, not to %+v", g, f.Graph())
		}
		if m := past.Changes[3].Message; m.Lost == nil || m.Lost.Count != 6 {
			t.Errorf("what was lost is told as %+v", m)
		}
		if past.Journeys[1].ID != "j9" || past.Events[0].Reason != "9" {
			t.Errorf("it ends with %+v and %+v", past.Journeys[1], past.Events[0])
		}
	})
}

// How much is captured is told when it changes, and to who comes later.
func TestCapture(t *testing.T) {
	f := New(Config{}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	next := func(s *Subscription) model.Message {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		m, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := next(s); m.Snapshot.Capture.Mode != model.CaptureAll {
		t.Errorf("got %+v", m.Snapshot.Capture)
	}
	edges := model.Capture{Mode: model.CaptureEdges, Since: 5, Reason: "a flood"}
	f.SetCapture(edges)
	f.SetCapture(edges) // nothing new
	f.Lost(3, "the ring was full")
	if m := next(s); m.Type != "capture" || m.Capture == nil || *m.Capture != edges {
		t.Errorf("got %+v", m)
	}
	if m := next(s); m.Type != "lost" {
		t.Errorf("got %+v", m)
	}
	late := f.Subscribe(0)
	defer late.Close()
	if m := next(late); m.Snapshot.Capture != edges {
		t.Errorf("who comes later is told %+v", m.Snapshot.Capture)
	}
}
