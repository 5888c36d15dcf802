// Package receiver is a collector for tests: it takes spans by OTLP over gRPC, and keeps them.
package receiver

import (
	"context"
	"encoding/hex"
	"net"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// A Receiver takes spans until it is closed. It is safe for concurrent use.
type Receiver struct {
	collector.UnimplementedTraceServiceServer
	server   *grpc.Server
	listener net.Listener

	mu  sync.Mutex
	all []*trace.ResourceSpans
}

// Listen starts a Receiver on a free port of 127.0.0.1.
func Listen() (*Receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Receiver{server: grpc.NewServer(), listener: l}
	collector.RegisterTraceServiceServer(r.server, r)
	go r.server.Serve(l)
	return r, nil
}

// Close ends it.
func (r *Receiver) Close() { r.server.Stop() }

// URL is where it takes spans.
func (r *Receiver) URL() string { return "http://" + r.listener.Addr().String() }

// Export implements OTLP's service.
func (r *Receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, request.GetResourceSpans()...)
	return &collector.ExportTraceServiceResponse{}, nil
}

// All is everything that came.
func (r *Receiver) All() []*trace.ResourceSpans {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*trace.ResourceSpans(nil), r.all...)
}

// Spans are those of a trace, by its ID in hexadecimal digits; "" is all of them.
func (r *Receiver) Spans(id string) (spans []*trace.Span) {
	for _, of := range r.All() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				if id == "" || hex.EncodeToString(s.GetTraceId()) == id {
					spans = append(spans, s)
				}
			}
		}
	}
	return spans
}
