// Package etcd keeps sessions in an etcd that several hosts share. What a host writes of a
// session is written only if the session is still that host's: each transaction compares the
// key by which it has it.
//
// Below the prefix of the client:
//
//	kept/ID                          the session's file: there is a session as long as that is there
//	journal/ID/head                  which snapshot counts, as JSON (type head)
//	journal/ID/snapshot/GEN/PIECE    a snapshot of package journal, compressed by gzip, in pieces
//	journal/ID/log/GEN/PIECE         the logs from that snapshot on, in pieces: the bytes of a
//	                                 log of package journal, cut anywhere
//	damaged/ID/...                   the same of a session that could not be read
//
// GEN and PIECE are 16 hexadecimal digits. Changes that wait together are one piece, and
// one transaction. A log that has outgrown its snapshot is left for a new one, while a new snapshot
// is written beside it, and then put in the place of the old one, together with its logs.
// etcd bounds a request (1.5 MiB): pieces are smaller, and what is larger takes several; one that
// was not finished is the torn end of a log, and cut off by who reads it.
//
// It knows bytes under keys, and neither Kubernetes nor hosts.
package etcd

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/internal/etcd"
)

const (
	keptPrefix    = "kept/"
	journalPrefix = "journal/"
	damagedPrefix = "damaged/"

	// mostPiece bounds values, in bytes.
	mostPiece = 512 << 10
	// pageOf is how many values are read in one request.
	pageOf = 16
)

// A Fence is a key that is there, made at that revision, as long as a host has a session.
type Fence struct {
	Key     string
	Created int64
}

// holds compares it, read reads it, and held says whether that found it.
func (f Fence) holds() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(f.Key), "=", f.Created)
}

func (f Fence) read() clientv3.Op { return clientv3.OpGet(f.Key, clientv3.WithKeysOnly()) }

func (f Fence) held(read *etcdserverpb.ResponseOp) bool {
	kvs := read.GetResponseRange().Kvs
	return len(kvs) > 0 && kvs[0].CreateRevision == f.Created
}

// Config says where sessions are kept. Zero fields take the defaults named.
type Config struct {
	// Client is of package internal/etcd: its keys are all ours.
	Client *clientv3.Client
	// Fence says by which key this host has a session; of one that is new it makes it. It fails with
	// journal.ErrFenced if the host does not have it.
	Fence func(ctx context.Context, id string) (Fence, error)
	// Least is the size of a log that is worth a new snapshot, in bytes: 256 KiB.
	Least int
	// Limit bounds what a session has here, in bytes: 16 MiB, and while a snapshot is written
	// twice that. Deletions may go an eighth beyond it.
	Limit int
	// Lazily is after how long changes are written that need not be: a minute.
	Lazily time.Duration
	Log    *slog.Logger
}

// A Keeper implements journal.Keeper.
type Keeper struct{ cfg Config }

// New returns a Keeper. It asks nothing yet.
func New(cfg Config) *Keeper {
	if cfg.Least == 0 {
		cfg.Least = 256 << 10
	}
	if cfg.Limit == 0 {
		cfg.Limit = 16 << 20
	}
	if cfg.Lazily == 0 {
		cfg.Lazily = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{cfg}
}

// head says which snapshot counts.
type head struct {
	Format     int    `json:"format"`
	Generation uint64 `json:"generation"` // of the snapshot, and of the first log that goes on from it
	Pieces     int    `json:"pieces"`
}

const format = 1

func of(id string) string { return journalPrefix + id + "/" }

func piece(of, kind string, generation uint64, n int) string {
	return fmt.Sprintf("%s%s/%016x/%016x", of, kind, generation, n)
}

// from is where the pieces of a generation begin.
func from(of, kind string, generation uint64) string {
	return fmt.Sprintf("%s%s/%016x/", of, kind, generation)
}

// List implements journal.Keeper.
func (k *Keeper) List(ctx context.Context) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := k.cfg.Client.Get(ctx, keptPrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, etcd.Plain(err)
	}
	for _, kv := range got.Kvs {
		ids = append(ids, strings.TrimPrefix(string(kv.Key), keptPrefix))
	}
	return ids, nil
}

// Last counts up with what is written of sessions: of two it says more of the one that was
// written last. It is 0 if there is nothing, or etcd does not say.
func (k *Keeper) Last(ctx context.Context, id string) int64 {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := k.cfg.Client.Get(ctx, of(id), clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend), clientv3.WithLimit(1))
	if err != nil || len(got.Kvs) == 0 {
		return 0
	}
	return got.Kvs[0].ModRevision
}

// File implements journal.Keeper.
func (k *Keeper) File(ctx context.Context, id string) ([]byte, error) {
	return k.get(ctx, keptPrefix+id)
}

func (k *Keeper) get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := k.cfg.Client.Get(ctx, key)
	if err != nil {
		return nil, etcd.Plain(err)
	}
	if len(got.Kvs) == 0 {
		return nil, fs.ErrNotExist
	}
	return got.Kvs[0].Value, nil
}

// revisions are those at which a session's head and its file were written; 0: they are not there.
func (k *Keeper) revisions(ctx context.Context, id string) (head, kept int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := k.cfg.Client.Txn(ctx).Then(clientv3.OpGet(of(id)+"head", clientv3.WithKeysOnly()), clientv3.OpGet(keptPrefix+id, clientv3.WithKeysOnly())).Commit()
	if err != nil {
		return 0, 0, etcd.Plain(err)
	}
	for i, at := range []*int64{&head, &kept} {
		for _, kv := range got.Responses[i].GetResponseRange().Kvs {
			*at = kv.ModRevision
		}
	}
	return head, kept, nil
}

// scan calls see with each key from begin to before end, in order, as of one revision.
func (k *Keeper) scan(ctx context.Context, begin, end string, see func(key string, value []byte) error, options ...clientv3.OpOption) error {
	var revision int64
	for {
		asked, cancel := context.WithTimeout(ctx, etcd.Timeout)
		got, err := k.cfg.Client.Get(asked, begin, append(options, clientv3.WithRange(end), clientv3.WithLimit(pageOf), clientv3.WithRev(revision))...)
		cancel()
		if err != nil {
			return etcd.Plain(err)
		}
		revision = got.Header.Revision
		for _, kv := range got.Kvs {
			if err := see(string(kv.Key), kv.Value); err != nil {
				return err
			}
			begin = string(kv.Key) + "\x00"
		}
		if !got.More {
			return nil
		}
	}
}

// Read implements journal.Keeper. Whoever calls it has the session, so that nobody writes it.
func (k *Keeper) Read(ctx context.Context, id string) (journal.State, journal.Report, error) {
	h, err := k.head(ctx, id)
	if err != nil {
		return journal.State{}, journal.Report{}, err
	}
	var packed []byte
	pieces := 0
	err = k.scan(ctx, from(of(id), "snapshot", h.Generation), from(of(id), "snapshot", h.Generation+1), func(_ string, value []byte) error {
		packed = append(packed, value...)
		pieces++
		return nil
	})
	if err != nil {
		return journal.State{}, journal.Report{}, err
	}
	snapshot, err := unpack(packed)
	if err != nil || pieces != h.Pieces {
		return journal.State{}, journal.Report{}, fmt.Errorf("%w: the snapshot has %d of %d pieces, %w", journal.ErrDamaged, pieces, h.Pieces, err)
	}
	logs, err := k.logs(ctx, id, h.Generation)
	if err != nil {
		return journal.State{}, journal.Report{}, err
	}
	return journal.Replay(snapshot, logs)
}

func (k *Keeper) head(ctx context.Context, id string) (h head, err error) {
	text, err := k.get(ctx, of(id)+"head")
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Format != format {
		return h, fmt.Errorf("%w: its head is %q", journal.ErrDamaged, text)
	}
	return h, nil
}

// logs are those from a generation on: there is none between them that is missing.
func (k *Keeper) logs(ctx context.Context, id string, generation uint64) (logs [][]byte, err error) {
	pieces := 0
	err = k.scan(ctx, from(of(id), "log", generation), of(id)+"log0", func(key string, value []byte) error {
		at, n, err := parsePiece(key)
		switch {
		case err != nil:
			return err
		case at == generation+uint64(len(logs)) && n == 0:
			logs, pieces = append(logs, nil), 0
		case len(logs) == 0 || at != generation+uint64(len(logs))-1 || n != pieces:
			return fmt.Errorf("%w: there is no piece before %s", journal.ErrDamaged, key)
		}
		logs[len(logs)-1] = append(logs[len(logs)-1], value...)
		pieces++
		return nil
	})
	return logs, err
}

func parsePiece(key string) (generation uint64, n int, err error) {
	parts := strings.Split(key, "/")
	if len(parts) < 2 {
		return 0, 0, fmt.Errorf("%w: key %q", journal.ErrDamaged, key)
	}
	generation, err = strconv.ParseUint(parts[len(parts)-2], 16, 64)
	last, nerr := strconv.ParseUint(parts[len(parts)-1], 16, 31)
	if err = errors.Join(err, nerr); err != nil {
		return 0, 0, fmt.Errorf("%w: key %q", journal.ErrDamaged, key)
	}
	return generation, int(last), nil
}

// pack writes a state as a snapshot, compressed.
func pack(s journal.State, next uint64) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = journal.WriteSnapshot(z, s, next)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

// mostUnpacked bounds what a snapshot unpacks to, in bytes.
const mostUnpacked = 1 << 30

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, mostUnpacked))
	if err == nil && len(text) == mostUnpacked {
		err = errors.New("it is too large")
	}
	return text, err
}

// Remove implements journal.Keeper. It fails with journal.ErrFenced, as SetAside does: who lost the
// session while they looked at it may have seen what another was writing.
func (k *Keeper) Remove(ctx context.Context, id string) error {
	fence, err := k.cfg.Fence(ctx, id)
	if err != nil {
		return err
	}
	return k.remove(ctx, id, fence)
}

func (k *Keeper) remove(ctx context.Context, id string, fence Fence) error {
	return k.fenced(ctx, fence, clientv3.OpDelete(keptPrefix+id), clientv3.OpDelete(of(id), clientv3.WithPrefix()))
}

// fenced makes a transaction once, if the session is this host's.
func (k *Keeper) fenced(ctx context.Context, fence Fence, ops ...clientv3.Op) error {
	ctx, cancel := context.WithTimeout(ctx, etcd.Timeout)
	defer cancel()
	got, err := k.cfg.Client.Txn(ctx).If(fence.holds()).Then(ops...).Commit()
	if err == nil && !got.Succeeded {
		return journal.ErrFenced
	}
	return etcd.Plain(err)
}

// SetAside implements journal.Keeper.
func (k *Keeper) SetAside(ctx context.Context, id string) (where string, err error) {
	fence, err := k.cfg.Fence(ctx, id)
	if err != nil {
		return "", err
	}
	where = damagedPrefix + id + "/"
	move := func(key string, value []byte) error {
		return k.fenced(ctx, fence, clientv3.OpPut(where+key, string(value)))
	}
	err = k.scan(ctx, of(id), clientv3.GetPrefixRangeEnd(of(id)), move)
	if err == nil {
		err = k.scan(ctx, keptPrefix+id, keptPrefix+id+"\x00", move)
	}
	if err == nil {
		err = k.remove(ctx, id, fence)
	}
	return where, err
}
