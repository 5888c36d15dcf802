// Package keep is where the server's own documents are that must outlast it: classes,
// links to look on, people. One server has them in a folder, several share them in etcd.
// It must not know what is in them.
package keep

import (
	"context"
	"errors"
)

var (
	// ErrNotFound says that there is no such document.
	ErrNotFound = errors.New("there is no such document")
	// ErrConflict says that the document is not what the writer thought.
	ErrConflict = errors.New("somebody else has changed the document")
)

// A Document is what is under a key, as somebody wrote it.
type Document struct {
	Key   string // segments of [a-z0-9._-] that begin with no dot, with slashes between; at most MaxKey
	Value []byte // at most MaxValue
	// Revision grows with each write to the key, and is never 0.
	Revision uint64
}

// An Event is a change of a document: what it is now, or with Gone that it is no more.
type Event struct {
	Document
	Gone bool
}

// A Store keeps documents. It is safe for concurrent use, and by several servers where it is
// one of those. What Put has acknowledged outlasts the server. An error that is none of this
// package's leaves open whether something was written.
type Store interface {
	// Get may fail with ErrNotFound.
	Get(ctx context.Context, key string) (Document, error)
	// List has all documents whose keys begin so, by key.
	List(ctx context.Context, prefix string) ([]Document, error)
	// Put writes if the document is of that revision still, 0 meaning that there must be none,
	// and fails with ErrConflict if it is not, and with ErrInvalid as Check does.
	Put(ctx context.Context, key string, value []byte, revision uint64) (Document, error)
	// Delete is Put of nothing. A document that is not there is ErrNotFound.
	Delete(ctx context.Context, key string, revision uint64) error
	// Watch calls see with each document there is below a prefix, then with sync, then with each
	// change, in order, one at a time, until ctx is done, which is no error. Changes of one document
	// that follow each other quickly may come as the last of them.
	Watch(ctx context.Context, prefix string, see func(Event), sync func()) error
}

// Change reads a document, has fn say what it is to be, and writes that, again if somebody
// came between. A document that is not there is nil to fn, which may fail.
func Change(ctx context.Context, s Store, key string, fn func(old []byte) (new []byte, err error)) error {
	for {
		old, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		value, err := fn(old.Value)
		if err != nil {
			return err
		}
		if _, err = s.Put(ctx, key, value, old.Revision); !errors.Is(err, ErrConflict) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
