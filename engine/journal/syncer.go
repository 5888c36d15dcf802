package journal

import (
	"sync"
	"time"
)

// A Syncer makes what journals have written outlast the power, Every so often while
// there is something: one journal after another, so that hundreds do not crowd the disk.
// It is safe for concurrent use, and costs nothing while nothing is written.
type Syncer struct {
	Every time.Duration

	mu    sync.Mutex
	dirty []*Journal
	timer *time.Timer // nil while nothing is dirty
}

func (s *Syncer) add(j *Journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = append(s.dirty, j)
	if s.timer == nil {
		s.timer = time.AfterFunc(s.Every, s.round)
	}
}

func (s *Syncer) round() {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	for _, j := range dirty {
		j.sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	if len(s.dirty) > 0 {
		s.timer = time.AfterFunc(s.Every, s.round)
	}
}
