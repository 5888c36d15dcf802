package hosts

import (
	"context"
	"errors"
	"time"

	"github.com/podhop/podhop/server/hosts/protocol"
)

// ErrNoLease says that etcd knows no such lease, or not any more.
var ErrNoLease = errors.New("there is no such lease")

// An Etcd is what hosts ask of etcd. Other errors than ErrNoLease leave open what was done.
// It is safe for concurrent use.
type Etcd interface {
	Grant(ctx context.Context, ttl time.Duration) (protocol.Lease, error)
	// Renew and Revoke fail with ErrNoLease.
	Renew(ctx context.Context, lease protocol.Lease) error
	Revoke(ctx context.Context, lease protocol.Lease) error
	// Do tries a transaction, whose Result is Done or Refused. It fails with ErrNoLease if a
	// change is to be bound to one that is not there.
	Do(ctx context.Context, lease protocol.Lease, txn protocol.Txn) (protocol.Outcome, error)
	// Watch calls see with what there is, and again after each change, until ctx is done or
	// etcd cannot be asked, which is an error.
	Watch(ctx context.Context, see func(*protocol.View)) error
}

// Agreed returns the value of a key that all hosts must have the same of. The first makes it.
func Agreed(ctx context.Context, e Etcd, key string, first func() (string, error)) (string, error) {
	read := protocol.Txn{If: []protocol.Compare{{Key: key, Created: protocol.Absent}}, Else: key}
	out, err := e.Do(ctx, 0, read)
	if err != nil || out.Result == protocol.Refused {
		return out.Has.Value, err
	}
	value, err := first()
	if err != nil {
		return "", err
	}
	read.Then = []protocol.Change{{Key: key, Value: value}}
	if out, err = e.Do(ctx, 0, read); err == nil && out.Result == protocol.Refused {
		value = out.Has.Value // another was quicker
	}
	return value, err
}
