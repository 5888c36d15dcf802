package command

import (
	"context"
	"errors"
)

func bench(ctx context.Context, env *environment, args []string) error {
	return errors.New("not yet")
}
