package server

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/span"
	"github.com/podhop/podhop/lessons/check"
)

// spans makes a span of each request, below whoever's the request says that it is
// (W3C Trace Context). It is named by the route, as paths hold keys. That of a stream lasts
// as long as the stream.
func (s *Server) spans(next http.Handler) http.Handler { return s.spansBy(routeOf, next) }

// spansBy is spans of requests whose routes are told by a function, of their status too.
func (s *Server) spansBy(route func(*http.Request, int) string, next http.Handler) http.Handler {
	tracer := s.cfg.Traces.Tracer(span.Scope)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if !trace.SpanContextFromContext(ctx).IsValid() { // else it is one that a request of ours has made
			ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
		}
		method := methodOf(r)
		ctx, of := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method)))
		defer of.End()
		r = r.WithContext(ctx)
		if r.Header.Get("Upgrade") != "" { // it must be hijacked
			next.ServeHTTP(w, r)
			s.name(of, r, method, route(r, http.StatusSwitchingProtocols))
			return
		}
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(wrapped, r)
		s.name(of, r, method, route(r, wrapped.Status()))
		of.SetAttributes(attribute.Int("http.response.status_code", wrapped.Status()))
		if wrapped.Status() >= http.StatusInternalServerError {
			of.SetStatus(codes.Error, "")
		}
	})
}

// name says what a request was for, which is known when it was answered.
func (s *Server) name(of trace.Span, r *http.Request, method, route string) {
	if !of.IsRecording() {
		return
	}
	of.SetName(method + " " + route)
	of.SetAttributes(attribute.String("http.route", route))
	if id, ok := s.SessionOf(r); ok {
		of.SetAttributes(span.Session(id))
	}
}

// routeOf is a request's route, once it was answered.
func routeOf(r *http.Request, status int) string {
	route := chi.RouteContext(r.Context()).RoutePattern()
	if route == "" || status == http.StatusNotFound && route == "/*" {
		return "none"
	}
	return route
}

// methodOf is a request's method, of which there are a few in the traces: clients may send any.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER" // https://opentelemetry.io/docs/specs/semconv/http/http-spans/
}

// runCheck runs a check of a step, in a span of its own.
func runCheck(ctx context.Context, session Session, request model.CheckRequest, number int, c *check.Check, since time.Time) model.CheckResult {
	ctx, of := span.Start(ctx, "check", span.Session(realID(session)), attribute.String("podhop.lesson", request.Lesson),
		attribute.Int("podhop.step", request.Step), attribute.Int("podhop.check", number), attribute.String("podhop.check.kind", c.Kind()))
	defer of.End()
	result := c.Run(ctx, session, since)
	result.Check = number
	of.SetAttributes(attribute.Bool("podhop.check.passed", result.Passed))
	return result
}
