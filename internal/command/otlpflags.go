package command

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/internal/span"
	"github.com/podhop/podhop/internal/traces"
)

// otlpTimeout is how long what is left of the spans may take to be sent at the end.
const otlpTimeout = 5 * time.Second

// otlpConfig is where spans go; the zero one makes none.
type otlpConfig struct {
	endpoint string

	address string // "host:port", as read made it
}

func registerOTLP(fs *flag.FlagSet, c *otlpConfig) {
	fs.StringVar(&c.endpoint, "otlp-endpoint", "", "`URL` of a collector of OpenTelemetry traces, by OTLP over gRPC, as http://127.0.0.1:4317, or https:// for TLS (default: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT, and without these there are no traces); OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_EXPORTER_OTLP_HEADERS and others say more")
}

// read checks the flag, and the variables in its place.
func (c *otlpConfig) read() (err error) {
	endpoint, from := c.endpoint, "--otlp-endpoint"
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if value := os.Getenv(name); endpoint == "" && value != "" {
			endpoint, from = value, name
		}
	}
	if endpoint == "" {
		return nil
	}
	if c.address, err = traces.Address(endpoint); err != nil {
		return fmt.Errorf("%s %w", from, err)
	}
	c.endpoint = endpoint
	return nil
}

// openTraces has spans sent, through the supervisor: inside there is no network. The function
// that it returns sends what is left.
func openTraces(ctx context.Context, version string, c *serveConfig) (func(), error) {
	if c.otlp.address == "" {
		return func() {}, nil
	}
	log := c.engine.Log
	provider, err := traces.Open(ctx, traces.Config{
		Endpoint: c.otlp.endpoint, Dial: nsexec.DialOutside(forTraces), Scope: span.Scope, Service: "podhop", Version: cmp.Or(version, "unknown"),
	})
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("sending traces", "err", err) }))
	c.engine.Traces = provider
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), otlpTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("sending the last traces", "err", err)
		}
	}, nil
}
