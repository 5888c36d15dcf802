package classes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// fakeSessions are sessions by their ID; what is done in them is written down.
type fakeSessions struct {
	mu   sync.Mutex
	open map[string]bool
	did  []string
	next int
	of   *Classes
	// stuck is one that cannot be ended.
	stuck string
}

func (f *fakeSessions) do(id, format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open[id] {
		return fmt.Errorf("session %s: %w", id, model.ErrNotFound)
	}
	f.did = append(f.did, id+" "+fmt.Sprintf(format, args...))
	return nil
}

func (f *fakeSessions) begin() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := fmt.Sprintf("session%04d", f.next)
	f.open[id] = true
	return id, nil
}

func (f *fakeSessions) There(_ context.Context, id string) bool { return f.there(id) }

func (f *fakeSessions) there(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[id]
}

func (f *fakeSessions) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.did)
}

func (f *fakeSessions) StartOver(ctx context.Context, _, id, lesson string) (string, error) {
	if err := f.do(id, "starts over with %q", lesson); err != nil {
		return "", err
	}
	now, err := f.begin()
	f.of.Replaced(ctx, id, now)
	return now, err
}

func (f *fakeSessions) Apply(_ context.Context, _, id, manifest string) ([]model.ApplyResult, error) {
	if manifest == "bad" {
		return []model.ApplyResult{{Action: "created"}, {Errors: []model.ApplyError{{Message: "no kind is set"}}}}, nil
	}
	return []model.ApplyResult{{Action: "created"}}, f.do(id, "applies %s", manifest)
}

func (f *fakeSessions) SetFault(_ context.Context, _, id, fault string, s model.FaultSettings) (model.Fault, error) {
	if fault == "none" {
		return model.Fault{}, errors.New("there is no such fault")
	}
	return model.Fault{Text: "broken"}, f.do(id, "has %s by %v", fault, s.Loss)
}

func (f *fakeSessions) Close(_ context.Context, id string) error {
	err := f.do(id, "ends")
	f.mu.Lock()
	defer f.mu.Unlock()
	if id == f.stuck {
		return errors.New("it is on its way to another server")
	}
	delete(f.open, id)
	return err
}

// fakeViews are views by their key: what they are of.
type fakeViews struct {
	mu   sync.Mutex
	all  map[string]string
	last map[string]time.Time // until when
	next int
	made func() // is called while one is made
}

func (f *fakeViews) Make(_ context.Context, session string, control bool, by string, until time.Time) (string, error) {
	if f.made != nil {
		f.made()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	key := fmt.Sprintf("view-%d", f.next)
	f.all[key], f.last[key] = fmt.Sprintf("%s %v %s", session, control, by), until
	return key, nil
}

func (f *fakeViews) Revoke(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.all[key]; !ok {
		return fmt.Errorf("view: %w", model.ErrNotFound)
	}
	delete(f.all, key)
	return nil
}

func (f *fakeViews) Move(_ context.Context, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, of := range f.all {
		if of[:len(from)] == from {
			f.all[key] = to + of[len(from):]
		}
	}
	return nil
}

func (f *fakeViews) now() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]string{}
	for k, v := range f.all {
		all[k] = v
	}
	return all
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lessonsHere has "dns", of a step to read and two with checks, and "policies".
func lessonsHere(slug string) (Lesson, bool) {
	all := map[string]Lesson{
		"dns":      {Title: "DNS", Steps: []Step{{}, {Checks: 2, Hints: 2}, {Checks: 1}}},
		"policies": {Title: "=Policies", Steps: []Step{{Checks: 1}}},
	}
	l, ok := all[slug]
	return l, ok
}

// world is a server's classes.
type world struct {
	*Classes
	sessions *fakeSessions
	views    *fakeViews
	clock    *clock
	store    keep.Store
}

func newWorld(t *testing.T, store keep.Store) *world {
	t.Helper()
	w := &world{sessions: &fakeSessions{open: map[string]bool{}}, views: &fakeViews{all: map[string]string{}, last: map[string]time.Time{}},
		clock: &clock{now: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}, store: store}
	w.Classes = New(Config{Store: store, Lesson: lessonsHere, Sessions: w.sessions, Views: w.views, Now: w.clock.time, Log: slog.New(slog.DiscardHandler)})
	w.sessions.of = w.Classes
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return w
}

func (w *world) make(t *testing.T, want model.NewClass) model.Class {
	t.Helper()
	if want.Title == "" {
		want.Title = "Networking"
	}
	class, err := w.Make(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return class
}

func (w *world) join(t *testing.T, class model.Class, name string) model.Joined {
	t.Helper()
	joined, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return joined
}

func (w *world) session(t *testing.T, m model.Joined, lesson string) string {
	t.Helper()
	id, err := w.OpenSession(t.Context(), m.Key, lesson, w.sessions.begin)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// patient bounds how long a test waits for what it waits for.
const patient = time.Minute

// awaits reads a stream until a message is it.
func awaits[M any](t *testing.T, s *Stream[M], what string, is func(M) bool) M {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	var seen []M
	for {
		messages, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("%s did not come: %v; seen %+v", what, err, seen)
		}
		for i, m := range messages {
			if is(m) {
				// what came with it is told again to who asks
				rest, next := messages[i+1:], s.next
				if len(rest) > 0 {
					s.next = func(context.Context) ([]M, error) { s.next = next; return rest, nil }
				}
				return m
			}
			seen = append(seen, m)
		}
	}
}

// sees waits until the instructor is told of a member who is so.
func (w *world) sees(t *testing.T, class model.Class, what string, is func(model.Member) bool) model.Member {
	t.Helper()
	s, err := w.Follow(t.Context(), class.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var found model.Member
	awaits(t, s, what, func(m model.ClassMessage) bool {
		for _, one := range append(m.Members, deref(m.Member)...) {
			if is(one) {
				found = one
				return true
			}
		}
		return false
	})
	return found
}

func deref(m *model.Member) []model.Member {
	if m == nil {
		return nil
	}
	return []model.Member{*m}
}

func is(err, want error) bool { return errors.Is(err, want) }

func fieldOf(err error) string {
	if f := new(model.FieldError); errors.As(err, &f) {
		return f.Field
	}
	return ""
}

func TestMakeIsBounded(t *testing.T) {
	w := newWorld(t, keep.Memory())
	for _, c := range []struct {
		want  model.NewClass
		field string
	}{
		{model.NewClass{}, "title"},
		{model.NewClass{Title: " \t "}, "title"},
		{model.NewClass{Title: "—!"}, "title"},
		{model.NewClass{Title: "a\u202eb"}, "title"},
		{model.NewClass{Title: string(make([]byte, 3))}, "title"},
		{model.NewClass{Title: fmt.Sprintf("%0101d", 1)}, "title"},
		{model.NewClass{Title: "ok", Instructor: "\x1b[31mred"}, "instructor"},
		{model.NewClass{Title: "ok", Size: 201}, "size"},
		{model.NewClass{Title: "ok", Size: -1}, "size"},
		{model.NewClass{Title: "ok", Lessons: []string{"dns", "none"}}, "lessons[1]"},
		{model.NewClass{Title: "ok", Lessons: []string{"dns", "dns"}}, "lessons[1]"},
		{model.NewClass{Title: "ok", Until: "tomorrow"}, "until"},
		{model.NewClass{Title: "ok", Until: "2026-11-27T08:59:59Z"}, "until"},
		{model.NewClass{Title: "ok", Until: "2026-12-05T09:00:00Z"}, "until"},
	} {
		if _, err := w.Make(t.Context(), c.want); fieldOf(err) != c.field {
			t.Errorf("%+v: got %v, want an error of %s", c.want, err, c.field)
		}
	}
	class := w.make(t, model.NewClass{Title: "  Pods\n and  Services ", Lessons: []string{"policies", "dns"}})
	if class.Title != "Pods and Services" || class.Size != 40 || !class.Open || class.Instructor != "the instructor" || class.Until != "2026-11-27T13:00:00.000Z" {
		t.Errorf("got %+v", class)
	}
}

func TestWhoJoins(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Size: 3})
	info, err := w.JoinInfo(t.Context(), " "+class.Code[:3]+class.Code[4:]+" ")
	if err != nil || info.Left != 3 || !info.Open || info.Title != "Networking" {
		t.Errorf("got %+v, %v", info, err)
	}
	first, second := w.join(t, class, "Ann"), w.join(t, class, " ann ")
	if first.Name != "Ann" || second.Name != "ann (2)" || first.Key == second.Key || first.Class.Key != "" {
		t.Errorf("got %+v and %+v", first, second)
	}
	for name, field := range map[string]string{"": "name", "\u200b": "name", "!!": "name", fmt.Sprintf("%061d", 1): "name"} {
		if _, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: name}); fieldOf(err) != field {
			t.Errorf("%q: got %v", name, err)
		}
	}
	no := false
	if _, err := w.Change(t.Context(), class.Key, model.ClassChange{Open: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: "Eve"}); !is(err, model.ErrConflict) {
		t.Errorf("into a class that is not open: %v", err)
	}
	yes := true
	if _, err := w.Change(t.Context(), class.Key, model.ClassChange{Open: &yes}); err != nil {
		t.Fatal(err)
	}
	w.join(t, class, "Bo")
	if _, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: "Cy"}); !is(err, model.ErrConflict) {
		t.Errorf("into a class that is full: %v", err)
	}
	if err := w.Remove(t.Context(), class.Key, second.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Membership(t.Context(), second.Key); !is(err, ErrNotFound) {
		t.Errorf("who was removed: %v", err)
	}
	w.join(t, class, "Cy") // in their place
	for _, code := range []string{"", "ABC-DEF", "BCD-FGH", "../../x", class.Code + "B", string(make([]byte, 100))} {
		if _, err := w.JoinInfo(t.Context(), code); !is(err, ErrNotFound) {
			t.Errorf("%q: %v", code, err)
		}
	}
}

// slowly is a store that takes a while to write what a member's key is of.
type slowly struct{ keep.Store }

func (s slowly) Put(ctx context.Context, key string, value []byte, revision uint64) (keep.Document, error) {
	if strings.HasPrefix(key, "members/") {
		time.Sleep(2 * time.Millisecond)
	}
	return s.Store.Put(ctx, key, value, revision)
}

// Many who join at once find no more places than there are, and are told apart by their names.
func TestJoiningAtOnce(t *testing.T) {
	w := newWorld(t, slowly{keep.Memory()})
	class := w.make(t, model.NewClass{Size: 5})
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 20 {
		wg.Go(func() {
			_, err := w.Join(t.Context(), model.NewMember{Code: class.Code, Name: "Ann"})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in++
			} else if !is(err, model.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in != 5 {
		t.Errorf("%d of 5 places were taken", in)
	}
	results, err := w.Results(t.Context(), class.Key)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range results.Results {
		names[r.Name] = true
	}
	if len(names) != 5 {
		t.Errorf("they are called %v", names)
	}
}

// What the server saw is what the instructor sees, on any server.
func TestWhatWasSeen(t *testing.T) {
	store := keep.Memory()
	w, other := newWorld(t, store), newWorld(t, store)
	class := w.make(t, model.NewClass{Lessons: []string{"dns"}})
	ann := w.join(t, class, "Ann")
	if _, err := w.OpenSession(t.Context(), ann.Key, "policies", w.sessions.begin); fieldOf(err) != "lesson" {
		t.Errorf("a lesson that is not the class's: %v", err)
	}
	id := w.session(t, ann, "dns")
	if again := w.session(t, ann, "dns"); again != id {
		t.Errorf("who comes back has %s, not %s", again, id)
	}
	w.Moved(id, model.Progress{Lesson: "dns", Step: 2, Hint: 1})
	w.Moved(id, model.Progress{Lesson: "dns", Step: 2, Hint: 1})
	w.Moved(id, model.Progress{Lesson: "dns", Step: 2, Hint: 9, Solution: true})
	w.Moved(id, model.Progress{Lesson: "dns", Step: 9}) // no such step
	w.Applied(id, []model.ApplyResult{{Errors: []model.ApplyError{{Message: "no\x1b such kind"}}}, {Action: "created"}})
	w.Refused(id, `pods "a" not `+"found\x1b")
	w.Refused("somebody's", "no")
	w.clock.move(time.Second)
	w.Checked(id, "dns", 2, []model.CheckResult{{Check: 1, Title: "a pod", Passed: true}, {Check: 2, Title: "a name", Saw: "nobody answers"}})
	w.Checked("somebody's", "dns", 2, []model.CheckResult{{Check: 1, Passed: true}, {Check: 2, Passed: true}})
	m := other.sees(t, class, "what failed", func(m model.Member) bool { return len(m.Failing) > 0 })
	if m.Step != 2 || m.Steps != 3 || m.Passed != 0 || m.Failing[0] != (model.FailingCheck{Check: 2, Title: "a name", Saw: "nobody answers"}) || m.Attempts != 1 {
		t.Errorf("got %+v", m)
	}
	if m.Hints != 2 || m.Errors != 2 || m.LastError != `pods "a" not found\x1b` || m.Session == id || m.Session == "" {
		t.Errorf("got %+v", m)
	}
	w.Checked(id, "dns", 2, []model.CheckResult{{Check: 2, Title: "a name", Passed: true}})
	m = other.sees(t, class, "what passed", func(m model.Member) bool { return m.Passed == 1 })
	if len(m.Failing) != 0 || m.Done["dns"] != 1 {
		t.Errorf("got %+v", m)
	}
	w.Checked(id, "dns", 3, []model.CheckResult{{Check: 1, Passed: true}})
	other.sees(t, class, "the end of the lesson", func(m model.Member) bool { return m.Passed == 2 })
	results, err := other.Results(t.Context(), class.Key)
	if err != nil || len(results.Results) != 1 {
		t.Fatalf("got %+v, %v", results, err)
	}
	r := results.Results[0]
	if r.Name != "Ann" || r.Steps != 2 || r.Passed != 2 || r.Done == "" || r.Attempts != 1 || r.Hints != 2 || r.Errors != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestFollowing(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Instructor: "Tom"})
	s, err := w.Follow(t.Context(), class.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	awaits(t, s, "everything", func(m model.ClassMessage) bool { return m.All && m.Class != nil && m.Class.Code == class.Code })
	ann := w.join(t, class, "Ann")
	awaits(t, s, "Ann", func(m model.ClassMessage) bool { return m.Member != nil && m.Member.Name == "Ann" && !m.Member.Online })
	page, err := w.FollowMember(t.Context(), ann.Key)
	if err != nil {
		t.Fatal(err)
	}
	awaits(t, page, "Ann herself", func(m model.MemberMessage) bool { return m.You != nil && m.You.Name == "Ann" && m.You.Class.Key == "" })
	awaits(t, s, "that she is here", func(m model.ClassMessage) bool { return m.Member != nil && m.Member.Online })
	if err := w.Help(t.Context(), ann.Key, model.HelpRequest{On: true, Text: "what is a\x07 node?"}); err != nil {
		t.Fatal(err)
	}
	awaits(t, s, "that she asks", func(m model.ClassMessage) bool {
		return m.Event != nil && m.Event.Kind == "help" && m.Event.Text == `Ann asks for help: what is a\x07 node?`
	})
	yes, text := true, "Look here"
	if _, err := w.Change(t.Context(), class.Key, model.ClassChange{Frozen: &yes, FreezeText: &text}); err != nil {
		t.Fatal(err)
	}
	awaits(t, page, "the freeze", func(m model.MemberMessage) bool {
		return m.You != nil && m.You.Class.Frozen && m.You.Class.FreezeText == text
	})
	page.Close()
	awaits(t, s, "that she has gone", func(m model.ClassMessage) bool { return m.Member != nil && !m.Member.Online })
	if err := w.Remove(t.Context(), class.Key, ann.ID); err != nil {
		t.Fatal(err)
	}
	awaits(t, s, "that she was removed", func(m model.ClassMessage) bool { return m.Gone == ann.ID })
}
