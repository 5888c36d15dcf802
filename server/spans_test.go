package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/podhop/podhop/internal/span"
	"github.com/podhop/podhop/internal/traces"
	"github.com/podhop/podhop/internal/traces/receiver"
)

const (
	wholeID     = "abcdefghijklmnopqrstuvwxyz"
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "Traceparent: 00-" + traceID + "-b7ad6b7169203331-01"
)

// What requests do is of the trace that they say, and nothing of it opens a session.
func TestSpansOfRequests(t *testing.T) {
	r, err := receiver.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var d net.Dialer
	provider, err := traces.Open(t.Context(), traces.Config{Endpoint: r.URL(), Dial: d.DialContext, Scope: span.Scope, Service: "podhop", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	handler := newServer(t, newEngine(wholeID), func(c *Config) { c.Traces = provider }).Handler()
	const asJSON = "Content-Type: application/json"
	ask(handler, "GET /api/sessions/"+wholeID+"/topology", "", traceParent)
	ask(handler, "POST /api/sessions/"+wholeID+"/checks", `{"lesson":"first","step":1}`, traceParent, asJSON)
	ask(handler, "GET /api/sessions/"+wholeID+"?key="+wholeID, "", traceParent, "Tracestate: other="+strings.Repeat("a", 8))
	ask(handler, "GET /nothing/"+wholeID, "", traceParent)
	ask(handler, "GET /k8s/"+wholeID+"/api/v1/namespaces/default/pods/of-a-learner?watch=true", "", traceParent, "Authorization: Bearer of-a-learner")
	ask(handler, "MAKE"+strings.ToUpper(wholeID)+" /api/sessions/"+wholeID, "", traceParent)
	ask(handler, "GET /healthz", "")
	ask(handler, "GET /readyz", "", strings.Replace(traceParent, traceID+"-b7ad6b7169203331-01", strings.Repeat("1", 32)+"-b7ad6b7169203331-00", 1)) // it says not to be sampled
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	got := map[string]int{}
	by := map[string]*otlp.Span{}
	for _, s := range r.Spans(traceID) {
		got[s.GetName()]++
		by[hex.EncodeToString(s.GetSpanId())] = s
	}
	for name, want := range map[string]int{"GET /api/sessions/{id}/topology": 1, "POST /api/sessions/{id}/checks": 1, "check": 3, "GET /api/sessions/{id}": 1, "GET none": 1, "GET /k8s/{id}": 1} {
		if got[name] != want {
			t.Errorf("there are %d spans %s, want %d; all: %v", got[name], name, want, got)
		}
	}
	for _, s := range by {
		above := hex.EncodeToString(s.GetParentSpanId())
		if s.GetName() == "check" && (by[above] == nil || by[above].GetName() != "POST /api/sessions/{id}/checks") || s.GetName() != "check" && above != "b7ad6b7169203331" {
			t.Errorf("%s is below %s", s.GetName(), above)
		}
	}
	for _, s := range r.Spans("") {
		if s.GetName() == "GET /readyz" {
			t.Error("one that was not sampled is sent")
		}
	}
	text := fmt.Sprint(r.All())
	if !strings.Contains(text, "GET /healthz") || !strings.Contains(text, wholeID[:8]) {
		t.Errorf("there is no request without a trace, or no session: %s", text)
	}
	if strings.Contains(text, "of-a-learner") {
		t.Errorf("there is what a learner named in %s", text)
	}
	if strings.Contains(strings.ToLower(text), wholeID) {
		t.Errorf("there is a whole ID in %s", text)
	}
}

// Without who takes them there are no spans, whatever a request says.
func TestNoSpansUnlessWanted(t *testing.T) {
	engine := newEngine(wholeID)
	var seen []context.Context
	s := newServer(t, engine, func(c *Config) {
		c.Ready = append(c.Ready, Check{Name: "seen", Check: func(ctx context.Context) error { seen = append(seen, ctx); return nil }})
	})
	ask(s.Handler(), "GET /readyz", "", traceParent)
	if len(seen) != 1 || trace.SpanContextFromContext(seen[0]).IsValid() {
		t.Errorf("a request has the span %v", seen)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, of := span.Start(context.Background(), "a span")
		span.End(of, nil)
	}); n != 0 {
		t.Errorf("a span that nobody takes costs %v allocations", n)
	}
}
