package classes

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// follows reads a stream as a websocket does, which leaves it every 20 s for a ping.
func follows[M any](t *testing.T, s *Stream[M], take func(M)) {
	var reading sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	reading.Go(func() {
		for ctx.Err() == nil {
			quiet, cancel := context.WithTimeout(ctx, 20*time.Second)
			messages, err := s.Next(quiet)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return
			}
			for _, m := range messages {
				take(m)
			}
		}
	})
	t.Cleanup(func() { stop(); reading.Wait(); s.Close() })
}

// passes lets time pass, in which somebody works or nobody does. Time is synctest's.
func (w *world) passes(d time.Duration, working string) {
	const step = 5 * time.Second
	for range d / step {
		time.Sleep(step)
		w.clock.move(step)
		w.Acted(working)
		synctest.Wait()
	}
}

// Whose page is open is here, whether they work, of which their page is told each time, or sit still.
func TestWhoIsHere(t *testing.T) {
	for name, works := range map[string]bool{"works": true, "sits still": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, keep.Memory())
				class := w.make(t, model.NewClass{})
				ann := w.join(t, class, "Ann")
				working := ""
				if works {
					working = w.session(t, ann, "dns")
				}
				page, err := w.FollowMember(t.Context(), ann.Key)
				if err != nil {
					t.Fatal(err)
				}
				follows(t, page, func(model.MemberMessage) {})
				w.passes(5*time.Minute, working)
				m, err := w.memberOf(t.Context(), ref{hash(class.Key), ann.ID})
				if err != nil || !m.member(w.clock.time()).Online {
					t.Errorf("she is away since %v, %v; it is %v", m.LastSeen, err, w.clock.time())
				}
			})
		})
	}
}

// An instructor is told that a member is away of whom no server says so, though others work all the time.
func TestWhoIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, keep.Memory())
		class := w.make(t, model.NewClass{})
		ann, bo := w.join(t, class, "Ann"), w.join(t, class, "Bo")
		working := w.session(t, bo, "dns")
		w.present(ref{hash(class.Key), ann.ID}) // said by a server that is dead by now
		var mu sync.Mutex
		here := map[string]bool{}
		told, err := w.Follow(t.Context(), class.Key)
		if err != nil {
			t.Fatal(err)
		}
		follows(t, told, func(m model.ClassMessage) {
			mu.Lock()
			defer mu.Unlock()
			for _, one := range append(m.Members, deref(m.Member)...) {
				here[one.Name] = one.Online
			}
		})
		online := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return here["Ann"]
		}
		if w.passes(30*time.Second, working); !online() {
			t.Error("she is away too soon")
		}
		if w.passes(2*time.Minute, working); online() {
			t.Error("she is here still")
		}
	})
}
