// Package logs writes the server's log: lines of text or of JSON, each with what its context
// knows of the request that it is about, and none with a whole key of somebody's.
//
// It must not know who logs what.
package logs

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

// ErrFormat is what New fails with.
var ErrFormat = errors.New("must be text or json")

// New returns a logger of lines of a format, text or json, that are at least of a level. Keys
// are shortened in what it writes: see short.
func New(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(handler{slog.NewTextHandler(discreet{w}, o)}), nil
	case "json":
		return slog.New(handler{slog.NewJSONHandler(discreet{w}, o)}), nil
	}
	return nil, ErrFormat
}

type key struct{}

// With returns a context whose lines have more attributes.
func With(ctx context.Context, more ...slog.Attr) context.Context {
	return context.WithValue(ctx, key{}, append(of(ctx), more...))
}

func of(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(key{}).([]slog.Attr)
	return attrs[:len(attrs):len(attrs)] // so that append copies
}

// handler adds what the context of a record knows.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if more := of(ctx); len(more) > 0 {
		r = r.Clone()
		r.AddAttrs(more...)
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
