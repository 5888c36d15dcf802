// Package https is how the page is served over TLS by a server without a proxy in front: with
// a certificate of files, which may be replaced while it runs, or one that an ACME server
// (RFC 8555) gives, and leads who comes without TLS there.
//
// It must not know what is served.
package https

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/podhop/podhop/server/keep"
)

// ACME says whom to ask for certificates of which names.
type ACME struct {
	Domains   []string
	Directory string         // a URL; Let's Encrypt's if it is empty
	Email     string         // to which the server may write; none if it is empty
	Cache     string         // a folder for keys and certificates
	Shared    keep.Store     // has them instead, for servers that are asked by the same names; nil: there is one server
	Roots     *x509.CertPool // that the server's own certificate is to be of; nil: the system's
	Log       *slog.Logger   // that is told why there is no certificate; nil: nobody is
	// Dial is how the server is reached; nil: as usual.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// FromACME returns what to serve the page with, and a handler of http-01 challenges in front
// of others for a listener without TLS at port 80 of the names. Challenges of tls-alpn-01 need
// none. Certificates are asked for when somebody comes by a name, and renewed before they end.
// Asking for one accepts the terms of whom is asked.
func FromACME(cfg ACME) (*tls.Config, func(http.Handler) http.Handler) {
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cfg.Cache), HostPolicy: autocert.HostWhitelist(cfg.Domains...), Email: cfg.Email,
		Client: &acme.Client{DirectoryURL: cfg.Directory, UserAgent: "podhop", HTTPClient: &http.Client{Timeout: time.Minute, Transport: &http.Transport{
			DialContext: cfg.Dial, TLSClientConfig: &tls.Config{RootCAs: cfg.Roots}, TLSHandshakeTimeout: 10 * time.Second,
		}}},
	}
	get := m.GetCertificate
	if cfg.Shared != nil {
		s := newShared(cfg.Shared)
		m.Cache, get = s, s.first(m)
	}
	config := m.TLSConfig()
	config.MinVersion = tls.VersionTLS12
	config.GetCertificate = cfg.telling(m, get)
	return config, m.HTTPHandler
}

// telling gets certificates, and tells why there is none of a name of ours: handshakes that fail are
// nobody's news otherwise. It does so once a minute, as long as nobody is asked again after a failure.
func (cfg ACME) telling(m *autocert.Manager, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var last atomic.Int64 // Unix time
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		got, err := get(hello)
		if err == nil || cfg.Log == nil || m.HostPolicy(hello.Context(), strings.ToLower(hello.ServerName)) != nil {
			return got, err
		}
		now, before := time.Now().Unix(), last.Load()
		if now-before >= 60 && last.CompareAndSwap(before, now) {
			cfg.Log.Warn("there is no certificate for the page", "name", hello.ServerName, "err", err)
		}
		return nil, err
	}
}

// Redirect leads who comes without TLS to the same address over TLS at a port.
func Redirect(port int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
		if port != 443 {
			host = net.JoinHostPort(host, strconv.Itoa(port))
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		to := url.URL{Scheme: "https", Host: host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
	})
}

// Strict tells browsers to come by TLS alone for so long (RFC 6797).
func Strict(age time.Duration, next http.Handler) http.Handler {
	if age <= 0 {
		return next
	}
	value := "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", value)
		}
		next.ServeHTTP(w, r)
	})
}
