package feed

import (
	"fmt"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// All viewers get the same bytes, of each message its own, and what is kept is bounded.
func TestEncode(t *testing.T) {
	f := New(Config{LogMessages: 4 * encodings}, model.Session{})
	a, b := f.Subscribe(0), f.Subscribe(0)
	defer b.Close()
	for _, s := range []*Subscription{a, b} {
		if m, err := s.Next(t.Context()); err != nil || m.Snapshot == nil {
			t.Fatal(m, err)
		}
	}
	const published = 3 * encodings
	for i := range published {
		f.Journey(&model.Journey{ID: fmt.Sprint(i)})
	}
	for i := range published {
		var texts [2]string
		for j, s := range []*Subscription{a, b} {
			m, err := s.Next(t.Context())
			if err != nil || m.Journey.ID != fmt.Sprint(i) {
				t.Fatal(m, err)
			}
			text, err := s.Encode(&m)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := s.Encode(&m); &again[0] != &text[0] {
				t.Errorf("journey %d is encoded twice", i)
			}
			texts[j] = string(text)
		}
		if want := fmt.Sprintf(`{"seq":%d,"type":"journey","journey":{"id":"%d"`, i+1, i); texts[0] != texts[1] || len(texts[0]) < len(want) || texts[0][:len(want)] != want {
			t.Fatalf("got %s and %s", texts[0], texts[1])
		}
	}
	if n := len(f.encoder.texts); n != encodings || len(f.encoder.order) != n || f.encoder.bytes > encodingBytes {
		t.Errorf("%d are kept, %d bytes", n, f.encoder.bytes)
	}
	a.Close()
	b.Close()
	if len(f.encoder.texts) != 0 || f.encoder.bytes != 0 {
		t.Error("some are kept for nobody")
	}
}

// What only one viewer is told has the number of what others are told, and is not mixed up.
func TestEncodeOwn(t *testing.T) {
	f := New(Config{}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	for _, m := range []model.Message{{Seq: 7, Type: "lost", Lost: &model.Lost{Count: 1}}, {Seq: 7, Type: "event", Event: &model.Event{Reason: "Pulled"}},
		{Seq: 7, Type: "lost", Lost: &model.Lost{Count: 2}}} {
		text, err := s.Encode(&m)
		if want := fmt.Sprintf(`{"seq":7,"type":%q`, m.Type); err != nil || string(text[:len(want)]) != want {
			t.Errorf("got %s, %v", text, err)
		}
	}
}

// Many viewers rest, so that the session's own work goes on; a few need not.
func TestRest(t *testing.T) {
	f := New(Config{}, model.Session{})
	for viewers, want := range map[int]time.Duration{1: 0, 40: 0, 200: 20 * time.Millisecond, 5000: longest} {
		f.viewers = viewers
		if got := (&Subscription{feed: f}).Rest(); got != want {
			t.Errorf("%d viewers rest for %v, not %v", viewers, got, want)
		}
	}
}
