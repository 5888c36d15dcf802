package people

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/podhop/podhop/server/keep"
)

// secretKey is the document that has the cookies' secret.
const secretKey = "secrets/cookies"

// errThere ends a change of the secret's document, which is there.
var errThere = errors.New("there is a secret")

// Secret is what all servers of a store sign cookies with; the first of them makes it.
func Secret(ctx context.Context, store keep.Store) ([]byte, error) {
	var secret []byte
	err := keep.Change(ctx, store, secretKey, func(old []byte) ([]byte, error) {
		if old != nil {
			secret = old
			return nil, errThere
		}
		secret = make([]byte, 32)
		_, err := rand.Read(secret)
		return secret, err
	})
	if err != nil && !errors.Is(err, errThere) {
		return nil, fmt.Errorf("the cookies' secret: %w", err)
	}
	return secret, nil
}
