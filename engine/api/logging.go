package api

import (
	"context"
	"log/slog"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// routeKlog sends upstream's log to l, and panics of its loops, which are
// logged, no longer end the process: it has other sessions to serve. Both are
// one per process.
func routeKlog(l *slog.Logger) {
	klog.SetSlogLogger(slog.New(quiet{l.Handler()}))
	utilruntime.ReallyCrash = false
}

// quiet takes upstream's levels down one: what a component of one cluster calls
// worth knowing is a detail of one session among hundreds.
type quiet struct{ slog.Handler }

func (q quiet) lower(l slog.Level) slog.Level { return l - (slog.LevelInfo - slog.LevelDebug) }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, q.lower(l))
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = q.lower(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(name string) slog.Handler   { return quiet{q.Handler.WithGroup(name)} }
