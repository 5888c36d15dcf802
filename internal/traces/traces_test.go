package traces

import (
	"context"
	"net"
	"strings"
	"testing"

	api "go.opentelemetry.io/otel/trace"

	"github.com/podhop/podhop/internal/traces/receiver"
)

func TestSpansArrive(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	r, err := receiver.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dialled := make(chan string, 10)
	provider, err := Open(t.Context(), Config{Endpoint: strings.Replace(r.URL(), "127.0.0.1", "collector.invalid", 1), Scope: "ours", Service: "podhop", Version: "test",
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled <- address
			var d net.Dialer
			return d.DialContext(ctx, network, strings.Replace(address, "collector.invalid", "127.0.0.1", 1))
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, above := provider.Tracer("ours").Start(t.Context(), "above")
	_, theirs := api.SpanFromContext(ctx).TracerProvider().Tracer("a library's").Start(ctx, "theirs")
	theirs.End()
	_, below := provider.Tracer("ours").Start(ctx, "below")
	below.End()
	above.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-dialled; !strings.HasPrefix(got, "collector.invalid:") {
		t.Errorf("it dialled %s, not the name that it was given", got)
	}
	got := map[string]bool{}
	for _, s := range r.Spans(above.SpanContext().TraceID().String()) {
		got[s.GetName()] = true
	}
	if !got["above"] || !got["below"] || len(got) != 2 || len(r.Spans("")) != 2 {
		t.Errorf("there came %v", r.All())
	}
	text := r.All()[0].GetResource().String()
	for _, want := range []string{"podhop", "service.version", "deployment.environment.name"} {
		if !strings.Contains(text, want) {
			t.Errorf("the resource has no %s: %s", want, text)
		}
	}
}

func TestAddress(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:9":            "127.0.0.1:9",
		"https://collector.example.org": "collector.example.org:4317",
		"http://[::1]/":                 "[::1]:4317",
		"localhost:4317":                "",
		"collector":                     "",
		"unix:///run/it":                "",
		"http://it:4318/v1/traces":      "",
		"http://user:secret@it":         "",
		"http://":                       "",
	} {
		got, err := Address(endpoint)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s is at %q, %v", endpoint, got, err)
		}
	}
}
