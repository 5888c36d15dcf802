package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/ingress/route"
)

// loopback is a namespace whose ports are others of 127.0.0.1.
type loopback struct {
	net.Dialer
	mu    sync.Mutex
	ports map[string]string
}

func (l *loopback) Listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, "127.0.0.1:0")
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ports[address] = ln.Addr().String()
	}
	return ln, err
}

func (l *loopback) at(port string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ports[port]
}

// lab is a proxy with what it told.
type lab struct {
	*Proxy
	ns *loopback
	mu sync.Mutex
	// told is in order.
	told []Relay
}

func newLab(t *testing.T, table *route.Table) *lab {
	t.Helper()
	l := &lab{ns: &loopback{ports: map[string]string{}}}
	l.Proxy = New(Config{Namespace: l.ns, Log: slog.New(slog.DiscardHandler), Relayed: func(r Relay) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, r)
	}})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Set(table); err != nil {
		t.Fatal(err)
	}
	return l
}

// relays are what was told until now.
func (l *lab) relays() []Relay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Relay(nil), l.told...)
}

func backend(t *testing.T, h http.HandlerFunc) (netip.AddrPort, *httptest.Server) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String()), s
}

func on80(rules ...route.Rule) *route.Table {
	return &route.Table{Ports: map[uint16]*route.Port{80: {Listeners: []route.Listener{{Rules: rules}}}}}
}

func to(endpoints ...netip.AddrPort) []route.Backend {
	return []route.Backend{{Weight: 1, Namespace: "default", Name: "app", Port: "http", Endpoints: endpoints}}
}

func get(t *testing.T, url, host string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestHeaders(t *testing.T) {
	var seen *http.Request
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) { seen = r; io.WriteString(w, "hello") })
	l := newLab(t, on80(route.Rule{Backends: to(at), Filters: route.Filters{
		Request:  route.Headers{Set: []route.Field{{Name: "X-Set", Value: "1"}}, Remove: []string{"X-Removed"}},
		Response: route.Headers{Add: []route.Field{{Name: "X-Answer", Value: "2"}}},
	}}))
	resp, body := get(t, "http://"+l.ns.at(":80")+"/a/../b%2Fc?d=e", "example.com:80",
		"X-Forwarded-For", "6.6.6.6", "X_forwarded_for", "6.6.6.6", "X-Removed", "here", "Connection", "X-Hop", "X-Hop", "1")
	if resp.StatusCode != 200 || body != "hello" || resp.Header.Get("X-Answer") != "2" {
		t.Errorf("answered %d %q %v", resp.StatusCode, body, resp.Header)
	}
	if seen.RequestURI != "/b%2Fc?d=e" || seen.Host != "example.com:80" {
		t.Errorf("asked for %s of %s", seen.RequestURI, seen.Host)
	}
	for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "example.com:80", "X-Forwarded-Proto": "http",
		"X-Forwarded-Port": "80", "X-Real-Ip": "127.0.0.1", "X-Set": "1", "X-Removed": "", "X-Hop": ""} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if seen.Header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	for name := range seen.Header {
		if strings.Contains(name, "_") {
			t.Errorf("%s was passed on", name)
		}
	}
	told := l.relays()
	if len(told) != 1 || told[0].Backend.Remote != at || told[0].Backend.Local.String() != seen.RemoteAddr || told[0].Client.Local.String() != l.ns.at(":80") {
		t.Errorf("told: %+v", told)
	}
}

func TestRefusals(t *testing.T) {
	at, gone := backend(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	l := newLab(t, on80(
		route.Rule{Path: route.Path{Value: "/none"}, Backends: []route.Backend{{Weight: 1, Refusal: route.Refusal{Status: 503, Reason: "nobody is there"}}}},
		route.Rule{Path: route.Path{Value: "/gone"}, Backends: to(at)},
		route.Rule{Path: route.Path{Value: "/refused"}, Refusal: route.Refusal{Status: 500, Reason: "a resource"}},
		route.Rule{Path: route.Path{Value: "/elsewhere"}, Filters: route.Filters{Redirect: &route.Redirect{Scheme: "https", Status: 301}}},
	))
	for path, want := range map[string]int{"/none": 503, "/gone": 502, "/refused": 500, "/nowhere": 404, "/elsewhere": 301} {
		resp, body := get(t, "http://"+l.ns.at(":80")+path, "example.com")
		if resp.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, resp.StatusCode, body, want)
		}
		if want == 301 && resp.Header.Get("Location") != "https://example.com/elsewhere" {
			t.Errorf("Location: %s", resp.Header.Get("Location"))
		}
	}
	if told := l.relays(); len(told) != 5 {
		t.Errorf("told %d times of 5 answers", len(told))
	}
}

// An endpoint that refuses is passed over, and a body is sent to the next one.
func TestNextEndpoint(t *testing.T) {
	dead, gone := backend(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	l := newLab(t, on80(route.Rule{Backends: to(dead, at)}))
	for range 4 {
		resp, err := http.Post("http://"+l.ns.at(":80"), "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "body" {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
	}
}

func TestTLS(t *testing.T) {
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Proto"), r.Proto)
	})
	own, err := plan.SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own.Hosts = []route.Host{{Name: "example.com"}}
	l := newLab(t, &route.Table{Ports: map[uint16]*route.Port{443: {TLS: true, Listeners: []route.Listener{{
		Certificates: []route.Certificate{own}, Rules: []route.Rule{{Backends: to(at)}}}}}}})
	resp, body := get(t, "https://"+l.ns.at(":443"), "example.com")
	if resp.ProtoMajor != 2 || body != "httpsHTTP/1.1" {
		t.Errorf("%s %q", resp.Proto, body)
	}
	_, err = tls.Dial("tcp", l.ns.at(":443"), &tls.Config{InsecureSkipVerify: true, ServerName: "other.com"})
	if err == nil {
		t.Error("there is a certificate for any name")
	}
}

// HTTP/2 without TLS on both sides, with trailers, as gRPC has it.
func TestHTTP2(t *testing.T) {
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		io.WriteString(w, r.Proto)
		w.Header().Set("Grpc-Status", "0")
	})
	b := to(at)
	b[0].HTTP2 = true
	l := newLab(t, on80(route.Rule{Backends: b}))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + l.ns.at(":80"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if string(body) != "HTTP/2.0" || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%q, trailer %v", body, resp.Trailer)
	}
}

// An upgraded connection carries both ways, and ends with the proxy.
func TestUpgrade(t *testing.T) {
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw)
	})
	l := newLab(t, on80(route.Rule{Backends: to(at)}))
	c, err := net.Dial("tcp", l.ns.at(":80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	io.WriteString(c, "ping\n")
	if line, err := in.ReadString('\n'); line != "ping\n" {
		t.Fatal(line, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("the connection outlives the proxy")
	}
}

// What could be read in two ways is refused, or comes out in one.
func TestSmuggling(t *testing.T) {
	var requests []string
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests = append(requests, r.Method+" "+r.URL.Path+" "+string(body))
	})
	l := newLab(t, on80(route.Rule{Backends: to(at)}))
	for _, c := range []struct{ raw, want string }{
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\n\r\n", "400"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", "501"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-A: b\r\n folded: c\r\n\r\n", "200"},
		{"CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\nConnection: close\r\n\r\n", "405"},
		{"POST /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200"},
	} {
		conn, err := net.Dial("tcp", l.ns.at(":80"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, c.raw)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.want) {
			t.Errorf("%q: %q, want %s", c.raw, answer, c.want)
		}
	}
	for _, r := range requests {
		if r != "POST /one abc" && r != "GET / " {
			t.Errorf("the backend was asked %q", r)
		}
	}
}

func TestMirror(t *testing.T) {
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	mirrored := make(chan string, 1)
	other, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mirrored <- r.URL.Path + " " + string(body)
	})
	l := newLab(t, on80(route.Rule{Backends: to(at), Filters: route.Filters{Mirrors: to(other)}}))
	resp, err := http.Post("http://"+l.ns.at(":80")+"/x", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "body" {
		t.Errorf("answered %q", body)
	}
	if got := <-mirrored; got != "/x body" {
		t.Errorf("mirrored %q", got)
	}
}

func TestPorts(t *testing.T) {
	l := newLab(t, on80())
	first := l.ns.at(":80")
	if err := l.Set(&route.Table{Ports: map[uint16]*route.Port{8080: {}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", first); err == nil {
		t.Error("a port is listened on that is in no table")
	}
	if resp, _ := get(t, "http://"+l.ns.at(":8080"), "example.com"); resp.StatusCode != 404 {
		t.Errorf("without listeners: %d", resp.StatusCode)
	}
}

// Clients that leave connections open lock nobody out.
func TestIdle(t *testing.T) {
	at, _ := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	l := newLab(t, on80(route.Rule{Backends: to(at)}))
	for n := range maxConns + 10 {
		c, err := net.Dial("tcp", l.ns.at(":80"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if n%2 == 0 {
			continue // one that never says anything
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("connection %d: %v %v", n, resp, err)
		}
	}
}
