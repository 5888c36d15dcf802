package queue

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A world is a machine with so many free places, and a clock.
type world struct {
	room int
	now  time.Time
	ends []time.Time
	*Queue
}

func newWorld(room int) *world {
	w := &world{room: room, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	w.Queue = New(Config{Room: func() int { return w.room }, Ends: func() []time.Time { return w.ends }, Now: func() time.Time { return w.now }})
	return w
}

// enter is a claim; it answers the place of who must wait, nil for who goes on.
func (w *world) enter(t *testing.T, c Claim) *Place {
	t.Helper()
	err := w.Enter(c)
	if err == nil {
		w.room--
		return nil
	}
	p := new(Place)
	if !errors.As(err, &p) {
		t.Fatal(err)
	}
	return p
}

func (w *world) where(t *testing.T, key string) string {
	t.Helper()
	p, err := w.Ask(key)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d of %d %v", p.Place, p.Of, p.Turn)
}

func TestFirstComeFirstServed(t *testing.T) {
	w := newWorld(1)
	if p := w.enter(t, Claim{Person: "first"}); p != nil {
		t.Fatalf("there was a place: %+v", p)
	}
	a, b := w.enter(t, Claim{Person: "a"}), w.enter(t, Claim{Person: "b"})
	if a == nil || b == nil || a.Place != 1 || b.Place != 2 || b.Of != 2 || a.Turn {
		t.Fatalf("%+v, %+v", a, b)
	}
	w.room = 1
	if c := w.enter(t, Claim{Person: "c"}); c == nil || c.Place != 3 {
		t.Errorf("somebody went past those who wait: %+v", c)
	}
	if p := w.enter(t, Claim{Ticket: b.Ticket}); p == nil || p.Turn {
		t.Errorf("the second went past the first: %+v", p)
	}
	if got := w.where(t, a.Ticket); got != "1 of 3 true" {
		t.Errorf("the first: %s", got)
	}
	if p := w.enter(t, Claim{Ticket: a.Ticket}); p != nil {
		t.Errorf("it was their turn: %+v", p)
	}
	if got := w.where(t, a.Ticket); got != ErrGone.Error() {
		t.Errorf("a ticket is used once: %s", got)
	}
	if got := w.where(t, b.Ticket); got != "1 of 2 false" {
		t.Errorf("the second: %s", got)
	}
}

func TestWhoDoesNotAskGivesWay(t *testing.T) {
	w := newWorld(0)
	a, b := w.enter(t, Claim{Person: "a"}), w.enter(t, Claim{Person: "b"})
	w.now = w.now.Add(Patience - time.Second)
	w.where(t, b.Ticket)
	w.now = w.now.Add(2 * time.Second)
	if got := w.where(t, b.Ticket); got != "1 of 1 false" {
		t.Errorf("who asked: %s", got)
	}
	if got := w.where(t, a.Ticket); got != ErrGone.Error() {
		t.Errorf("who did not: %s", got)
	}
}

func TestAPlaceIsHeld(t *testing.T) {
	w := newWorld(0)
	a, b := w.enter(t, Claim{Person: "a"}), w.enter(t, Claim{Person: "b"})
	w.room = 1
	for range 4 {
		if got := w.where(t, a.Ticket) + ", " + w.where(t, b.Ticket); got != "1 of 2 true, 2 of 2 false" {
			t.Fatal(got)
		}
		w.now = w.now.Add(Hold / 4)
	}
	w.now = w.now.Add(time.Second) // though a asks all the time
	if got := w.where(t, b.Ticket); got != "1 of 1 true" {
		t.Errorf("the next: %s", got)
	}
	if got := w.where(t, a.Ticket); got != ErrGone.Error() {
		t.Errorf("who let their turn pass: %s", got)
	}
	w.Leave(b.Ticket)
	if p := w.enter(t, Claim{Person: "c"}); p != nil {
		t.Errorf("nobody waits: %+v", p)
	}
}

func TestMembersFirst(t *testing.T) {
	w := newWorld(0)
	var keys []string
	names := map[string]string{}
	for _, who := range []string{"s1", "s2", "m1", "m2", "m3", "m4", "m5"} {
		p := w.enter(t, Claim{Person: who, Member: who[0] == 'm'})
		keys, names[p.Ticket] = append(keys, p.Ticket), who
	}
	got := ""
	for _, at := range w.List() {
		got += names[at.Ticket] + " "
	}
	if want := "m1 m2 m3 s1 m4 m5 s2 "; got != want {
		t.Errorf("they go %q, not %q", got, want)
	}
	// One whose turn it is keeps it, whoever comes.
	w.room = 1
	w.where(t, keys[2])
	w.enter(t, Claim{Person: "m6", Member: true})
	if got := w.where(t, keys[2]); got != "1 of 8 true" {
		t.Errorf("the first: %s", got)
	}
}

// Places become free one at a time, and members go on coming.
func TestAStrangerGoesAfterThreeMembers(t *testing.T) {
	w := newWorld(0)
	keys := map[string]string{}
	come := func(who string) { keys[w.enter(t, Claim{Person: who, Member: who[0] == 'm'}).Ticket] = who }
	for i := range 8 {
		come(fmt.Sprint("m", i))
	}
	come("s1")
	come("s2")
	var got []string
	for i := range 10 {
		come(fmt.Sprint("m", 8+i))
		w.room = 1
		for _, at := range w.List() {
			if at.Turn {
				got = append(got, keys[at.Ticket])
				w.enter(t, Claim{Ticket: at.Ticket})
			}
		}
	}
	if want := []string{"m0", "m1", "m2", "s1", "m3", "m4", "m5", "s2", "m6", "m7"}; !slices.Equal(got, want) {
		t.Errorf("they went %q, not %q", got, want)
	}
}

func TestHowMany(t *testing.T) {
	w := newWorld(0)
	for range perPerson {
		w.enter(t, Claim{Person: "a"})
	}
	if err := w.Enter(Claim{Person: "a"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	for range most - perPerson {
		w.enter(t, Claim{})
	}
	if err := w.Enter(Claim{Person: "b"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("the line is too long: %v", err)
	}
}

// TestLatest says when sessions end at the latest.
func TestLatest(t *testing.T) {
	w := newWorld(0)
	w.ends = []time.Time{w.now.Add(time.Hour), w.now.Add(time.Minute)}
	a, b, c := w.enter(t, Claim{}), w.enter(t, Claim{}), w.enter(t, Claim{})
	if a.Latest != w.now.Add(time.Minute) || b.Latest != w.now.Add(time.Hour) || !c.Latest.IsZero() {
		t.Errorf("%v, %v, %v", a.Latest, b.Latest, c.Latest)
	}
	w.Keep(a.Ticket, "/playground?nodes=2")
	if got := w.Kept(a.Ticket); got != "/playground?nodes=2" {
		t.Errorf("kept %q", got)
	}
	if err := w.Join(Claim{Person: "found no place"}); err == nil {
		t.Error("nobody was told their place")
	}
}
