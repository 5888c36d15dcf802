// Package etcd keeps documents in an etcd that several servers share: each under
// documents/KEY, with etcd's own revisions.
package etcd

import (
	"bytes"
	"context"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/together"
	"github.com/podhop/podhop/server/keep"
)

const (
	prefix = "documents/"
	// pageOf is how many documents are read in one request, of a list or of who asks at the same
	// time: 16 MiB at most.
	pageOf = 16
	// retryFirst and retryMost are between two tries to watch.
	retryFirst, retryMost = 50 * time.Millisecond, 2 * time.Second
)

// A Store implements keep.Store.
type Store struct {
	client *clientv3.Client
	reads  *together.Asker[string, keep.Document]
}

// New returns a Store. The client is of package internal/etcd: its keys are all ours.
func New(client *clientv3.Client) *Store {
	s := &Store{client: client}
	s.reads = together.New(pageOf, s.read)
	return s
}

// Get implements keep.Store. What is asked for at the same time is read at once, so that whoever makes
// up keys costs no more of etcd the faster they do.
func (s *Store) Get(ctx context.Context, key string) (keep.Document, error) {
	d, ok, err := s.reads.Get(ctx, key)
	if err == nil && !ok {
		err = keep.ErrNotFound
	}
	d.Value = bytes.Clone(d.Value) // another may have asked for the same
	return d, etcd.Plain(err)
}

// read has those of the keys that there are, each as of the same revision.
func (s *Store) read(keys []string) (map[string]keep.Document, error) {
	ctx, cancel := context.WithTimeout(context.Background(), etcd.Timeout)
	defer cancel()
	var ops []clientv3.Op
	for _, key := range keys {
		ops = append(ops, clientv3.OpGet(prefix+key))
	}
	got, err := s.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return nil, err
	}
	all := map[string]keep.Document{}
	for i, key := range keys {
		for _, kv := range got.Responses[i].GetResponseRange().Kvs {
			all[key] = keep.Document{Key: key, Value: kv.Value, Revision: uint64(kv.ModRevision)}
		}
	}
	return all, nil
}

// List implements keep.Store.
func (s *Store) List(ctx context.Context, below string) ([]keep.Document, error) {
	all, _, err := s.list(ctx, below)
	return all, err
}

// list says as of which revision it is, too.
func (s *Store) list(ctx context.Context, below string) (all []keep.Document, revision int64, err error) {
	begin, end := prefix+below, clientv3.GetPrefixRangeEnd(prefix+below)
	for {
		asked, cancel := context.WithTimeout(ctx, etcd.Timeout)
		got, err := s.client.Get(asked, begin, clientv3.WithRange(end), clientv3.WithLimit(pageOf), clientv3.WithRev(revision))
		cancel()
		if err != nil {
			return nil, 0, etcd.Plain(err)
		}
		if revision == 0 {
			revision = got.Header.Revision
		}
		for _, kv := range got.Kvs {
			begin = string(kv.Key) + "\x00"
			all = append(all, keep.Document{Key: strings.TrimPrefix(string(kv.Key), prefix), Value: kv.Value, Revision: uint64(kv.ModRevision)})
		}
		if !got.More {
			return all, revision, nil
		}
	}
}

// Put implements keep.Store. It is tried once: of a second try nobody could tell whether it
// was the first that came between.
func (s *Store) Put(ctx context.Context, key string, value []byte, revision uint64) (keep.Document, error) {
	if err := keep.Check(key, value); err != nil {
		return keep.Document{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := s.client.Txn(ctx).If(is(key, revision)).Then(clientv3.OpPut(prefix+key, string(value))).Commit()
	if err != nil {
		return keep.Document{}, etcd.Plain(err)
	}
	if !got.Succeeded {
		return keep.Document{}, keep.ErrConflict
	}
	return keep.Document{Key: key, Value: append([]byte{}, value...), Revision: uint64(got.Header.Revision)}, nil
}

// is compares the revision of a document; 0: there is none.
func is(key string, revision uint64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(prefix+key), "=", int64(revision))
}

// Delete implements keep.Store.
func (s *Store) Delete(ctx context.Context, key string, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := s.client.Txn(ctx).If(is(key, revision), clientv3.Compare(clientv3.Version(prefix+key), ">", 0)).
		Then(clientv3.OpDelete(prefix + key)).Else(clientv3.OpGet(prefix+key, clientv3.WithKeysOnly())).Commit()
	switch {
	case err != nil:
		return etcd.Plain(err)
	case got.Succeeded:
		return nil
	case got.Responses[0].GetResponseRange().Count == 0:
		return keep.ErrNotFound
	}
	return keep.ErrConflict
}

// Watch implements keep.Store. While the etcd is away nothing is seen; afterwards, what has
// changed meanwhile.
func (s *Store) Watch(ctx context.Context, below string, see func(keep.Event), sync func()) error {
	w := &watch{store: s, below: below, see: see, known: map[string]uint64{}}
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryMost) {
		revision, err := w.look(ctx)
		if err == nil {
			if sync != nil {
				sync()
				sync = nil
			}
			wait = retryFirst
			w.follow(ctx, revision)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return nil
}

// A watch knows which revision of each document was seen.
type watch struct {
	store *Store
	below string
	see   func(keep.Event)
	known map[string]uint64
}

// look shows what is not as it was seen, and returns as of which revision.
func (w *watch) look(ctx context.Context) (revision int64, err error) {
	all, revision, err := w.store.list(ctx, w.below)
	if err != nil {
		return 0, err
	}
	there := make(map[string]bool, len(all))
	for _, d := range all {
		there[d.Key] = true
		if w.known[d.Key] != d.Revision {
			w.show(ctx, keep.Event{Document: d})
		}
	}
	for key := range w.known {
		if !there[key] {
			w.show(ctx, keep.Event{Document: keep.Document{Key: key, Revision: uint64(revision)}, Gone: true})
		}
	}
	return revision, nil
}

// follow shows what changes after a revision, until etcd has nothing more to tell.
func (w *watch) follow(ctx context.Context, revision int64) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for got := range w.store.client.Watch(ctx, prefix+w.below, clientv3.WithPrefix(), clientv3.WithRev(revision+1)) {
		if got.Err() != nil { // compacted meanwhile, or without a leader
			return
		}
		for _, e := range got.Events {
			w.show(ctx, keep.Event{Gone: e.Type == clientv3.EventTypeDelete,
				Document: keep.Document{Key: strings.TrimPrefix(string(e.Kv.Key), prefix), Value: e.Kv.Value, Revision: uint64(e.Kv.ModRevision)}})
		}
	}
}

func (w *watch) show(ctx context.Context, e keep.Event) {
	if ctx.Err() != nil {
		return
	}
	if e.Gone {
		delete(w.known, e.Key)
	} else {
		w.known[e.Key] = e.Revision
	}
	w.see(e)
}
