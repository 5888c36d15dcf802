package classes

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// looked is a world in which an instructor looks at a member's session.
func looked(t *testing.T) (w *world, class model.Class, ann model.Joined, id, view string) {
	t.Helper()
	w = newWorld(t, keep.Memory())
	class = w.make(t, model.NewClass{Instructor: "Tom"})
	ann = w.join(t, class, "Ann")
	id = w.session(t, ann, "dns")
	view, err := w.Look(t.Context(), class.Key, ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, class, ann, id, view
}

// replacing has a session be replaced by another while the next view is made, and answers that.
func (w *world) replacing(t *testing.T, id string) (now string) {
	t.Helper()
	now, err := w.sessions.begin()
	if err != nil {
		t.Fatal(err)
	}
	w.views.made = func() {
		w.views.made = nil
		_ = w.views.Move(t.Context(), id, now)
		w.Replaced(t.Context(), id, now)
	}
	return now
}

// A session that is begun anew while the keyboard is given, or taken back, leaves no view that nobody knows of:
// that which there is, is the one that the member is told of.
func TestControlOfWhatIsReplaced(t *testing.T) {
	w, class, ann, id, _ := looked(t)
	only := func(want string) {
		t.Helper()
		m, err := w.memberOf(t.Context(), ref{hash(class.Key), ann.ID})
		if all := w.views.now(); err != nil || len(all) != 1 || all[m.View] != want {
			t.Errorf("got %v, of which %q is told, %v; want %s", all, m.View, err, want)
		}
	}
	if _, err := w.AskControl(t.Context(), class.Key, ann.ID); err != nil {
		t.Fatal(err)
	}
	now := w.replacing(t, id)
	if err := w.Consent(t.Context(), ann.Key, true); err != nil {
		t.Error(err)
	}
	only(now + " true Tom")
	then := w.replacing(t, now)
	if err := w.TakeControl(t.Context(), ann.Key); err != nil {
		t.Error(err)
	}
	only(then + " false Tom")
}

// A view lasts for as long as the class may, though it is given more time later.
func TestViewsLast(t *testing.T) {
	w, class, _, _, view := looked(t)
	later := "2026-12-04T08:59:00Z"
	if _, err := w.Change(t.Context(), class.Key, model.ClassChange{Until: &later}); err != nil {
		t.Fatal(err)
	}
	if until := w.views.last[view]; until.Format(time.RFC3339) < later {
		t.Errorf("it ends at %s, the class at %s", until, later)
	}
}

// A session whose time was up is a member's no more once somebody asks, and neither is a view of it.
func TestWhatHasEndedByItself(t *testing.T) {
	w, class, ann, id, _ := looked(t)
	w.sessions.mu.Lock()
	delete(w.sessions.open, id)
	w.sessions.mu.Unlock()
	if view, err := w.Look(t.Context(), class.Key, ann.ID); !is(err, model.ErrConflict) {
		t.Errorf("got %q, %v", view, err)
	}
	m, err := w.Membership(t.Context(), ann.Key)
	if err != nil || m.SessionID != "" || m.Looking != "" || len(w.views.now()) != 0 {
		t.Errorf("got %+v, %v, and views %v", m, err, slices.Collect(maps.Keys(w.views.now())))
	}
}
