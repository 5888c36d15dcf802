package proxy

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// withLogger makes upstream's information ours to debug with; its errors stay errors.
func withLogger(ctx context.Context, log *slog.Logger) context.Context {
	return klog.NewContext(ctx, logr.FromSlogHandler(expected{log.Handler()}).V(4))
}

// expected leaves out the error that upstream logs on each new node, where its table
// is not there yet to be listed.
type expected struct{ slog.Handler }

func (h expected) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "Failed to list existing sets" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h expected) WithAttrs(a []slog.Attr) slog.Handler { return expected{h.Handler.WithAttrs(a)} }
func (h expected) WithGroup(name string) slog.Handler   { return expected{h.Handler.WithGroup(name)} }
