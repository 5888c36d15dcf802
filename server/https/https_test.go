package https

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/pebble"
)

// write makes a certificate of a name, and writes it and its key.
func write(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		// In one go, as who replaces certificates of a server that runs does it.
		if err := os.WriteFile(filepath.Join(dir, "new"), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
}

// certificate is what a server shows.
func certificate(t *testing.T, address, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", address, &tls.Config{ServerName: name, RootCAs: roots, InsecureSkipVerify: roots == nil})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := FromFiles(certFile, keyFile, nil); err == nil {
		t.Error("there are no files")
	}
	write(t, dir, "one.example")
	files, err := FromFiles(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, files.TLS())
	shows := func(want string) {
		t.Helper()
		got := ""
		for deadline := time.Now().Add(time.Minute); got != want; {
			c, err := certificate(t, address, "any", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got = c.Subject.CommonName; time.Now().After(deadline) {
				t.Fatalf("it shows %s, want %s", got, want)
			}
		}
	}
	shows("one.example")
	if err := os.WriteFile(keyFile, []byte("half of a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("one.example")
	write(t, dir, "two.example")
	shows("two.example")
	// Mounted over, as secrets below /run are: the folder is the one that was opened.
	if err := os.Rename(dir, dir+"-moved"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"-moved", "three.example")
	shows("three.example")
}

// A real ACME server gives certificates by both kinds of challenges, and the next server finds
// them in the cache.
func TestACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			page, plain := listen(t), listen(t)
			portOf := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
			looks := pebble.Config{TLSPort: portOf(page)}
			if challenge == "http-01" {
				looks = pebble.Config{HTTPPort: portOf(plain)}
			}
			authority := pebble.Start(t, looks)
			cfg := ACME{Domains: []string{"podhop.example"}, Directory: authority.Directory, Cache: t.TempDir(), Email: "who@podhop.example", Roots: authority.Own}
			config, challenges := FromACME(cfg)
			s := &http.Server{TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
			go s.ServeTLS(page, "", "")
			redirect := challenges(Redirect(443))
			p := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Host, _, _ = net.SplitHostPort(r.Host) // at port 80 the name comes alone
				redirect.ServeHTTP(w, r)
			})}
			go p.Serve(plain)
			t.Cleanup(func() { s.Close(); p.Close() })

			got, err := certificate(t, page.Addr().String(), "podhop.example", authority.Issued)
			if err != nil {
				t.Fatal(err)
			}
			if got.VerifyHostname("podhop.example") != nil {
				t.Errorf("it is for %v", got.DNSNames)
			}
			if _, err := certificate(t, page.Addr().String(), "other.example", nil); err == nil {
				t.Error("a certificate of a name that is not ours was given")
			}
			authority.Close()
			config, _ = FromACME(cfg)
			again, err := certificate(t, serve(t, config), "podhop.example", authority.Issued)
			if err != nil || again.SerialNumber.Cmp(got.SerialNumber) != 0 {
				t.Errorf("after a restart: %v", err)
			}
			client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			answer, err := client.Get("http://" + plain.Addr().String() + "/lessons?a=b")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if to := answer.Header.Get("Location"); answer.StatusCode != 308 || to != "https://127.0.0.1/lessons?a=b" {
				t.Errorf("without TLS: %d to %s", answer.StatusCode, to)
			}
		})
	}
}

// Why there is no certificate is told, once, and not of names that are not ours.
func TestACMEFails(t *testing.T) {
	authority := pebble.Start(t, pebble.Config{}) // which finds nobody who answers
	var told logged
	config, _ := FromACME(ACME{Domains: []string{"podhop.example"}, Directory: authority.Directory, Cache: t.TempDir(), Roots: authority.Own,
		Log: slog.New(slog.NewTextHandler(&told, nil))})
	address := serve(t, config)
	for _, name := range []string{"other.example", "", "podhop.example", "podhop.example"} {
		if _, err := certificate(t, address, name, nil); err == nil {
			t.Errorf("there is a certificate of %q", name)
		}
	}
	if text := told.String(); strings.Count(text, "there is no certificate") != 1 || !strings.Contains(text, "name=podhop.example") {
		t.Errorf("it tells\n%s", text)
	}
}

// logged is a log that is written while it is read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestRedirect(t *testing.T) {
	for _, c := range []struct {
		host, path string
		port       int
		want       string
	}{
		{"podhop.example", "/s/a%2Fb?x=y", 443, "https://podhop.example/s/a%2Fb?x=y"},
		{"podhop.example:80", "/", 8443, "https://podhop.example:8443/"},
		{"[::1]:80", "/", 443, "https://[::1]/"},
		{"[::1]", "/", 8443, "https://[::1]:8443/"},
		{"podhop.example", "//evil.example/x", 443, "https://podhop.example//evil.example/x"},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		Redirect(c.port).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != c.want {
			t.Errorf("%s%s: %s, want %s", c.host, c.path, got, c.want)
		}
	}
}

func TestStrict(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		tls  bool
		want string
	}{{0, true, ""}, {time.Hour, false, ""}, {time.Hour, true, "max-age=3600"}} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		Strict(c.age, http.NotFoundHandler()).ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s: %s", fmt.Sprint(c), got)
		}
	}
}
