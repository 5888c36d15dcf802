package feed

import (
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

func shows(text string) *model.Presenting {
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
func TestPresent(t *testing.T) {
	long := strings.Repeat("kind: Pod\nmetadata: {name: web}\n---\n", 100)
	f := New(Config{}, model.Session{})
	s := f.Subscribe(0)
	defer s.Close()
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := ""
	for i, now := range []string{"", "a", "a\nb", long, long + "more", "first\n" + long + "more", strings.Replace(long, "web", "wéb💡", 1), strings.Repeat("\n", 20), "", "x\n", long} {
		f.Present(shows(now))
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
	f.Present(shows(long)) // as it was: not told
	moved := shows(long)
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
