package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthTimeout is less than what whoever asks for health, as Docker does, gives it.
const healthTimeout = 8 * time.Second

// health asks a server on this machine, which has the same flags, environment or file,
// whether it is ready, and why not.
func health(ctx context.Context, env *environment, args []string) error {
	var cfg serveConfig
	fs := env.flags("health")
	cfg.register(fs)
	if err := env.parse(fs, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	scheme := "http"
	if cfg.tls.on() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(cfg.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", cfg.listen, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz?verbose", nil)
	if err != nil {
		return err
	}
	answer, err := cfg.tls.localClient().Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	_, _ = env.stdout.Write(text)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s", answer.Status)
	}
	return nil
}
