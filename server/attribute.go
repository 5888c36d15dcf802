package server

import (
	"context"
	"runtime/pprof"

	"github.com/podhop/podhop/server/audit"
)

// attributed does something for a session, which was found by an ID or a view's key, in such a way
// that profiles say for which one (see /debug/): goroutines that it begins have the label too.
func attributed(ctx context.Context, session Session, id string, do func(context.Context)) {
	if v, ok := session.(*viewed); ok {
		id = v.view.Session
	}
	pprof.Do(ctx, pprof.Labels("session", audit.Short(id)), do)
}
