// Package traces sends spans to a collector, by OTLP over gRPC. It must not know what the
// spans are of; see package span.
package traces

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
)

// Config says where spans go, and whose they are.
type Config struct {
	// Endpoint is the collector's URL, https or, without TLS, http.
	Endpoint string
	// Dial connects to it; it is given the URL's name, not looked up.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Scope is of the spans that are sent: libraries make others below them, and say of a
	// request whatever they like.
	Scope string
	// Service and Version are who sends, unless OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
	// say something else.
	Service, Version string
}

// Open makes who gives tracers out. It connects when there is something to send: a
// collector that is away costs spans alone. Shutdown sends what is left. Samplers, limits,
// batches, headers and certificates are as the SDK's own variables say, which begin with OTEL_.
func Open(ctx context.Context, cfg Config) (*trace.TracerProvider, error) {
	address, err := Address(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpointURL(cfg.Endpoint), // for http or https
		otlptracegrpc.WithEndpoint("passthrough:///"+address),
		otlptracegrpc.WithDialOption(grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return cfg.Dial(ctx, "tcp", address)
		})))
	if err != nil {
		return nil, err
	}
	who, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(err, exporter.Shutdown(ctx))
	}
	return trace.NewTracerProvider(trace.WithResource(who), trace.WithSpanProcessor(only{trace.NewBatchSpanProcessor(exporter), cfg.Scope})), nil
}

// Address is where the collector of a URL is, "host:port".
func Address(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("%q: must be a URL without a path, as http://127.0.0.1:4317 or https://collector.example.org", endpoint)
	}
	port := u.Port()
	if port == "" {
		port = "4317" // https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-default-port
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// only passes the spans of one scope on.
type only struct {
	trace.SpanProcessor
	scope string
}

func (o only) OnEnd(s trace.ReadOnlySpan) {
	if s.InstrumentationScope().Name == o.scope {
		o.SpanProcessor.OnEnd(s)
	}
}
