package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/stream"
)

// ErrGone is how Follow ends when the session does.
var ErrGone = stream.ErrGone

const (
	firstWait   = 250 * time.Millisecond
	longestWait = 10 * time.Second
)

var errMissing = errors.New("messages are missing")

// Follow hands each message of the session's stream to take, once and in order. Where
// the line breaks it comes back for the rest, and says so to waiting before. It ends
// with ctx's error, take's, or ErrGone.
func (s *Session) Follow(ctx context.Context, take func(model.Message) error, waiting func(why error, wait time.Duration)) error {
	var seq uint64
	var failed error // of take
	tries := 0
	for {
		q := url.Values{}
		if seq > 0 {
			q.Set("after", strconv.FormatUint(seq, 10))
		}
		err := stream.Read(ctx, s.at("stream", q).String(), func(m model.Message) error {
			tries = 0
			switch {
			case m.Type == "closed":
				return ErrGone
			case m.Snapshot == nil && seq > 0 && m.Seq <= seq:
				return nil // told already, before the line broke
			case m.Snapshot == nil && seq > 0 && m.Seq > seq+1:
				seq = 0 // nobody said why: begin with a fresh snapshot
				return errMissing
			}
			seq = m.Seq
			failed = take(m)
			return failed
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case failed != nil:
			return failed
		case errors.Is(err, ErrGone):
			return ErrGone
		}
		wait := time.Duration(float64(min(longestWait, firstWait<<min(tries, 10))) * (0.75 + rand.Float64()/2))
		tries++
		waiting(reason(err), wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
