// Package quiet lowers what upstream's components log: what one of them calls an
// error in one session (and tries again) is a detail to the server of hundreds.
// It must not know which components there are.
package quiet

import (
	"context"
	"log/slog"
)

// Handler passes records on at slog's Debug, or below where they were below.
type Handler struct{ slog.Handler }

// Enabled implements slog.Handler: whatever the level, it will be Debug.
func (q Handler) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (q Handler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelDebug)
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil // logr asks nobody before it passes an error on
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{q.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (q Handler) WithGroup(name string) slog.Handler { return Handler{q.Handler.WithGroup(name)} }
