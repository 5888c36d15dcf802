package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/internal/etcd"
)

const (
	// mostLazy is how much may wait that need not be written, in bytes.
	mostLazy = 64 << 10
	// retryFirst and retryMost are between two tries of a transaction of which nobody knows what
	// became.
	retryFirst, retryMost = 50 * time.Millisecond, time.Second
)

// A writer is a session that this host has.
type writer struct {
	k     *Keeper
	id    string
	of    string
	fence clientv3.Cmp
	state func() journal.State
	log   *slog.Logger

	// ctx ends what is under way when the writer is closed; its cause is what is told then.
	ctx   context.Context
	end   context.CancelCauseFunc
	work  sync.WaitGroup
	saved sync.Mutex // one Save at a time

	mu         sync.Mutex // held by one append, compaction or end at a time, and while it waits for etcd
	generation uint64     // of the log
	pieces     int        // of it
	torn       bool       // behind them there may be some of what was refused
	size       int        // bytes of the log
	older      int        // of those that the snapshot does not have yet
	snapshot   int        // bytes
	last       uint64     // revision that was acknowledged
	lazy       []byte     // records that are acknowledged, and not written
	timer      *time.Timer
	closed     bool
	removed    bool

	compaction sync.Mutex // guards what follows, which a compaction changes behind appends
	compacting bool
	compactAt  int        // of size and older
	done       *compacted // what mu's owner has to take over
}

type compacted struct {
	snapshot, older int // bytes: of the new one, and what it has of the logs
	err             error
}

// Create implements journal.Keeper.
func (k *Keeper) Create(ctx context.Context, id string, begin journal.State, state func() journal.State, log *slog.Logger) (journal.Writer, error) {
	fence, err := k.cfg.Fence(ctx, id)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = k.cfg.Log
	}
	w := &writer{k: k, id: id, of: of(id), state: state, log: log, last: begin.Revision, compactAt: k.cfg.Least,
		fence: clientv3.Compare(clientv3.CreateRevision(fence.Key), "=", fence.Created)}
	w.ctx, w.end = context.WithCancelCause(context.Background())
	w.generation = 1
	err = k.scan(ctx, w.of, clientv3.GetPrefixRangeEnd(w.of), func(key string, _ []byte) error {
		if key == w.of+"head" {
			return nil
		}
		g, _, err := parsePiece(key)
		w.generation = max(w.generation, g+1)
		return err
	}, clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	if w.snapshot, err = w.write(ctx, begin, w.generation); err != nil {
		return nil, err
	}
	w.compactAt = max(w.compactAt, w.snapshot)
	return w, nil
}

// write puts a snapshot in the place of the one before and of the logs that it has, and
// returns its size.
func (w *writer) write(ctx context.Context, s journal.State, next uint64) (size int, err error) {
	packed, err := pack(s, next)
	if err != nil {
		return 0, err
	}
	all := slices.Collect(slices.Chunk(packed, mostPiece))
	ops := func(n int) clientv3.Op { return clientv3.OpPut(piece(w.of, "snapshot", next, n), string(all[n])) }
	for n := range all[:len(all)-1] {
		if err := w.commit(ctx, ops(n)); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(head{Format: format, Generation: next, Pieces: len(all)})
	if err != nil {
		return 0, err
	}
	return len(packed), w.commit(ctx, ops(len(all)-1), clientv3.OpPut(w.of+"head", string(text)),
		clientv3.OpDelete(w.of+"snapshot/", clientv3.WithRange(from(w.of, "snapshot", next))),
		clientv3.OpDelete(w.of+"log/", clientv3.WithRange(from(w.of, "log", next))))
}

// commit makes a transaction, if the session is this host's, and again as long as nobody
// knows what became of it, until ctx is done: it says the same each time. Once that is unknown
// a refusal is of the next try alone, and the first may be made yet.
func (w *writer) commit(ctx context.Context, ops ...clientv3.Op) error {
	for wait, unknown := retryFirst, false; ; wait = min(2*wait, retryMost) {
		asked, stop := context.WithTimeout(ctx, etcd.Timeout)
		got, err := w.k.cfg.Client.Txn(asked).If(w.fence).Then(ops...).Commit()
		stop()
		switch {
		case err == nil && got.Succeeded:
			return nil
		case err == nil:
			return journal.ErrFenced
		case etcd.Refused(err) && !unknown:
			return etcd.Plain(err)
		}
		if !unknown && ctx.Err() == nil {
			w.log.Warn("etcd does not answer, and is asked again", "err", etcd.Plain(err))
		}
		unknown = true
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return etcd.Plain(err)
		}
	}
}

// Append implements journal.Writer.
func (w *writer) Append(c journal.Change, lazy bool) error {
	return w.AppendAll([]journal.Change{c}, lazy)
}

// AppendAll implements journal.BatchWriter.
func (w *writer) AppendAll(changes []journal.Change, lazy bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.removed:
		return nil
	case w.closed:
		return journal.ErrClosed
	}
	w.compact()
	b, deletions := slices.Clone(w.lazy), true
	for _, c := range changes {
		b = journal.AppendRecord(b, c)
		deletions = deletions && c.Value == nil
	}
	limit := w.k.cfg.Limit
	if deletions {
		limit += limit / 8
	}
	if w.snapshot+w.older+w.size+len(b) > limit {
		return fmt.Errorf("%w: %d MiB", journal.ErrFull, w.k.cfg.Limit>>20)
	}
	if lazy && len(b) < mostLazy {
		w.lazy, w.last = b, changes[len(changes)-1].Revision
		if w.timer == nil {
			w.timer = time.AfterFunc(w.k.cfg.Lazily, w.flushLater)
		}
		return nil
	}
	if err := w.put(w.ctx, b); err != nil {
		return err
	}
	w.lazy, w.last = nil, changes[len(changes)-1].Revision
	return nil
}

// put writes to the log. w.mu is held.
func (w *writer) put(ctx context.Context, b []byte) error {
	if w.pieces == 0 {
		b = append(journal.LogHead(), b...)
	}
	n := w.pieces
	for part := range slices.Chunk(b, mostPiece) {
		ops := []clientv3.Op{clientv3.OpPut(piece(w.of, "log", w.generation, n), string(part))}
		if w.torn {
			ops = append(ops, clientv3.OpDelete(piece(w.of, "log", w.generation, n+1), clientv3.WithRange(from(w.of, "log", w.generation+1))))
		}
		if err := w.commit(ctx, ops...); err != nil {
			w.torn = w.torn || n > w.pieces
			return err
		}
		n++
	}
	w.torn = false
	w.pieces, w.size = n, w.size+len(b)
	return nil
}

// flushLater writes what waits.
func (w *writer) flushLater() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = nil
	if err := w.flush(w.ctx); err != nil && !w.closed {
		w.log.Warn("keeping leases", "err", err) // the next change that is kept takes them along
	}
}

// flush is with w.mu held.
func (w *writer) flush(ctx context.Context) error {
	if len(w.lazy) == 0 || w.closed {
		return nil
	}
	err := w.put(ctx, w.lazy)
	if err == nil {
		w.lazy = nil
	}
	return err
}

// compact goes on in a new log and has a snapshot written that the old ones are not needed
// for, if that is due. The state has all that was acknowledged. w.mu is held.
func (w *writer) compact() {
	w.compaction.Lock()
	defer w.compaction.Unlock()
	if done := w.done; done != nil {
		w.done, w.compacting = nil, false
		if done.err == nil {
			w.snapshot, w.older = done.snapshot, w.older-done.older
			w.compactAt = max(w.k.cfg.Least, w.snapshot)
		} else {
			w.log.Warn("the session's journal cannot be made shorter", "err", done.err)
			w.compactAt = w.size + w.older + w.k.cfg.Least
		}
	}
	logs := w.size + w.older
	// Of what is nearly full much may have been written over or deleted since.
	due := logs > w.compactAt || w.snapshot+logs > w.k.cfg.Limit/4*3 && logs > w.k.cfg.Least/4
	if w.compacting || w.torn || !due {
		return
	}
	s := w.state()
	if s.Revision < w.last {
		w.log.Warn("the session's journal cannot be made shorter", "state", s.Revision, "last", w.last)
		w.compactAt = logs + w.k.cfg.Least
		return
	}
	w.older, w.size, w.pieces, w.generation = w.older+w.size, 0, 0, w.generation+1
	older, generation := w.older, w.generation
	w.compacting = true
	w.work.Go(func() {
		size, err := w.write(w.ctx, s, generation)
		w.compaction.Lock()
		defer w.compaction.Unlock()
		w.done = &compacted{snapshot: size, older: older, err: err}
	})
}

// Save implements journal.Writer.
func (w *writer) Save(text []byte) error {
	w.saved.Lock()
	defer w.saved.Unlock()
	ctx, cancel := context.WithTimeout(w.ctx, etcd.Timeout)
	defer cancel()
	return w.commit(ctx, clientv3.OpPut(keptPrefix+w.id, string(text)))
}

// Close implements journal.Writer. It waits for etcd as long as that may take to answer.
func (w *writer) Close() error {
	// What is under way without an answer ends then, and not before.
	late := time.AfterFunc(etcd.Timeout, func() { w.end(fmt.Errorf("%w: %w", journal.ErrClosed, rpctypes.ErrTimeout)) })
	defer late.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	err := w.flush(w.ctx)
	w.stop()
	return err
}

// stop ends all that is under way. w.mu is held.
func (w *writer) stop() {
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.end(journal.ErrClosed)
	w.work.Wait()
}

// Remove implements journal.Writer.
func (w *writer) Remove() error {
	w.end(journal.ErrClosed) // nobody wants it any more
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.removed {
		return nil
	}
	w.stop()
	w.removed = true
	ctx, cancel := context.WithTimeout(context.Background(), etcd.Timeout)
	defer cancel()
	return w.commit(ctx, removal(w.id)...)
}
