package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// grace is how long requests under way have to answer when the server stops and
// their contexts are done.
const grace = 3 * time.Second

// waitForStreams lets those who look on be told why it ends: net/http does not wait for
// what has become a websocket.
func (s *Server) waitForStreams(ctx context.Context) {
	told := make(chan struct{})
	go func() {
		s.streams.Wait()
		close(told)
	}()
	select {
	case <-told:
	case <-ctx.Done():
	}
}

// Serve serves the plain listener, over TLS if Config says so, and secure too if it is not nil, until stop is
// done; then it ends requests, streams and watches through their contexts. It
// returns nil then, else why a listener failed. It closes the listeners.
func (s *Server) Serve(stop context.Context, plain, secure net.Listener) error {
	ctx, cancel := context.WithCancelCause(stop)
	defer cancel(nil)
	var servers []*http.Server
	start := func(handler http.Handler, serve func(*http.Server) error) {
		server := &http.Server{
			Handler:           handler,
			BaseContext:       func(net.Listener) context.Context { return ctx },
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
		servers = append(servers, server)
		go func() { cancel(serve(server)) }()
	}
	following := make(chan struct{})
	go func() { defer close(following); s.views.Run(ctx) }()
	learning := make(chan struct{})
	go func() { defer close(learning); s.classes.Run(ctx) }()
	defer func() { cancel(nil); <-following; <-learning; s.classes.Flush() }()
	plain = s.cfg.Connections.Listener(plain)
	start(s.Handler(), func(server *http.Server) error {
		if s.cfg.PageTLS == nil {
			return server.Serve(plain)
		}
		server.TLSConfig = s.cfg.PageTLS
		return server.ServeTLS(plain, "", "")
	})
	if s.cfg.Redirect != nil {
		start(s.cfg.Redirecting, func(server *http.Server) error { return server.Serve(s.cfg.Connections.Listener(s.cfg.Redirect)) })
	}
	if secure != nil {
		config := s.cfg.Certificates.TLS()
		start(s.APIHandler(), func(server *http.Server) error {
			server.TLSConfig = config
			return server.ServeTLS(s.cfg.Connections.Listener(secure), "", "")
		})
	}
	<-ctx.Done()
	end, release := context.WithTimeout(context.Background(), grace)
	defer release()
	for _, server := range servers {
		if server.Shutdown(end) != nil {
			_ = server.Close()
		}
	}
	s.waitForStreams(end)
	if stop.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}
