package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/server/connections"
)

// An attacker opens connections without end, says nothing, or never ends a handshake, to page, API and
// the listener without TLS: others are answered as ever, and those that say nothing end.
func TestConnectionsOfOneAddress(t *testing.T) {
	t.Parallel() // it waits as long as a header may take
	certificates, err := LoadCertificates(filepath.Join(t.TempDir(), "certificates"))
	if err != nil {
		t.Fatal(err)
	}
	const each, tried = 30, 400
	listeners := map[string]net.Listener{}
	for _, name := range []string{"page", "api", "plain"} {
		if listeners[name], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	s := newServer(t, newEngine("abcdefghijklmnop"), func(c *Config) {
		c.Certificates, c.PageTLS = certificates, certificates.TLS()
		c.Redirect, c.Redirecting = listeners["plain"], http.NotFoundHandler()
		c.Connections = connections.New(connections.Config{Most: 1000, Each: each})
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listeners["page"], listeners["api"]) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	var open []net.Conn
	const hello = "\x16\x03\x01\x02\x00\x01\x00" // a handshake begins so
	for i := range tried {
		to := listeners[[]string{"page", "api", "plain"}[i%3]].Addr().String()
		c, err := as("127.0.0.3").Dial("tcp", to)
		if err != nil {
			continue // it was refused before it knew
		}
		t.Cleanup(func() { c.Close() })
		if i%2 == 0 {
			_, _ = io.WriteString(c, hello)
		}
		open = append(open, c)
	}
	for name, url := range map[string]string{"page": "https://", "api": "https://", "plain": "http://"} {
		transport := &http.Transport{DialContext: as("127.0.0.2").DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
		client := http.Client{Transport: transport, Timeout: time.Minute}
		answer, err := client.Get(url + listeners[name].Addr().String() + "/healthz")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		answer.Body.Close()
	}
	// Whoever was let in and says nothing is sent away.
	var all sync.WaitGroup
	for _, c := range open {
		all.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a connection on which nothing is said stays open")
			}
		})
	}
	all.Wait()
	refused := regexp.MustCompile(`podhop_connections_refused_total{reason="address"} [1-9]`)
	ever(t, "what was refused is counted, and nothing is open", func() bool {
		text := textOf(ask(s.Handler(), "GET /metrics", ""))
		return refused.MatchString(text) && strings.Contains(text, "\npodhop_connections 0\n")
	})
}

func as(address string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: time.Minute}
}
