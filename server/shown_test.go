package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// What the page is served with is told, of each name the latest, and answers to challenges are not.
func TestShownCertificates(t *testing.T) {
	var now *tls.Certificate
	s := newServer(t, newEngine("one"), func(c *Config) {
		c.PageTLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now, nil }}
	})
	show := func(name string, until int64, protocols ...string) {
		t.Helper()
		now = &tls.Certificate{Leaf: &x509.Certificate{DNSNames: []string{name, "other"}, NotBefore: time.Unix(until-100, 0), NotAfter: time.Unix(until, 0)}}
		if got, err := s.cfg.PageTLS.GetCertificate(&tls.ClientHelloInfo{SupportedProtos: protocols}); got != now || err != nil {
			t.Errorf("it shows %v, %v", got, err)
		}
	}
	metrics := func() string { return textOf(ask(http.HandlerFunc(s.router.ServeHTTP), "GET /metrics", "")) }
	if text := metrics(); strings.Contains(text, "podhop_page_certificate") {
		t.Error("there is one before any was shown")
	}
	show("a.example", 1000, "h2")
	show("a.example", 2000, "h2", "http/1.1")
	show("b.example", 3000)
	show("c.example", 4000, acme.ALPNProto)
	text := metrics()
	for _, want := range []string{`not_before_seconds{name="a.example"} 1900`, `not_after_seconds{name="a.example"} 2000`, `not_after_seconds{name="b.example"} 3000`} {
		if !strings.Contains(text, "\npodhop_page_certificate_"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "c.example") {
		t.Error("an answer to a challenge is told")
	}
}
