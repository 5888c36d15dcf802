package api

import (
	"context"
	"errors"

	"github.com/podhop/podhop/engine/api/store"
	"k8s.io/apiserver/pkg/authentication/user"
)

// ErrNoSession means that a code path has lost the request's context.
var ErrNoSession = errors.New("api: no session in the context")

type (
	sessionKey  struct{}
	identityKey struct{}
)

func withSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// sessionFrom returns the session that ctx belongs to.
func sessionFrom(ctx context.Context) (*Session, error) {
	if s, ok := ctx.Value(sessionKey{}).(*Session); ok {
		return s, nil
	}
	return nil, ErrNoSession
}

func resolve(ctx context.Context) (*store.Tenant, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return s.tenant, nil
}

// withIdentity marks a request as made by u, in this process. Only this package
// can, so the authenticator may trust it.
func withIdentity(ctx context.Context, u user.Info) context.Context {
	return context.WithValue(ctx, identityKey{}, u)
}
