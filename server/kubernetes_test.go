package server

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podhop/podhop/engine/model"
)

func TestKubernetesPaths(t *testing.T) {
	for _, test := range []struct {
		name, request string
		headers       []string
		status        int
		want          string
	}{
		{"by path", "GET /k8s/one/api/v1/pods?watch=1", nil, 200, "one GET /api/v1/pods escaped=/api/v1/pods uri=/api/v1/pods?watch=1"},
		{"the other session", "GET /k8s/two/api", nil, 200, "two GET /api escaped=/api uri=/api"},
		{"the root", "GET /k8s/one", nil, 200, "one GET / escaped=/ uri=/"},
		{"the root with a slash", "GET /k8s/one/", nil, 200, "one GET / escaped=/ uri=/"},
		{"escaped names stay escaped", "GET /k8s/one/api/v1/nodes/a%2Fb", nil, 200, "one GET /api/v1/nodes/a/b escaped=/api/v1/nodes/a%2Fb uri=/api/v1/nodes/a%2Fb"},
		{"any method", "PATCH /k8s/one/x", nil, 200, "one PATCH /x escaped=/x uri=/x"},
		{"by host name", "GET /api/v1", []string{"Host: one.example.org:8080"}, 200, "one GET /api/v1 escaped=/api/v1 uri=/api/v1"},
		{"by host name, in capitals", "GET /api", []string{"Host: ONE.example.org"}, 200, "one GET /api escaped=/api uri=/api"},
		{"by path before the name", "GET /k8s/two/api", []string{"Host: one.example.org"}, 200, "two GET /api escaped=/api uri=/api"},
		{"a name that is no session's", "GET /healthz", []string{"Host: www.example.org"}, 200, "ok"},
		{"an address", "GET /healthz", []string{"Host: 127.0.0.1:8080"}, 200, "ok"},
		{"gone", "GET /k8s/three/api", nil, 410, "there is no session three: it was closed, or its time was up; open a new one and take its kubeconfig"},
		{"an escaped prefix leads nowhere", "GET /k8s%2Fone/api", nil, 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := ask(newServer(t, newEngine("one", "two"), nil).Handler(), test.request, "", test.headers...)
			got := textOf(response)
			var status struct{ Kind, Message string }
			if json.Unmarshal([]byte(got), &status) == nil && status.Kind == "Status" {
				got = status.Message
			}
			if response.StatusCode != test.status || test.want != "" && got != test.want {
				t.Errorf("got %d %s, want %d %s", response.StatusCode, got, test.status, test.want)
			}
		})
	}
}

// served runs a whole Server on both listeners, and returns their addresses.
func served(t *testing.T, engine *fakeEngine, dir string) (plain string, stop func() error) {
	t.Helper()
	certificates, err := LoadCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	page, api := listen(), listen()
	s := newServer(t, engine, func(c *Config) {
		c.Certificates, c.TLSPort = certificates, api.Addr().(*net.TCPAddr).Port
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, page, api) }()
	t.Cleanup(cancel)
	return page.Addr().String(), func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("the server does not stop")
			return nil
		}
	}
}

// kubectl's own library reaches a session with the kubeconfig that it was given:
// by the path, by the name alone as get --raw does, and not once it is gone.
func TestKubeconfig(t *testing.T) {
	engine := newEngine("one")
	dir := t.TempDir()
	address, stop := served(t, engine, dir)
	_, port, _ := net.SplitHostPort(address)
	client := func(host string) (*rest.Config, *http.Client) {
		response, err := http.Get("http://" + net.JoinHostPort(host, port) + "/api/sessions/one/kubeconfig")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		if got := response.Header.Get("Content-Disposition"); got != `attachment; filename="podhop-one.kubeconfig"` {
			t.Errorf("got %s", got)
		}
		loaded, err := clientcmd.NewClientConfigFromBytes(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if namespace, _, _ := loaded.Namespace(); namespace != "default" {
			t.Errorf("the namespace is %s", namespace)
		}
		cfg, err := loaded.ClientConfig()
		if err != nil {
			t.Fatal(err)
		}
		transport, err := rest.HTTPClientFor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return cfg, transport
	}
	get := func(c *http.Client, url string) string {
		t.Helper()
		response, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return textOf(response)
	}
	cfg, c := client("127.0.0.1")
	if cfg.BearerToken != "token-of-one" {
		t.Errorf("the token is %s", cfg.BearerToken)
	}
	if got := get(c, cfg.Host+"/api/v1/pods"); !strings.HasPrefix(got, "one GET /api/v1/pods ") {
		t.Errorf("by path: %s", got)
	}
	if got := get(c, strings.TrimSuffix(cfg.Host, "/k8s/one")+"/healthz"); !strings.HasPrefix(got, "one GET /healthz ") {
		t.Errorf("by the handshake's name: %s", got)
	}
	redirect := func(cfg *rest.Config) string {
		t.Helper()
		transport, err := rest.TransportFor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		request, _ := http.NewRequest("GET", cfg.Host+"/api/v1/namespaces/a/pods/b/proxy", nil)
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.Header.Get("Location")
	}
	if got := redirect(cfg); got != "/api/v1/namespaces/a/pods/b/proxy/" {
		t.Errorf("who has the name is sent on to %s", got)
	}
	unnamed := rest.CopyConfig(cfg)
	unnamed.ServerName = ""
	if got := redirect(unnamed); got != "/k8s/one/api/v1/namespaces/a/pods/b/proxy/" {
		t.Errorf("who has the path alone is sent on to %s", got)
	}
	localhost, lc := client("localhost")
	if got := get(lc, localhost.Host+"/api"); !strings.HasPrefix(got, "one GET /api ") {
		t.Errorf("as localhost: %s", got)
	}
	engine.sessions["one"].Close()
	if got := get(c, strings.TrimSuffix(cfg.Host, "/k8s/one")+"/healthz"); !strings.Contains(got, "there is no session one") {
		t.Errorf("gone: %s", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	// A kubeconfig outlasts the server: the authority is kept.
	before, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadCertificates(dir, "play.example.org", "192.0.2.7")
	if err != nil || string(again.CA()) != string(before) || string(again.CA()) != string(cfg.CAData) {
		t.Errorf("the authority changed: %v", err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "x.localhost", "x." + sessionDomain, "play.example.org", "192.0.2.7"} {
		if err := again.leaf.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info, err)
	}
}

// TestServingFor has a pod's client verify a certificate by names inside a cluster.
func TestServingFor(t *testing.T) {
	certificates, err := LoadCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config, err := certificates.ServingFor("kubernetes.default.svc", "10.96.0.1")
	if err != nil {
		t.Fatal(err)
	}
	leaf, roots := config.Certificates[0].Leaf, x509.NewCertPool()
	roots.AppendCertsFromPEM(certificates.CA())
	for name, ok := range map[string]bool{"kubernetes.default.svc": true, "10.96.0.1": true, "localhost": false, "kubernetes": false} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if leaf.Subject.String() == leaf.Issuer.String() {
		t.Errorf("OpenSSL takes it for self-signed: %s", leaf.Subject)
	}
	if !slices.Contains(config.NextProtos, "h2") {
		t.Error("no HTTP/2")
	}
}

func TestBrokenAuthority(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ca.crt", "ca.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadCertificates(dir); err == nil {
		t.Error("a broken authority must not be replaced in silence: kubeconfigs hold it")
	}
}

// Behind a proxy, the outer URL is what kubectl is told, and our certificate is
// none of its business.
func TestKubeconfigBehindProxy(t *testing.T) {
	certificates, err := LoadCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, newEngine("one"), func(c *Config) {
		c.Certificates, c.APIServer = certificates, "https://play.example.org/"
	})
	got := textOf(ask(s.Handler(), "GET /api/sessions/one/kubeconfig", ""))
	if !strings.Contains(got, "server: https://play.example.org/k8s/one\n") || strings.Contains(got, "certificate") || strings.Contains(got, "tls-server-name") {
		t.Errorf("got %s", got)
	}
}

func TestAPIServerURL(t *testing.T) {
	certificates, err := LoadCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, newEngine("one"), func(c *Config) { c.Certificates = certificates })
	for host, want := range map[string]string{
		"localhost:8080":   "https://localhost:8443",
		"play.example.org": "https://play.example.org:8443",
		"[::1]:8080":       "https://[::1]:8443",
		"[::1]":            "https://[::1]:8443",
		"192.0.2.1:80":     "https://192.0.2.1:8443",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := s.apiServer(r); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

func TestAPIHandlerServesSessionsAlone(t *testing.T) {
	s := newServer(t, newEngine("one"), nil)
	if response := ask(s.APIHandler(), "GET /api/sessions/one/kubeconfig", ""); response.StatusCode != 404 || !strings.Contains(textOf(response), `"Status"`) {
		t.Errorf("got %d", response.StatusCode)
	}
	if got := textOf(ask(s.APIHandler(), "GET /k8s/one/api", "")); !strings.HasPrefix(got, "one GET /api ") {
		t.Errorf("got %s", got)
	}
}

// The stream's route upgrades, starts where it is told, and ends with the server.
func TestStreamRoute(t *testing.T) {
	engine := newEngine("one")
	address, stop := served(t, engine, t.TempDir())
	f := engine.sessions["one"].feed
	f.Journey(&model.Journey{ID: "j1"})
	f.Journey(&model.Journey{ID: "j2"})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "GET /api/sessions/one/stream?after=1 HTTP/1.1\r\nHost: "+address+"\r\nOrigin: http://"+address+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", response, err)
	}
	frame := func() (opcode byte, payload string) { // of less than 64 KiB, unmasked
		t.Helper()
		head := make([]byte, 2, 4)
		if _, err := io.ReadFull(reader, head); err != nil {
			t.Fatal(err)
		}
		size := int(head[1])
		if size == 126 {
			if _, err := io.ReadFull(reader, head[2:4]); err != nil {
				t.Fatal(err)
			}
			size = int(head[2:4][0])<<8 | int(head[2:4][1])
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(reader, body); err != nil {
			t.Fatal(err)
		}
		return head[0] & 15, string(body)
	}
	if opcode, text := frame(); opcode != 1 || !strings.HasPrefix(text, `{"seq":2,"type":"journey","journey":{"id":"j2"`) {
		t.Fatalf("got %d %s", opcode, text)
	}
	if got := textOf(ask(newServer(t, engine, nil).Handler(), "GET /healthz", "")); got != "ok" {
		t.Error(got)
	}
	go conn.Write([]byte{}) // the viewer is alive
	if err := stop(); err != nil {
		t.Error(err)
	}
	if opcode, text := frame(); opcode != 0 || text != "" { // the end of that message
		t.Errorf("got %d %s", opcode, text)
	}
	if opcode, _ := frame(); opcode != 8 {
		t.Errorf("the server's end is not said: %d", opcode)
	}
}

// kubectl is told whether to come again: while the server stops, the session will go on.
func TestNoSessionOfKubectl(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{model.ErrNotFound, http.StatusGone, "there is no session x"},
		{fmt.Errorf("%w: the journal is damaged", model.ErrLost), http.StatusGone, "the journal is damaged"},
		{model.ErrClosed, http.StatusServiceUnavailable, "is just closing"},
		{errors.New("secret"), http.StatusServiceUnavailable, "Something went wrong"},
	} {
		engine := newEngine()
		engine.findErr = test.err
		response := ask(newServer(t, engine, nil).Handler(), "GET /k8s/x/api", "")
		if got := textOf(response); response.StatusCode != test.status || !strings.Contains(got, test.want) || strings.Contains(got, "secret") {
			t.Errorf("%v: got %d %s", test.err, response.StatusCode, got)
		}
	}
}
