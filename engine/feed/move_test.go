package feed

import (
	"testing"

	"github.com/podhop/podhop/engine/model"
)

// Who watches a session that is started over is told where it went.
func TestMove(t *testing.T) {
	f := New(Config{}, model.Session{ID: "old"})
	s := f.Subscribe(0)
	defer s.Close()
	if _, err := s.Next(t.Context()); err != nil { // the snapshot
		t.Fatal(err)
	}
	f.Move(model.Session{ID: "new"})
	f.Close()
	var last model.Message
	for {
		m, err := s.Next(t.Context())
		if err != nil {
			break
		}
		last = m
	}
	if last.Type != "closed" || last.Session == nil || last.Session.ID != "new" {
		t.Errorf("the last that was told: %+v", last)
	}
}
