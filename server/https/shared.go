package https

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/sync/singleflight"

	"github.com/podhop/podhop/server/keep"
)

const (
	// turnLasts is how long a server has the turn to ask for a certificate that does not give it back,
	// because it was killed: other servers' clocks may differ by a part of that.
	turnLasts = time.Minute
	// turnAgain is between two looks whether it is free.
	turnAgain = 250 * time.Millisecond
	// reading is how many documents are read at once: whoever asks for answers to challenges that there
	// are none of has each cost a read.
	reading = 4
)

// shared is the cache of servers that are one to who looks at them: an ACME server does not come
// back to the one that asked it. What it has are keys of accounts and of certificates, their
// certificates, and answers to challenges while those are looked at.
type shared struct {
	store keep.Store
	room  chan struct{}
}

func newShared(store keep.Store) *shared {
	return &shared{store: store, room: make(chan struct{}, reading)}
}

// document is where something of a name is: names have characters that those of documents have not.
func document(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "acme/" + hex.EncodeToString(sum[:])
}

// Get implements autocert.Cache.
func (s *shared) Get(ctx context.Context, name string) ([]byte, error) {
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d, err := s.store.Get(ctx, document(name))
	if errors.Is(err, keep.ErrNotFound) {
		return nil, autocert.ErrCacheMiss // as it is: autocert compares it
	}
	return d.Value, err
}

// Put implements autocert.Cache.
func (s *shared) Put(ctx context.Context, name string, data []byte) error {
	return keep.Change(ctx, s.store, document(name), func([]byte) ([]byte, error) { return data, nil })
}

// Delete implements autocert.Cache.
func (s *shared) Delete(ctx context.Context, name string) error {
	for {
		old, err := s.store.Get(ctx, document(name))
		if err == nil {
			err = s.store.Delete(ctx, document(name), old.Revision)
		}
		switch {
		case err == nil, errors.Is(err, keep.ErrNotFound):
			return nil
		case !errors.Is(err, keep.ErrConflict):
			return err
		}
	}
}

// first gets certificates of a manager, the first of a name when it is this server's turn. Servers
// that ask for the same one at the same time would spoil it for each other: a name has the answer
// to one challenge. Whose turn is next finds the certificate in the cache.
func (s *shared) first(m *autocert.Manager) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var had sync.Map // names that there was a certificate of; no more than are ours
	var asking singleflight.Group
	return func(hello *tls.ClientHelloInfo) (got *tls.Certificate, err error) {
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		_, known := had.Load(name)
		if known || slices.Contains(hello.SupportedProtos, acme.ALPNProto) || m.HostPolicy(hello.Context(), name) != nil {
			return m.GetCertificate(hello)
		}
		mine := false
		_, _, _ = asking.Do(name, func() (any, error) {
			defer s.turn(hello.Context(), name)()
			mine = true
			if got, err = m.GetCertificate(hello); err == nil {
				had.Store(name, true)
			}
			return nil, nil
		})
		if mine {
			return got, err
		}
		return m.GetCertificate(hello)
	}
}

// A turn is a server's until it gives it back, or that time.
type turn struct {
	Until time.Time `json:"until"`
}

// turn waits until nobody else asks for a name's certificate, as long as anybody may have the turn,
// and returns what gives it back. If the store does not say whose it is, that is nobody's: to ask at the
// same time is not wrong, but may fail.
func (s *shared) turn(ctx context.Context, name string) (back func()) {
	key := document("turn " + name)
	for end := time.Now().Add(turnLasts); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(turnAgain) {
		old, err := s.store.Get(ctx, key)
		var has turn
		switch {
		case err != nil && !errors.Is(err, keep.ErrNotFound):
			return func() {}
		case err == nil && json.Unmarshal(old.Value, &has) == nil && time.Now().Before(has.Until):
			continue
		}
		text, err := json.Marshal(turn{Until: time.Now().Add(turnLasts).UTC()})
		if err != nil {
			return func() {}
		}
		taken, err := s.store.Put(ctx, key, text, old.Revision)
		switch {
		case errors.Is(err, keep.ErrConflict):
			continue
		case err != nil:
			return func() {}
		}
		return func() { _ = s.store.Delete(context.WithoutCancel(ctx), key, taken.Revision) }
	}
	return func() {}
}
