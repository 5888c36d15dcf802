// Package pebble runs a real ACME server (RFC 8555) for tests, on loopback: Pebble, which is that of
// Let's Encrypt for tests. It must not know who asks it.
package pebble

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// Config says how challenges are looked at, and what they are worth.
type Config struct {
	// HTTPPort and TLSPort are where it looks for answers, on this machine, whatever name it is
	// asked for; 0: where nobody answers.
	HTTPPort, TLSPort int
	// Lifetime is that of its certificates, in whole seconds; 0: 90 days.
	Lifetime time.Duration
}

// A Server is a running one.
type Server struct {
	Directory string // a URL
	// Own has who vouches for the server's own certificate, Issued who does for those that it
	// gives.
	Own, Issued *x509.CertPool
	// OwnPEM is Own, for a file.
	OwnPEM []byte

	http *httptest.Server
}

// Start runs a server until the test ends.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	for _, port := range []*int{&cfg.HTTPPort, &cfg.TLSPort} {
		if *port == 0 {
			*port = 1
		}
	}
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the default", ValidityPeriod: uint64(cfg.Lifetime / time.Second)}})
	front := wfe.New(quiet, store, va.New(quiet, cfg.HTTPPort, cfg.TLSPort, true, names(t), store), authority, nil, true, false, 1, 1)
	s := &Server{http: httptest.NewTLSServer(front.Handler()), Own: x509.NewCertPool(), Issued: x509.NewCertPool()}
	t.Cleanup(s.Close)
	s.Directory = s.http.URL + wfe.DirectoryPath
	s.Own.AddCert(s.http.Certificate())
	s.OwnPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	s.Issued.AddCert(authority.GetRootCert(0).Cert)
	return s
}

// Close has the server gone, so that nobody gets a certificate any more.
func (s *Server) Close() { s.http.Close() }

// names is the address of a resolver for which every name is this machine's.
func names(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			if a, err := dns.NewRR(q.Question[0].Name + " A 127.0.0.1"); err == nil {
				m.Answer = append(m.Answer, a)
			}
		}
		_ = w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	return l.Addr().String()
}
