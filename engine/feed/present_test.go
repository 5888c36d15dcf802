package feed

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func shown(text string) *model.Presenting {
	return &model.Presenting{Tab: "editor", Hop: -1, File: &model.PresentedFile{Name: "a.yaml", Text: &text}}
}

// follow does with a text what the page does.
func follow(text string, p *model.Presenting) string {
	switch {
	case p.File == nil:
		return ""
	case p.File.Text != nil:
		return *p.File.Text
	case p.File.Edit != nil:
		e, lines := p.File.Edit, strings.Split(text, "\n")
		next := append(append(append([]string{}, lines[:e.From]...), e.Put...), lines[e.From+e.Drop:]...)
		return strings.Join(next, "\n")
	}
	return text
}

// Whoever follows has the text that was shown, from changes that are shorter than the text.
func TestPresent(t *testing.T) { synctest.Test(t, testPresent) }

func testPresent(t *testing.T) {
	long := strings.Repeat("kind: Pod\nmetadata: {name: web}\n---\n", 100)
	f := New(Config{}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := ""
	for i, now := range []string{"", "a", "a\nb", long, long + "more", "first\n" + long + "more", strings.Replace(long, "web", "wéb💡", 1), strings.Repeat("\n", 20), "", "x\n", long} {
		f.Present(shown(now))
		m, err := s.Next(t.Context())
		if err != nil || m.Presenting == nil {
			t.Fatalf("%d: %+v %v", i, m, err)
		}
		if text = follow(text, m.Presenting); text != now {
			t.Errorf("%d: followed to %q, not to %q", i, text, now)
		}
		if (i == 4 || i == 5) && (m.Presenting.File.Edit == nil || editSize(m.Presenting.File.Edit) > 200) {
			t.Errorf("%d: a small change is told as %+v", i, m.Presenting.File)
		}
	}
	f.Present(shown(long)) // as it was: not told
	moved := shown(long)
	moved.File.Head = 7
	f.Present(moved)
	if m, err := s.Next(t.Context()); err != nil || m.Presenting.File.Text != nil || m.Presenting.File.Edit != nil || m.Presenting.File.Head != 7 {
		t.Errorf("a cursor that moved: %+v %v", m.Presenting, err)
	}
	// Who comes later has all of it.
	late := f.Subscribe(0)
	defer late.Close()
	if m, err := late.Next(t.Context()); err != nil || m.Snapshot.Presenting == nil || *m.Snapshot.Presenting.File.Text != long {
		t.Errorf("the snapshot: %+v %v", m.Snapshot, err)
	}
	f.Present(nil)
	if m, err := s.Next(t.Context()); err != nil || !m.Presenting.Off {
		t.Errorf("the end: %+v %v", m, err)
	}
	if past := f.Timeline(); len(past.Changes) != 0 {
		t.Errorf("recordings have %d of it", len(past.Changes))
	}
}

// Who shows more than can be told is told of as they go: the latest, and in the end what came last.
func TestPresentTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{}, model.Session{})
		s := f.Subscribe(0)
		defer s.Close()
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, told, bytes := "", 0, 0
		all := make(chan struct{})
		go func() {
			defer close(all)
			for {
				m, err := s.Next(t.Context())
				if err != nil || m.Type == "closed" {
					return
				}
				told++
				bytes += presentingSize(m.Presenting)
				text = follow(text, m.Presenting)
			}
		}()
		last := ""
		for i := range 1000 { // 10 s
			last = strings.Repeat(string(rune('a'+i%26)), 64<<10)
			f.Present(shown(last))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if text != last || told < 10 || bytes > 12*showRate {
			t.Errorf("told %d times, of %d bytes; the last is shown: %v", told, bytes, text == last)
		}
		told = 0
		for i := range 1000 { // 10 s of small changes
			f.Present(shown(last + "\n" + strings.Repeat("x", i)))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if text != last+"\n"+strings.Repeat("x", 999) || told < 10 || told > 52 {
			t.Errorf("told %d times; the last is shown: %v", told, text == last+"\n"+strings.Repeat("x", 999))
		}
		// What is not shown any more is not shown later.
		f.Present(shown("a"))
		f.Present(shown("b"))
		f.Present(nil)
		f.Present(shown("c"))
		f.Close()
		<-all
		if f.shows.timer != nil || f.shows.next != nil {
			t.Error("something is left to be shown")
		}
	})
}

func TestWatching(t *testing.T) {
	f := New(Config{}, model.Session{})
	f.SetWatching(1)
	s := f.Subscribe(0)
	defer s.Close()
	if m, err := s.Next(t.Context()); err != nil || m.Snapshot == nil || m.Snapshot.Watching != 1 {
		t.Fatalf("the snapshot: %+v %v", m, err)
	}
	for _, count := range []int{1, 2, 2, 5} {
		f.SetWatching(count)
	}
	for _, want := range []int{2, 5} {
		if m, err := s.Next(t.Context()); err != nil || m.Watching == nil || m.Watching.Count != want {
			t.Errorf("told %+v, want %d: %v", m.Watching, want, err)
		}
	}
}
