package gate

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// spent is where documents of used work are, and in them until when they matter.
const spent = "spent/"

// sweeping is how often those that matter no more are removed.
const sweeping = time.Minute

// A Spender notes used work in a store, so that all its servers know, after a restart too.
// There are as many documents as work was done in ten minutes.
type Spender struct {
	store keep.Store
	now   func() time.Time

	mu    sync.Mutex
	swept time.Time
}

// NewSpender returns one for a store.
func NewSpender(store keep.Store) *Spender { return &Spender{store: store, now: time.Now} }

// Spend is Config.Spend.
func (s *Spender) Spend(ctx context.Context, id string, until time.Time) (first bool, err error) {
	s.sweep(ctx)
	_, err = s.store.Put(ctx, spent+keyOf(id), []byte(strconv.FormatInt(until.Unix(), 10)), 0)
	if errors.Is(err, keep.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// sweep removes what is over, now and then. What it cannot remove, the next one will.
func (s *Spender) sweep(ctx context.Context) {
	now := s.now()
	s.mu.Lock()
	due := now.Sub(s.swept) >= sweeping
	if due {
		s.swept = now
	}
	s.mu.Unlock() // nobody waits for whoever sweeps
	if !due {
		return
	}
	all, err := s.store.List(ctx, spent)
	if err != nil {
		return
	}
	for _, d := range all {
		if until, err := strconv.ParseInt(string(d.Value), 10, 64); err != nil || until < now.Unix() {
			_ = s.store.Delete(ctx, d.Key, d.Revision)
		}
	}
}

// keyOf makes a key of an ID, which has capital letters that keys have not.
func keyOf(id string) string {
	raw, err := encoding.DecodeString(id)
	if err != nil {
		return "-"
	}
	return hex.EncodeToString(raw)
}
