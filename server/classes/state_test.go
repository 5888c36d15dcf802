package classes

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// A step is passed once its checks have passed together; an attempt is something new that was seen after
// something was done.
func TestChecked(t *testing.T) {
	lesson, _ := lessonsHere("dns")
	pass := func(i int) model.CheckResult { return model.CheckResult{Check: i, Passed: true} }
	fail := func(i int, saw string) model.CheckResult { return model.CheckResult{Check: i, Saw: saw} }
	for _, c := range []struct {
		name     string
		runs     [][]model.CheckResult
		idle     bool // nothing is done between them
		passed   []int
		attempts int
		failing  int
	}{
		{name: "some of them", runs: [][]model.CheckResult{{pass(1)}}},
		{name: "one after the other", runs: [][]model.CheckResult{{pass(1)}, {pass(2)}}, passed: []int{2}},
		{name: "one that fails again before the other passes", runs: [][]model.CheckResult{{pass(1), fail(2, "a")}, {fail(1, "b"), pass(2)}}, attempts: 2, failing: 1},
		{name: "it stays passed", runs: [][]model.CheckResult{{pass(1), pass(2)}, {fail(1, "a")}}, passed: []int{2}, failing: 1},
		{name: "what is the same is no attempt", runs: [][]model.CheckResult{{fail(1, "a")}, {fail(1, "a")}, {fail(1, "b")}}, attempts: 2, failing: 1},
		{name: "what changes by itself is none", runs: [][]model.CheckResult{{fail(1, "a")}, {fail(1, "b")}}, idle: true, failing: 1},
	} {
		m := memberDoc{}
		for i, run := range c.runs {
			now := noon.Add(time.Duration(i) * time.Minute)
			if !c.idle {
				m.Active = now.Add(-time.Second)
			}
			m.checked(now, "dns", lesson, 2, run)
		}
		l := m.Lessons["dns"]
		if !slices.Equal(l.Passed, c.passed) || l.Attempts != c.attempts || m.Attempts != c.attempts || len(m.failing()) != c.failing {
			t.Errorf("%s: passed %v, %d attempts, failing %v", c.name, l.Passed, l.Attempts, m.failing())
		}
		if !l.Done.IsZero() {
			t.Errorf("%s: the lesson is done", c.name)
		}
	}
}

func event(t *testing.T, at string, revision uint64, value any) keep.Event {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return keep.Event{Document: keep.Document{Key: at, Value: text, Revision: revision}}
}

func TestBook(t *testing.T) {
	b := newBook()
	r := ref{"c1", "m1"}
	var kinds []string
	see := func(e keep.Event) bool {
		change, ok := b.see(e)
		for _, e := range change.events {
			kinds = append(kinds, e.Kind)
		}
		return ok
	}
	// Documents come in any order, and old ones after new ones.
	see(event(t, r.at(), 5, memberDoc{ID: "m1", Name: "Ann", Session: "s1"}))
	see(event(t, classAt("c1"), 4, classDoc{ID: "c1"}))
	if see(event(t, r.at(), 3, memberDoc{ID: "m1", Name: "An"})) || see(event(t, "codes/bcd", 9, codeDoc{"c1"})) || see(event(t, below+"c1/x/y", 9, nil)) {
		t.Error("what is old, or none of it, changed something")
	}
	if m, ok := b.member(r); !ok || m.Name != "Ann" || b.sessions["s1"] != r {
		t.Errorf("got %+v of %+v", m, b.sessions)
	}
	see(event(t, r.at(), 6, memberDoc{ID: "m1", Name: "Ann", Session: "s2", Lessons: map[string]*lessonDoc{"dns": {Passed: []int{2, 3}, Done: noon}}, Control: "asked"}))
	see(event(t, r.at(), 7, memberDoc{ID: "m1", Name: "Ann", Session: "s2", Lessons: map[string]*lessonDoc{"dns": {Passed: []int{2, 3}, Done: noon}}, Control: "given"}))
	see(event(t, r.at(), 8, memberDoc{ID: "m1", Name: "Ann", Lessons: map[string]*lessonDoc{"dns": {Passed: []int{2, 3}, Done: noon}}, Help: &helpDoc{Since: noon}}))
	see(event(t, classAt("c1"), 10, classDoc{ID: "c1", Frozen: true}))
	see(event(t, classAt("c1"), 11, classDoc{ID: "c1"}))
	see(event(t, noticeAt("c1", 2), 12, noticeDoc{N: 2}))
	see(event(t, noticeAt("c1", 1), 13, noticeDoc{N: 1}))
	see(event(t, classAt("c1"), 14, classDoc{ID: "c1", Closed: noon}))
	see(keep.Event{Document: keep.Document{Key: r.at()}, Gone: true})
	want := []string{"joined", "begun", "passed", "passed", "done", "control", "help", "control", "frozen", "thawed", "push", "push", "closed", "gone"}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %q,\nwant %q", kinds, want)
	}
	if len(b.sessions) != 0 || b.classes["c1"].notices[0].N != 1 {
		t.Errorf("got %+v", b)
	}
	see(keep.Event{Document: keep.Document{Key: classAt("c1")}, Gone: true})
	if len(b.classes) != 0 {
		t.Errorf("got %+v", b.classes)
	}
}

// What is kept of what happened is the latest, in its order, however its documents were read.
func TestEventsAreInOrder(t *testing.T) {
	b := newBook()
	see := func(id string, joined int) {
		b.see(event(t, ref{"c1", id}.at(), 1, memberDoc{ID: id, Name: id, Joined: noon.Add(time.Duration(joined) * time.Minute)}))
	}
	see("a", eventsKept+2)
	for i := range eventsKept + 1 {
		see(fmt.Sprint("b", i), eventsKept+1-i)
	}
	got := b.classes["c1"].events
	if len(got) != eventsKept || got[0].Member != fmt.Sprint("b", eventsKept-2) || got[eventsKept-1].Member != "a" {
		t.Errorf("%d are kept, from %+v to %+v", len(got), got[0], got[len(got)-1])
	}
}

// What comes while a write is under way is one write more, and the last of it is there in the end.
func TestPen(t *testing.T) {
	var mu sync.Mutex
	var m memberDoc
	writes := 0
	begun, release := make(chan struct{}, 10), make(chan struct{})
	p := newPen(func(_ context.Context, _ ref, notes []func(*memberDoc)) error {
		begun <- struct{}{}
		<-release
		mu.Lock()
		defer mu.Unlock()
		writes++
		if writes == 2 {
			return errors.New("the store is away")
		}
		for _, note := range notes {
			note(&m)
		}
		return nil
	})
	r := ref{"c", "m"}
	p.note(r, func(m *memberDoc) { m.Errors++ })
	<-begun
	for range 99 {
		p.note(r, func(m *memberDoc) { m.Errors++ })
		p.act(r, noon)
	}
	close(release)
	p.flush("other")
	p.flush("c") // waits for the first, and writes the others, in vain
	p.flushAll() // and again
	mu.Lock()
	defer mu.Unlock()
	if m.Errors != 100 || !m.Active.Equal(noon) || writes != 3 {
		t.Errorf("%d of 100 notes were written, in %d writes; active at %s", m.Errors, writes, m.Active)
	}
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	err := WriteCSV(&b, model.ClassResults{Results: []model.LessonResult{
		{Name: `=HYPERLINK("http://evil","x")`, Title: "+1"}, {Name: "@SUM(A1)", Title: "-2"}, {Name: "\t=1", Title: " =1"},
		{Name: "Ann, the \"first\"\nof us", Title: "＝1"}, {Name: "Ann-Marie", Title: "a=b", Steps: 3, Passed: 2},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("got %q, %v", b.String(), err)
	}
	for i, want := range [][2]string{{"name", "title"}, {`'=HYPERLINK("http://evil","x")`, "'+1"}, {"'@SUM(A1)", "'-2"}, {"'\t=1", "' =1"},
		{"Ann, the \"first\"\nof us", "'＝1"}, {"Ann-Marie", "a=b"}} {
		if got := [2]string{rows[i][0], rows[i][4]}; got != want {
			t.Errorf("row %d: got %q, want %q", i, got, want)
		}
	}
	if rows[5][5] != "3" || rows[5][6] != "2" {
		t.Errorf("got %q", rows[5])
	}
}

// eventually waits for what comes by itself.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestEnd(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Until: "2026-11-27T10:00:00Z"})
	ann, bo := w.join(t, class, "Ann"), w.join(t, class, "Bo")
	id := w.session(t, ann, "dns")
	if _, err := w.Look(t.Context(), class.Key, ann.ID); err != nil {
		t.Fatal(err)
	}
	w.Checked(id, "dns", 3, []model.CheckResult{{Check: 1, Passed: true}})
	w.clock.move(time.Hour)
	w.tidySoon()
	eventually(t, "the end of the session", func() bool { return !w.sessions.there(id) && len(w.views.now()) == 0 })
	closed, err := w.Get(t.Context(), class.Key)
	if err != nil || closed.Closed == "" || closed.KeptUntil != "2026-12-27T10:00:00.000Z" || closed.Code != "" || closed.Open {
		t.Errorf("got %+v, %v", closed, err)
	}
	if _, err := w.JoinInfo(t.Context(), class.Code); !is(err, ErrNotFound) {
		t.Errorf("the code leads to %v", err)
	}
	// A member of a closed class may know that, and do nothing.
	if m, err := w.Membership(t.Context(), bo.Key); err != nil || m.Class.Closed == "" || m.Class.Code != "" {
		t.Errorf("got %+v, %v", m, err)
	}
	_, opened := w.OpenSession(t.Context(), bo.Key, "dns", w.sessions.begin)
	for what, err := range map[string]error{
		"open": opened, "help": w.Help(t.Context(), bo.Key, model.HelpRequest{On: true}), "consent": w.Consent(t.Context(), bo.Key, true),
		"push": errOf(w.Push(t.Context(), class.Key, model.Push{Kind: "message", Text: "hi"})), "change": errOf(w.Change(t.Context(), class.Key, model.ClassChange{})),
		"look": errOf(w.Look(t.Context(), class.Key, ann.ID)), "ask": errOf(w.AskControl(t.Context(), class.Key, ann.ID)),
	} {
		if !is(err, model.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if again, err := w.Close(t.Context(), class.Key); err != nil || again.Closed != closed.Closed {
		t.Errorf("closed again: %+v, %v", again, err)
	}
	results, err := w.Results(t.Context(), class.Key)
	if err != nil || len(results.Results) != 2 || results.Results[0].Passed != 1 {
		t.Errorf("got %+v, %v", results, err)
	}
	w.clock.move(30 * 24 * time.Hour)
	w.tidySoon()
	eventually(t, "oblivion", func() bool {
		all, err := w.store.List(t.Context(), "")
		return err == nil && len(all) == 0
	})
	if _, err := w.Get(t.Context(), class.Key); !is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// A session that cannot be ended keeps no other from it, and is ended later.
func TestEndOfAll(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{})
	first, second := w.session(t, w.join(t, class, "Ann"), "dns"), w.session(t, w.join(t, class, "Bo"), "dns")
	stuck := func(id string) {
		w.sessions.mu.Lock()
		defer w.sessions.mu.Unlock()
		w.sessions.stuck = id
	}
	stuck(first)
	if _, err := w.Close(t.Context(), class.Key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the other", func() bool { return !w.sessions.there(second) })
	stuck("")
	w.tidySoon()
	eventually(t, "the end of the first", func() bool { return !w.sessions.there(first) })
}

// A server that was away finds what there is, and ends what was over by then.
func TestAnotherServer(t *testing.T) {
	store := keep.Memory()
	w := newWorld(t, store)
	class := w.make(t, model.NewClass{})
	ann := w.join(t, class, "Ann")
	id := w.session(t, ann, "dns")
	w.Checked(id, "dns", 3, []model.CheckResult{{Check: 1, Saw: "nothing"}})
	w.pen.flushAll()
	next := newWorld(t, store)
	m := next.sees(t, class, "what was seen", func(m model.Member) bool { return len(m.Failing) == 1 })
	if m.Name != "Ann" || m.Session != short(id) {
		t.Errorf("got %+v", m)
	}
	if key, ok := next.MemberKey(id); !ok || key != ann.Key {
		t.Errorf("the session is %s's", key)
	}
}

// Who has their kubectl be refused things all the time makes no more writes than others, and nothing of it stays.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memberDoc
		writes := 0
		p := newPen(func(_ context.Context, _ ref, notes []func(*memberDoc)) error {
			writes++
			for _, note := range notes {
				note(&m)
			}
			return nil
		})
		for range 10 {
			for range 1000 {
				p.refuse(ref{"c1", "m1"}, func(m *memberDoc) { m.failed(noon, 1, "no") })
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if m.Errors < refusalsAtMost || m.Errors > 3*refusalsAtMost || m.LastError != "no" || writes > 3 {
			t.Errorf("%d errors in %d writes", m.Errors, writes)
		}
		if len(p.lines) > 0 {
			t.Errorf("%d members are remembered", len(p.lines))
		}
		if all := m.results(nil); len(all) != 1 || all[0].Errors != m.Errors {
			t.Errorf("who is in no lesson has the results %+v", all)
		}
	})
}

// late is a store that calls then when it has listed what there is, and before it says so.
type late struct {
	keep.Store
	then func()
}

func (l late) Watch(ctx context.Context, prefix string, see func(keep.Event), sync func()) error {
	return l.Store.Watch(ctx, prefix, see, func() { l.then(); sync() })
}

// Who joins while a server lists who there is, is not taken for one who has gone.
func TestJoiningWhileListing(t *testing.T) {
	store := keep.Memory()
	class := newWorld(t, store).make(t, model.NewClass{})
	joined := make(chan error, 1)
	var w *world
	begun := make(chan struct{})
	w = newWorld(t, late{store, func() {
		<-begun
		_, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: "Ann"})
		joined <- err
	}})
	close(begun)
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	<-w.known
	s, err := w.Follow(t.Context(), class.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := awaits(t, s, "everything", func(m model.ClassMessage) bool { return m.All })
	if len(m.Members) != 1 || len(m.Events) != 1 || m.Events[0].Kind != "joined" {
		t.Errorf("got %+v, after %+v", m.Members, m.Events)
	}
}
