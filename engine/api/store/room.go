package store

import "errors"

// errSpace is etcd's, go.etcd.io/etcd/api/v3/v3rpc/rpctypes, and means the same: objects must be deleted
// before there is room for others.
var errSpace = errors.New("etcdserver: mvcc: database space exceeded")

const (
	// mostUsed bounds what the objects of a tenant cost, in bytes: they are in the memory of a
	// process that all tenants share, where etcd has a disk, and 2 GiB of it.
	mostUsed = 64 << 20
	// each is what an object costs beside its own bytes: whoever watches keeps it decoded.
	each = 1 << 10
)

// room counts what there is.
type room struct {
	used int64
	most int64 // 0: mostUsed
}

func cost(it item) int64 {
	if it.data == nil {
		return 0
	}
	return int64(len(it.data)) + each
}

// has tells whether a write may be made: one that leaves no more than there was always may, so that
// a full tenant can be cleared up, and goes on meanwhile.
func (r room) has(b *bucket, next item) bool {
	var old item
	if b != nil {
		if i, found := b.find(next.key); found {
			old = b.items[i]
		}
	}
	more := cost(next) - cost(old)
	most := r.most
	if most == 0 {
		most = mostUsed
	}
	return more <= 0 || r.used+more <= most
}
