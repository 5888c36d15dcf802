package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/internal/logs"
)

// lastError is the latest that a session's log has of what went wrong, for whoever runs the server. It
// is safe for concurrent use.
type lastError struct{ text atomic.Pointer[string] }

// of returns a log of which it is told.
func (l *lastError) of(log *slog.Logger) *slog.Logger {
	return slog.New(overheard{log.Handler(), l})
}

func (l *lastError) String() string {
	if text := l.text.Load(); text != nil {
		return *text
	}
	return ""
}

// mostError is as much of a line as is remembered, in bytes.
const mostError = 300

func (l *lastError) remember(r slog.Record) {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s", r.Time.UTC().Format(time.TimeOnly), r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&line, " %s=%v", a.Key, a.Value)
		return line.Len() < mostError
	})
	text := logs.Short(line.String()) // before a key may be cut, which is not known as one then
	text = strings.ToValidUTF8(text[:min(len(text), mostError)], "")
	l.text.Store(&text)
}

// overheard passes on what a handler wants, and remembers warnings whether or not it does.
type overheard struct {
	slog.Handler
	last *lastError
}

func (h overheard) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

func (h overheard) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.last.remember(r)
		if !h.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h overheard) WithAttrs(attrs []slog.Attr) slog.Handler {
	return overheard{h.Handler.WithAttrs(attrs), h.last}
}

func (h overheard) WithGroup(name string) slog.Handler {
	return overheard{h.Handler.WithGroup(name), h.last}
}
