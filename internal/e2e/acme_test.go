package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/pebble"
)

// TestACME has servers get their certificates of a real ACME server, which the supervisor alone
// reaches, and which looks for them at the page's own port.
func TestACME(t *testing.T) {
	const name = "podhop.example"
	begin := func(t *testing.T, authority *pebble.Server, address, data string) *server {
		file := filepath.Join(data, "who-vouches.pem")
		if err := os.WriteFile(file, authority.OwnPEM, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SSL_CERT_FILE", file)
		s := start(t, data, "--registries=false", "--listen", address, "--acme-domains", "other.example,"+name, "--acme-directory", authority.Directory, "--acme-email", "who@"+name)
		if s.URL != "https://"+address {
			t.Errorf("it says that it is at %s", s.URL)
		}
		return s
	}
	portOf := func(address string) int {
		_, port, _ := net.SplitHostPort(address)
		return must(strconv.Atoi(port))
	}

	t.Run("once", func(t *testing.T) {
		address, data := freePort(t), t.TempDir()
		authority := pebble.Start(t, pebble.Config{TLSPort: portOf(address)})
		s := begin(t, authority, address, data)
		first, text, err := pageOver(t, address, name, "/", authority.Issued)
		if err != nil || !strings.Contains(text, "<title>") {
			t.Fatalf("%v\n%.300s", err, text)
		}
		if first.VerifyHostname(name) != nil {
			t.Errorf("the certificate is for %v", first.DNSNames)
		}
		if _, _, err := pageOver(t, address, "not-ours.example", "/", nil); err == nil {
			t.Error("there is a certificate of a name that is not ours")
		}
		if _, text, err := pageOver(t, address, name, "/metrics", authority.Issued); err != nil || !strings.Contains(text, `podhop_page_certificate_not_after_seconds{name="`+name+`"}`) {
			t.Errorf("metrics do not tell when it ends: %v\n%s", err, text)
		}
		// Who asks on this machine has no name to ask by but what the flags say.
		if out, err := output(t.Context(), "", podhop, "health", "--listen", address, "--acme-domains", name); err != nil || !strings.Contains(out, "readyz check passed") {
			t.Errorf("its health: %v\n%s", err, out)
		}
		s.stop(syscall.SIGTERM)

		authority.Close()
		begin(t, authority, address, data)
		again, _, err := pageOver(t, address, name, "/", authority.Issued)
		if err != nil {
			t.Fatalf("after a restart: %v", err)
		}
		if again.SerialNumber.Cmp(first.SerialNumber) != 0 {
			t.Error("after a restart it has another certificate")
		}
	})
	t.Run("renewed", func(t *testing.T) {
		address := freePort(t)
		authority := pebble.Start(t, pebble.Config{TLSPort: portOf(address), Lifetime: 3 * time.Second}) // a third before its end it is renewed
		begin(t, authority, address, t.TempDir())
		seen := map[string]bool{}
		until(t, patience, "another certificate", func() string {
			got, _, err := pageOver(t, address, name, "/", nil)
			if err != nil {
				return err.Error()
			}
			if seen[got.SerialNumber.String()] = true; len(seen) < 2 {
				return fmt.Sprintf("there was %d, until %s", len(seen), got.NotAfter)
			}
			return ""
		})
	})
}

// pageOver gets a page at an address by a name, and the certificate that it came with. roots
// nil believes any.
func pageOver(t *testing.T, address, name, path string, roots *x509.CertPool) (*x509.Certificate, string, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	client := http.Client{Transport: transport, Timeout: time.Minute}
	answer, err := client.Get("https://" + name + path)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, "", err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("it answers %s", answer.Status)
	}
	return answer.TLS.PeerCertificates[0], string(text), nil
}
