// Package span makes OpenTelemetry's spans below those that a context has, for parts
// that must not know whether somebody collects them, nor where. Where nobody does, nothing
// is made.
//
// Spans leave the server. What they say of a session is the beginning of its ID; they have
// no text of errors, which may name it, and nothing that a learner wrote.
package span

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the name of who makes these spans.
const Scope = "github.com/podhop/podhop"

// Start begins a span below the context's, if that is recorded. End it.
func Start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return above.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithAttributes(attributes...))
}

// Root is Start that begins a trace where the context has no span; not if from is nil.
func Root(ctx context.Context, from trace.TracerProvider, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if from == nil || trace.SpanContextFromContext(ctx).IsValid() {
		return Start(ctx, name, attributes...)
	}
	return from.Tracer(Scope).Start(ctx, name, trace.WithAttributes(attributes...))
}

// End ends a span, of what failed if err is not nil.
func End(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// Session is what a span says of a session: the beginning of its ID, which opens nothing.
func Session(id string) attribute.KeyValue {
	return attribute.String("podhop.session", id[:min(len(id), 8)])
}
