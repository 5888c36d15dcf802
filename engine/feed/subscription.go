package feed

import (
	"context"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Subscription is one viewer's place in a Feed. Next and Batch must not be
// called at once by two goroutines; Close may be called at any time.
type Subscription struct {
	feed  *Feed
	done  chan struct{}
	close sync.Once

	seq   uint64 // the last message that the viewer has
	fresh bool   // it has nothing yet
	queue []model.Message
	lost  uint64

	// journeys is how many of the feed's the viewer had or was told that it missed, the
	// first ones; counted since it was given a snapshot.
	journeys uint64
	counted  bool
}

// Subscribe starts a viewer after the message whose Seq is after, or, if after is
// 0 or that place is not held any more, with a snapshot. Close it.
func (f *Feed) Subscribe(after uint64) *Subscription {
	f.mu.Lock()
	f.viewers++
	f.mu.Unlock()
	f.tellWatched()
	return &Subscription{feed: f, done: make(chan struct{}), seq: after, fresh: after == 0}
}

// Close lets go of the viewer and ends a Next that waits. It may be called twice.
func (s *Subscription) Close() {
	s.close.Do(func() {
		close(s.done)
		s.feed.mu.Lock()
		if s.feed.viewers--; s.feed.viewers == 0 {
			s.feed.log.drop(s.feed.cfg.LogBytes / 4)
			s.feed.encoder.forget()
		}
		s.feed.mu.Unlock()
		s.feed.tellWatched()
	})
}

// Lost counts the journeys that this viewer was told it missed.
func (s *Subscription) Lost() uint64 { return s.lost }

// restful is by how much each viewer adds to everybody's rest, up to longest.
const (
	restful = 100 * time.Microsecond
	longest = 100 * time.Millisecond
)

// Rest is how long this viewer does well to wait before it asks for more: with many of
// them, what comes meanwhile is better sent at once. It is nothing for a few.
func (s *Subscription) Rest() time.Duration {
	d := min(longest, time.Duration(s.feed.Viewers())*restful)
	if d < 5*time.Millisecond {
		return 0
	}
	return d
}

// Next waits for the next message. Its errors are ctx's, and ErrClosed once the
// session or the subscription is closed.
func (s *Subscription) Next(ctx context.Context) (model.Message, error) {
	if len(s.queue) == 0 {
		batch, err := s.Batch(ctx, 1)
		if err != nil {
			return model.Message{}, err
		}
		s.queue = batch
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	return m, nil
}

// Batch waits for the next message and returns what else is there, at most
// limit messages (a snapshot and its loss count as one). Its errors are Next's.
func (s *Subscription) Batch(ctx context.Context, limit int) ([]model.Message, error) {
	if len(s.queue) > 0 {
		batch := s.queue
		s.queue = nil
		return batch, nil
	}
	for {
		batch, wake, err := s.take(limit)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.done:
			return nil, ErrClosed
		}
	}
}

// take returns what there is, or what to wait for.
func (s *Subscription) take(limit int) ([]model.Message, chan struct{}, error) {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.fresh {
		s.fresh = false
		return s.resnapshot(f, false), nil, nil
	}
	batch, ok := f.log.after(s.seq, f.seq, limit)
	if !ok {
		return s.resnapshot(f, true), nil, nil
	}
	if len(batch) > 0 {
		s.seq = batch[len(batch)-1].Seq
		for i := range batch {
			if batch[i].Journey != nil {
				s.journeys++
			}
		}
		return batch, nil, nil
	}
	if f.away {
		return nil, nil, ErrAway
	}
	if f.closed {
		return nil, nil, ErrClosed
	}
	if f.wake == nil {
		f.wake = make(chan struct{})
	}
	return nil, f.wake, nil
}

// resnapshot starts the viewer afresh. What it lost is told after the snapshot,
// with the next Seq: the snapshot steps back by one to make room for it, so that
// a viewer who counts sees no gap. One who is cut off in between comes back for
// one message that the snapshot had already.
func (s *Subscription) resnapshot(f *Feed, behind bool) []model.Message {
	batch := []model.Message{f.snapshot()}
	if behind && s.seq < f.seq {
		if missed := s.missed(&f.journeys); missed > 0 {
			s.lost += missed
			batch[0].Seq--
			batch = append(batch, model.Message{Seq: f.seq, Type: "lost", Lost: &model.Lost{
				Count: missed, Reason: "journeys that passed before this viewer could read them",
			}})
		}
	}
	s.seq = f.seq
	s.journeys, s.counted = f.journeys.all(), true
	return batch
}

// missed is how many journeys passed that the viewer can be told no more. Of who came
// back with a Seq alone it is known only as far as the dropped are remembered.
func (s *Subscription) missed(r *recent) uint64 {
	if s.counted {
		return r.gone - min(r.gone, s.journeys)
	}
	return r.missed(s.seq)
}

// tellWatched calls Watched with what is true now. Two calls at once are put in
// order, and the later one finds the truth.
func (f *Feed) tellWatched() {
	if f.cfg.Watched == nil {
		return
	}
	f.watch.Lock()
	defer f.watch.Unlock()
	if watched := f.Viewers() > 0; watched != f.watched {
		f.watched = watched
		f.cfg.Watched(watched)
	}
}
