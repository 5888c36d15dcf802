package terminal

import (
	"context"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const (
	// Chunk is how much a viewer is given at once, in bytes.
	Chunk = 32 << 10
	// most is the largest size of a terminal that is passed on, in characters.
	most = 1000
)

// A Viewer looks at a terminal and types into it. Next is for one goroutine; the others
// are safe for concurrent use.
type Viewer struct {
	t *terminal

	// Under t.mu.
	at     int64     // the number of the next byte to be seen
	lost   bool      // what comes next is not what follows on what was seen
	told   bool      // that the program is over
	moved  time.Time // when it last took something
	spared bool      // the program waits for it no more
}

// Seen is what there is to see next: one of the three.
type Seen struct {
	// Reset says that what comes next is all that is kept, not what follows. A viewer
	// begins with it, and so it goes on when the program was too fast for it.
	Reset bool
	Data  []byte
	// Ended says that the program is over, and Code how it ended.
	Ended bool
	Code  int
}

// Next waits for more to see. It fails with ctx's error, or with model.ErrClosed when the
// terminal is gone, or ErrAway when its server goes.
func (v *Viewer) Next(ctx context.Context) (Seen, error) {
	for {
		seen, changed, err := v.next()
		if changed == nil {
			return seen, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Seen{}, ctx.Err()
		case <-v.t.ctx.Done():
		}
	}
}

// next is what there is now, or what to wait for.
func (v *Viewer) next() (seen Seen, changed <-chan struct{}, err error) {
	t := v.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return seen, nil, t.gone()
	case v.lost || v.at < t.kept.begin():
		v.lost, v.at = false, t.kept.whole()
		seen.Reset = true
	case v.at < t.kept.end:
		seen.Data = t.kept.read(v.at, Chunk)
		v.at += int64(len(seen.Data))
		if t.kept.end-v.at <= int64(t.cfg.Ahead) {
			v.spared = false
			t.tell() // there is room for more
		}
	case t.info.Ended && !v.told:
		v.told = true
		seen.Ended, seen.Code = true, t.info.Code
	default:
		return seen, t.changed, nil
	}
	v.moved = time.Now()
	return seen, nil, nil
}

// Type gives the program input. It waits while the program does not read, until ctx
// ends. What is typed when it is over is nobody's.
func (v *Viewer) Type(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	select {
	case v.t.input <- p:
		return nil
	case <-v.t.ended:
		return nil
	case <-v.t.ctx.Done():
		return v.t.gone()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resize has the program told how large this viewer's screen is. Of several viewers the
// last one wins.
func (v *Viewer) Resize(s Size) error {
	if s.Columns < 1 || s.Rows < 1 || s.Columns > most || s.Rows > most {
		return &model.FieldError{Field: "columns and rows", Detail: fmt.Sprintf("must be between 1 and %d", most)}
	}
	v.t.resize(s)
	return nil
}

// Close looks no more. The program goes on.
func (v *Viewer) Close() {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	delete(v.t.viewers, v)
	v.t.tell()
}
