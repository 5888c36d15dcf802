package classes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

func TestPushIsValid(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Lessons: []string{"dns"}})
	ann := w.join(t, class, "Ann")
	stranger := w.join(t, w.make(t, model.NewClass{}), "Eve")
	for _, c := range []struct {
		push  model.Push
		field string
	}{
		{model.Push{}, "kind"},
		{model.Push{Kind: "shell"}, "kind"},
		{model.Push{Kind: "message"}, "text"},
		{model.Push{Kind: "hint", Text: " \n"}, "text"},
		{model.Push{Kind: "message", Text: strings.Repeat("é", 4001)}, "text"},
		{model.Push{Kind: "message", Text: "\xff"}, "text"},
		{model.Push{Kind: "message", Text: "ok", Apply: true}, "apply"},
		{model.Push{Kind: "manifest"}, "manifest"},
		{model.Push{Kind: "lesson"}, "lesson"},
		{model.Push{Kind: "lesson", Lesson: "policies"}, "lesson"},
		{model.Push{Kind: "step", Lesson: "dns", Step: 4}, "step"},
		{model.Push{Kind: "step"}, "step"},
		{model.Push{Kind: "fault"}, "fault"},
		{model.Push{Kind: "message", Text: "ok", To: []string{ann.ID, stranger.ID}}, "to[1]"},
		{model.Push{Kind: "message", Text: "ok", To: []string{"../" + ann.ID}}, "to[0]"},
	} {
		if _, err := w.Push(t.Context(), class.Key, c.push); fieldOf(err) != c.field {
			t.Errorf("%+v: got %v, want an error of %s", c.push, err, c.field)
		}
	}
	if _, err := w.Push(t.Context(), class.Key, model.Push{Kind: "manifest", Manifest: strings.Repeat("a", 50<<10)}); !is(err, model.ErrTooLarge) {
		t.Errorf("a large manifest: %v", err)
	}
}

func TestPush(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Instructor: "Tom"})
	ann, bo := w.join(t, class, "Ann"), w.join(t, class, "Bo")
	id := w.session(t, ann, "dns")
	page, err := w.FollowMember(t.Context(), ann.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	w.sees(t, class, "Ann here", func(m model.Member) bool { return m.Name == "Ann" && m.Online })
	push := func(p model.Push) []model.PushResult {
		t.Helper()
		results, err := w.Push(t.Context(), class.Key, p)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		return results
	}
	results := push(model.Push{Kind: "message", Text: "Hello\x1b all"})
	if len(results) != 2 || !results[0].Done || results[0].Name != "Ann" || results[1].Done || !strings.Contains(results[1].Text, "if they come back") {
		t.Errorf("got %+v", results)
	}
	n := awaits(t, page, "the message", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice
	if n.By != "Tom" || n.Push.Text != `Hello\x1b all` || n.Push.To != nil {
		t.Errorf("got %+v", n)
	}
	results = push(model.Push{Kind: "fault", Fault: "dns", Settings: &model.FaultSettings{Loss: 100}})
	if !results[0].Done || results[0].Text != "broken" || results[1].Done || results[1].Text != "They have no session now." {
		t.Errorf("got %+v", results)
	}
	results = push(model.Push{Kind: "fault", Fault: "none", To: []string{ann.ID}})
	if len(results) != 1 || results[0].Done || !strings.Contains(results[0].Text, "no such fault") {
		t.Errorf("got %+v", results)
	}
	push(model.Push{Kind: "manifest", Manifest: "kind: Pod", To: []string{ann.ID, ann.ID}}) // it is only offered
	n = awaits(t, page, "the offer, and no word of faults", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice
	if n.Push.Kind != "manifest" || n.Result != nil {
		t.Errorf("got %+v", n)
	}
	results = push(model.Push{Kind: "manifest", Manifest: "bad", Apply: true, To: []string{ann.ID}})
	if results[0].Done || len(results[0].Results) != 2 || !strings.Contains(results[0].Text, "1 of 2 objects were not taken: no kind is set") {
		t.Errorf("got %+v", results)
	}
	results = push(model.Push{Kind: "manifest", Manifest: "good", Apply: true, To: []string{ann.ID}})
	if !results[0].Done {
		t.Errorf("got %+v", results)
	}
	results = push(model.Push{Kind: "start-over"})
	if !results[0].Done {
		t.Errorf("got %+v", results)
	}
	m, err := w.Membership(t.Context(), ann.Key)
	if err != nil || m.SessionID == id || !w.sessions.there(m.SessionID) {
		t.Errorf("who has begun anew has %+v, %v", m, err)
	}
	want := []string{id + " has dns by 100", id + " applies good", id + ` starts over with "dns"`}
	if got := w.sessions.log(); !slices.Equal(got, want) {
		t.Errorf("did %q, want %q", got, want)
	}
	// A page that comes later is told what was sent to it in the last minutes, once each.
	late, err := w.FollowMember(t.Context(), bo.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if n := awaits(t, late, "the message", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice; n.Push.Kind != "message" {
		t.Errorf("got %+v", n)
	}
	if n := awaits(t, late, "what came next", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice; n.Push.Kind != "start-over" || n.Result == nil {
		t.Errorf("got %+v", n)
	}
	w.clock.move(replayed)
	later, err := w.FollowMember(t.Context(), bo.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	push(model.Push{Kind: "message", Text: "now"})
	if n := awaits(t, later, "what is new alone", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice; n.Push.Text != "now" {
		t.Errorf("got %+v", n)
	}
}

// Of two that are sent at once, a page is told both, whichever is there first.
func TestNoticesInAnyOrder(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{})
	page, err := w.FollowMember(t.Context(), w.join(t, class, "Ann").Key)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	for _, n := range []int{2, 1} {
		w.see(event(t, noticeAt(hash(class.Key), n), uint64(1e9-n), noticeDoc{N: n, Time: w.clock.time(), Push: model.Push{Kind: "message", Text: "hi"}}))
		if got := awaits(t, page, "a notice", func(m model.MemberMessage) bool { return m.Notice != nil }).Notice; got.ID != fmt.Sprint(n) {
			t.Errorf("got %+v, not the one of number %d", got, n)
		}
	}
}

// A class is sent so much at once, and keeps so many.
func TestPushesAreBounded(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{})
	w.join(t, class, "Ann")
	sent := 0
	for sent < 200 {
		_, err := w.Push(t.Context(), class.Key, model.Push{Kind: "message", Text: fmt.Sprint(sent)})
		if is(err, ErrTooOften) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		sent++
	}
	if sent != pushesAtOnce {
		t.Errorf("%d pushes were sent at once", sent)
	}
	for range noticesKept {
		w.clock.move(time.Second)
		if _, err := w.Push(t.Context(), class.Key, model.Push{Kind: "message", Text: "more"}); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := w.store.List(t.Context(), below+hash(class.Key)+"/notices/")
	if err != nil || len(kept) != noticesKept {
		t.Errorf("%d notices are kept, %v", len(kept), err)
	}
}

func TestPagesAreBounded(t *testing.T) {
	w := newWorld(t, keep.Memory())
	ann := w.join(t, w.make(t, model.NewClass{}), "Ann")
	for range 2 { // those that were closed do not count
		var pages []*Stream[model.MemberMessage]
		for range pagesAtMost {
			page, err := w.FollowMember(t.Context(), ann.Key)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
		}
		if _, err := w.FollowMember(t.Context(), ann.Key); !is(err, ErrTooOften) {
			t.Errorf("one page more: %v", err)
		}
		for _, page := range pages {
			page.Close()
		}
	}
}

func TestFrozen(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class, other := w.make(t, model.NewClass{Instructor: "Tom"}), w.make(t, model.NewClass{})
	ann := w.join(t, class, "Ann")
	id := w.session(t, ann, "dns")
	yes, no, text := true, false, "Look here"
	freeze := func(f *bool) {
		t.Helper()
		if _, err := w.Change(t.Context(), class.Key, model.ClassChange{Frozen: f, FreezeText: &text}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, frozen := w.Frozen(id, ""); frozen {
		t.Error("it is frozen from the beginning")
	}
	freeze(&yes)
	for _, c := range []struct {
		session, key string
		frozen       bool
	}{
		{id, "", true},
		{id, other.Key, true},
		{id, ann.Key, true},
		{id, class.Key, false},
		{"other", "", false},
	} {
		by, said, frozen := w.Frozen(c.session, c.key)
		if frozen != c.frozen || frozen && (by != "Tom" || said != text) {
			t.Errorf("%+v: got %v by %q: %q", c, frozen, by, said)
		}
	}
	freeze(&no)
	if _, _, frozen := w.Frozen(id, ""); frozen {
		t.Error("it is frozen still")
	}
}

func TestLookAndControl(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{Instructor: "Tom"})
	ann := w.join(t, class, "Ann")
	ctx := t.Context()
	if _, err := w.Look(ctx, class.Key, ann.ID); !is(err, model.ErrConflict) {
		t.Errorf("without a session: %v", err)
	}
	id := w.session(t, ann, "")
	look := func() string {
		t.Helper()
		view, err := w.Look(ctx, class.Key, ann.ID)
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	view := look()
	if again := look(); again != view || w.views.now()[view] != id+" false Tom" {
		t.Errorf("got %s and %s of %v", view, again, w.views.now())
	}
	you := func() model.Membership {
		t.Helper()
		m, err := w.Membership(ctx, ann.Key)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if you().Looking != "Tom" {
		t.Errorf("she is told %+v", you())
	}
	if err := w.Consent(ctx, ann.Key, true); !is(err, model.ErrConflict) {
		t.Errorf("consent to nothing: %v", err)
	}
	ask := func() {
		t.Helper()
		if _, err := w.AskControl(ctx, class.Key, ann.ID); err != nil {
			t.Fatal(err)
		}
		if m := you(); m.Control != "asked" || m.AnswerIn != 60 {
			t.Errorf("she is told %+v", m)
		}
	}
	ask()
	w.clock.move(20 * time.Second)
	if m := you(); m.AnswerIn != 40 {
		t.Errorf("20 s later she has %d s to answer", m.AnswerIn)
	}
	w.clock.move(patience - 20*time.Second)
	if m := you(); m.Control != "" || m.AnswerIn != 0 {
		t.Error("she is asked for longer than a minute")
	}
	if err := w.Consent(ctx, ann.Key, true); !is(err, model.ErrConflict) {
		t.Errorf("consent that is too late: %v", err)
	}
	ask()
	if err := w.Consent(ctx, ann.Key, false); err != nil || you().Control != "" || len(w.views.now()) != 1 {
		t.Errorf("a refusal: %v, %+v, %v", err, you(), w.views.now())
	}
	ask()
	if err := w.Consent(ctx, ann.Key, true); err != nil || you().Control != "given" {
		t.Errorf("consent: %v, %+v", err, you())
	}
	m := w.sees(t, class, "that she gave it", func(m model.Member) bool { return m.Control == "given" })
	if all := w.views.now(); len(all) != 1 || all[m.View] != id+" true Tom" || m.View == view {
		t.Errorf("got %s of %v", m.View, all)
	}
	if err := w.TakeControl(ctx, ann.Key); err != nil || you().Control != "" || you().Looking != "Tom" {
		t.Errorf("taken back: %v, %+v", err, you())
	}
	for _, of := range w.views.now() {
		if of != id+" false Tom" {
			t.Errorf("a view is of %s still", of)
		}
	}
	ask()
	if err := w.EndControl(ctx, class.Key, ann.ID); err != nil || you().Control != "" {
		t.Errorf("a question taken back: %v, %+v", err, you())
	}
	ask()
	if err := w.Consent(ctx, ann.Key, true); err != nil {
		t.Fatal(err)
	}
	now := w.session(t, ann, "policies") // who looks goes along
	for _, of := range w.views.now() {
		if of != now+" true Tom" {
			t.Errorf("a view is of %s still", of)
		}
	}
	if err := w.EndControl(ctx, class.Key, ann.ID); err != nil || you().Control != "" {
		t.Errorf("given back: %v, %+v", err, you())
	}
	if err := w.LookAway(ctx, class.Key, ann.ID); err != nil || you().Looking != "" || len(w.views.now()) != 0 {
		t.Errorf("looked away: %v, %+v, %v", err, you(), w.views.now())
	}
	look()
	w.Closed(ctx, now)
	if you().SessionID != "" || you().Looking != "" || len(w.views.now()) != 0 {
		t.Errorf("without a session: %+v, %v", you(), w.views.now())
	}
}

// Keys open what they are for, and nothing else.
func TestKeysOfOthers(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class, other := w.make(t, model.NewClass{}), w.make(t, model.NewClass{})
	ann, eve := w.join(t, class, "Ann"), w.join(t, other, "Eve")
	w.session(t, ann, "dns")
	ctx, id := t.Context(), hash(class.Key)
	for _, key := range []string{"", ann.Key, eve.Key, id, "class-", "class-" + strings.Repeat("a", 26), class.Key + "a", strings.ToUpper(class.Key), "class-../" + id, " " + class.Key} {
		for what, err := range map[string]error{
			"get": errOf(w.Get(ctx, key)), "change": errOf(w.Change(ctx, key, model.ClassChange{})), "close": errOf(w.Close(ctx, key)),
			"follow": errOf(w.Follow(ctx, key)), "push": errOf(w.Push(ctx, key, model.Push{Kind: "message", Text: "hi"})),
			"results": errOf(w.Results(ctx, key)), "remove": w.Remove(ctx, key, ann.ID), "look": errOf(w.Look(ctx, key, ann.ID)),
			"look away": w.LookAway(ctx, key, ann.ID), "ask": errOf(w.AskControl(ctx, key, ann.ID)), "end": w.EndControl(ctx, key, ann.ID),
		} {
			if !is(err, ErrNotFound) {
				t.Errorf("%s with %q: %v", what, key, err)
			}
		}
	}
	// The instructor of one class reaches nobody of another.
	for _, member := range []string{eve.ID, "", ".", "../" + eve.ID, eve.ID + "/..", "a/b"} {
		for what, err := range map[string]error{
			"remove": w.Remove(ctx, class.Key, member), "look": errOf(w.Look(ctx, class.Key, member)), "look away": w.LookAway(ctx, class.Key, member),
			"ask": errOf(w.AskControl(ctx, class.Key, member)), "end": w.EndControl(ctx, class.Key, member),
		} {
			if !is(err, ErrNotFound) {
				t.Errorf("%s %q: %v", what, member, err)
			}
		}
	}
	for _, key := range []string{"", class.Key, "member-" + strings.Repeat("a", 26), ann.ID, ann.Key + "a", hash(ann.Key)} {
		_, opened := w.OpenSession(ctx, key, "dns", w.sessions.begin)
		for what, err := range map[string]error{
			"membership": errOf(w.Membership(ctx, key)), "follow": errOf(w.FollowMember(ctx, key)), "help": w.Help(ctx, key, model.HelpRequest{On: true}),
			"consent": w.Consent(ctx, key, true), "take": w.TakeControl(ctx, key), "open": opened,
		} {
			if !is(err, ErrNotFound) {
				t.Errorf("%s with %q: %v", what, key, err)
			}
		}
	}
	if w.ByClass("session0001", other.Key) || !w.ByClass("session0001", class.Key) || w.ByClass("session0001", ann.Key) {
		t.Error("the session is of another class")
	}
}

func errOf[T any](_ T, err error) error { return err }

// What is in documents is no key of a class, and names of documents are no keys at all.
func TestDocumentsHaveNoKeys(t *testing.T) {
	w := newWorld(t, keep.Memory())
	class := w.make(t, model.NewClass{})
	ann := w.join(t, class, "Ann")
	all, err := w.store.List(context.Background(), "")
	if err != nil || len(all) != 4 {
		t.Fatalf("got %d documents, %v", len(all), err)
	}
	for _, d := range all {
		if strings.Contains(string(d.Value), class.Key) || strings.Contains(d.Key, class.Key) || strings.Contains(d.Key, ann.Key) {
			t.Errorf("%s: %s", d.Key, d.Value)
		}
	}
}
