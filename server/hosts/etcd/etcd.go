// Package etcd asks a real etcd what package hosts wants asked. It must not know why.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/server/hosts"
	"github.com/podhop/podhop/server/hosts/protocol"
)

// A Store has all its keys below a prefix of its own. It is safe for concurrent use.
type Store struct {
	client *clientv3.Client
	prefix string
}

var _ hosts.Etcd = (*Store)(nil)

// New returns a Store that asks by a client, which stays its caller's.
func New(client *clientv3.Client, prefix string) *Store { return &Store{client, prefix} }

// Key is the whole of a key, as others who share the etcd know it.
func (s *Store) Key(name string) string { return s.prefix + name }

// Grant implements hosts.Etcd. etcd counts whole seconds; parts count as one more.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (protocol.Lease, error) {
	lease, err := s.client.Grant(ctx, int64(math.Ceil(ttl.Seconds())))
	if err != nil {
		return 0, err
	}
	return protocol.Lease(lease.ID), nil
}

// Renew implements hosts.Etcd.
func (s *Store) Renew(ctx context.Context, lease protocol.Lease) error {
	_, err := s.client.KeepAliveOnce(ctx, clientv3.LeaseID(lease))
	return told(err)
}

// Revoke implements hosts.Etcd.
func (s *Store) Revoke(ctx context.Context, lease protocol.Lease) error {
	_, err := s.client.Revoke(ctx, clientv3.LeaseID(lease))
	return told(err)
}

func told(err error) error {
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("%w: %w", hosts.ErrNoLease, err)
	}
	return err
}

// Do implements hosts.Etcd.
func (s *Store) Do(ctx context.Context, lease protocol.Lease, txn protocol.Txn) (out protocol.Outcome, err error) {
	var conditions []clientv3.Cmp
	for _, c := range txn.If {
		created := clientv3.CreateRevision(s.Key(c.Key))
		if c.Created == protocol.Present {
			conditions = append(conditions, clientv3.Compare(created, ">", 0))
		} else {
			conditions = append(conditions, clientv3.Compare(created, "=", c.Created))
		}
	}
	var then, otherwise []clientv3.Op
	for _, c := range txn.Then {
		switch {
		case c.Delete:
			then = append(then, clientv3.OpDelete(s.Key(c.Key)))
		case c.Leased:
			then = append(then, clientv3.OpPut(s.Key(c.Key), c.Value, clientv3.WithLease(clientv3.LeaseID(lease))))
		default:
			then = append(then, clientv3.OpPut(s.Key(c.Key), c.Value))
		}
	}
	if txn.Else != "" {
		otherwise = append(otherwise, clientv3.OpGet(s.Key(txn.Else)))
	}
	answer, err := s.client.Txn(ctx).If(conditions...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return out, told(err)
	}
	out = protocol.Outcome{Result: protocol.Done, Revision: answer.Header.Revision}
	if !answer.Succeeded {
		out.Result = protocol.Refused
		if txn.Else != "" {
			for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
				out.Has = protocol.Key{Name: txn.Else, Value: string(kv.Value), Created: kv.CreateRevision}
			}
		}
	}
	return out, nil
}

// Watch implements hosts.Etcd. A member of etcd that has no leader says so instead of keeping
// silent.
func (s *Store) Watch(ctx context.Context, see func(*protocol.View)) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	first, err := s.client.Get(ctx, s.prefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	keys := map[string]protocol.Key{}
	put := func(name, value []byte, created int64) {
		k := strings.TrimPrefix(string(name), s.prefix)
		keys[k] = protocol.Key{Name: k, Value: string(value), Created: created}
	}
	for _, kv := range first.Kvs {
		put(kv.Key, kv.Value, kv.CreateRevision)
	}
	see(protocol.NewView(first.Header.Revision, slices.Collect(maps.Values(keys))))
	for changes := range s.client.Watch(ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first.Header.Revision+1)) {
		if err := changes.Err(); err != nil {
			return err
		}
		for _, e := range changes.Events {
			if e.Type == clientv3.EventTypeDelete {
				delete(keys, strings.TrimPrefix(string(e.Kv.Key), s.prefix))
			} else {
				put(e.Kv.Key, e.Kv.Value, e.Kv.CreateRevision)
			}
		}
		if n := len(changes.Events); n > 0 {
			see(protocol.NewView(changes.Events[n-1].Kv.ModRevision, slices.Collect(maps.Values(keys))))
		}
	}
	return fmt.Errorf("the watch has ended: %w", context.Cause(ctx))
}
