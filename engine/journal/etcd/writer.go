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
	fence Fence
	state func() journal.State
	log   *slog.Logger

	// ctx ends what is under way when the writer is closed; its cause is what is told then.
	ctx   context.Context
	end   context.CancelCauseFunc
	work  sync.WaitGroup
	saved sync.Mutex // one Save at a time
	kept  int64      // revision of the session's file, for who holds saved
	head  int64      // that of the head, for who writes a snapshot: one at a time

	mu         sync.Mutex // held by one append, compaction or end at a time, and while it waits for etcd
	generation uint64     // of the log
	pieces     int        // of it
	torn       bool       // behind them there may be some of what was refused: the log goes on no more
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
		fence: fence}
	w.ctx, w.end = context.WithCancelCause(context.Background())
	if w.head, w.kept, err = k.revisions(ctx, id); err != nil {
		return nil, err
	}
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
	at := func(n int) string { return piece(w.of, "snapshot", next, n) }
	for n := range all[:len(all)-1] {
		if _, err := w.commit(ctx, put{at(n), string(all[n]), 0}); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(head{Format: format, Generation: next, Pieces: len(all)})
	if err != nil {
		return 0, err
	}
	head, err := w.commit(ctx, put{w.of + "head", string(text), w.head}, clientv3.OpPut(at(len(all)-1), string(all[len(all)-1])),
		clientv3.OpDelete(w.of+"snapshot/", clientv3.WithRange(from(w.of, "snapshot", next))),
		clientv3.OpDelete(w.of+"log/", clientv3.WithRange(from(w.of, "log", next))))
	if err == nil {
		w.head = head
	}
	return len(packed), err
}

// A put writes a key that was written at a revision; 0: that is not there.
type put struct {
	key, value string
	was        int64
}

// commit puts a key, and does other things with that, if the session is this host's, and again as
// long as nobody knows what became of it, until ctx is done. Then it may be made yet: any try may
// arrive late, after what was written behind it. So each compares when the key was written
// last, and one that is late is refused. It returns when the key is written now.
func (w *writer) commit(ctx context.Context, p put, ops ...clientv3.Op) (now int64, err error) {
	ops = append(ops, clientv3.OpPut(p.key, p.value))
	for wait, unknown := retryFirst, false; ; wait = min(2*wait, retryMost) {
		asked, stop := context.WithTimeout(ctx, etcd.Timeout)
		got, err := w.k.cfg.Client.Txn(asked).If(w.fence.holds(), clientv3.Compare(clientv3.ModRevision(p.key), "=", p.was)).
			Then(ops...).Else(w.fence.read(), clientv3.OpGet(p.key)).Commit()
		stop()
		switch {
		case err == nil && got.Succeeded:
			return got.Header.Revision, nil
		case err == nil && !w.fence.held(got.Responses[0]):
			return 0, journal.ErrFenced
		case err == nil:
			// While the fence holds nobody else writes here: it was an earlier try, of this or of
			// what was given up before.
			p.was = 0
			for _, kv := range got.Responses[1].GetResponseRange().Kvs {
				if p.was = kv.ModRevision; string(kv.Value) == p.value {
					return p.was, nil
				}
			}
			continue
		case etcd.Refused(err) && !unknown:
			return 0, etcd.Plain(err)
		}
		if !unknown && ctx.Err() == nil {
			w.log.Warn("etcd does not answer, and is asked again", "err", etcd.Plain(err))
		}
		unknown = true
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return 0, cause
			}
			return 0, etcd.Plain(err)
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
	if err := w.mend(); err != nil {
		return err
	}
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

// mend has a new log go on from a new snapshot, if something was refused of which there are pieces in
// the log: a piece that was written is never written over, because its writing may come late.
// w.mu is held.
func (w *writer) mend() error {
	if !w.torn {
		return nil
	}
	w.work.Wait()
	w.compact() // what was under way is done
	s := w.state()
	if s.Revision < w.last {
		return fmt.Errorf("the session's journal cannot be mended: the state is of revision %d, and %d is the last", s.Revision, w.last)
	}
	size, err := w.write(w.ctx, s, w.generation+1)
	if err != nil {
		return err
	}
	w.generation++
	w.torn, w.pieces, w.size, w.older, w.snapshot = false, 0, 0, 0, size
	w.compactAt = max(w.k.cfg.Least, size)
	return nil
}

// put writes to the log. w.mu is held.
func (w *writer) put(ctx context.Context, b []byte) error {
	if w.pieces == 0 {
		b = append(journal.LogHead(), b...)
	}
	n := w.pieces
	for part := range slices.Chunk(b, mostPiece) {
		if _, err := w.commit(ctx, put{piece(w.of, "log", w.generation, n), string(part), 0}); err != nil {
			w.torn = n > w.pieces
			return err
		}
		n++
	}
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
	if len(w.lazy) == 0 || w.closed || w.torn {
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
	kept, err := w.commit(ctx, put{keptPrefix + w.id, string(text), w.kept})
	if err == nil {
		w.kept = kept
	}
	return err
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
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := w.k.remove(ctx, w.id, w.fence)
		if err == nil || errors.Is(err, journal.ErrFenced) || etcd.Refused(err) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}
