package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// withPort has a server of a learner's at port 8080 of node-1 in session s1, and ours in front.
func withPort(t *testing.T, theirs http.HandlerFunc) (*httptest.Server, *fakeSession) {
	t.Helper()
	inside := httptest.NewServer(theirs)
	t.Cleanup(inside.Close)
	engine := newEngine("s1", "s2")
	session := engine.sessions["s1"]
	session.at = map[string]string{"node-1:8080": inside.Listener.Addr().String(), "shop.test:80": inside.Listener.Addr().String(), "2001:db8::1:80": "", "[2001:db8::1]:80": inside.Listener.Addr().String()}
	outside := httptest.NewServer(newServer(t, engine, nil).Handler())
	t.Cleanup(outside.Close)
	return outside, session
}

const port = "/s/s1/port/node-1/8080"

func TestPort(t *testing.T) {
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s host=%s prefix=%s proto=%s for=%q origin=%q body=%s", r.Method, r.RequestURI, r.Host,
			r.Header.Get("X-Forwarded-Prefix"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-For"), r.Header.Get("Origin"), body)
	})
	handler := server.Config.Handler
	for request, want := range map[string]string{
		"GET " + port + "/":                           "GET / host=node-1:8080 prefix=" + port + ` proto=http for="" origin="" body=`,
		"GET " + port + "/a%2Fb/../c%20d?x=%2f;y":     "GET /a%2Fb/../c%20d?x=%2f;y host=node-1:8080",
		"POST " + port + "/form":                      "POST /form host=node-1:8080",
		"DELETE " + port + "//twice":                  "DELETE //twice host=node-1:8080",
		"GET /s/s1/host/shop.test/cart":               "GET /cart host=shop.test prefix=/s/s1/host/shop.test",
		"GET /s/s1/port/%5B2001:db8::1%5D/80/":        "GET / host=[2001:db8::1] ",
		"GET " + port + "/../../../../api/sessions/x": "GET /../../../../api/sessions/x host=node-1:8080",
	} {
		if got := text(t, ask(handler, request, "")); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", request, got)
		}
	}
	if got := text(t, ask(handler, "POST "+port+"/", "a=b", "Origin: null", "Sec-Fetch-Site: cross-site")); !strings.HasSuffix(got, `origin="http://node-1:8080" body=a=b`) {
		t.Errorf("a form: %s", got)
	}
}

func TestPortByName(t *testing.T) {
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/next")
		fmt.Fprintf(w, "%s host=%s prefix=%q", r.RequestURI, r.Host, r.Header.Get("X-Forwarded-Prefix"))
	})
	handler := server.Config.Handler
	r := ask(handler, "GET /api/sessions/s1?a=b", "", "Host: 8080-node-1-s1.localhost:9140")
	if got := text(t, r); got != `/api/sessions/s1?a=b host=node-1:8080 prefix=""` || r.Header.Get("Location") != "/next" || !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "sandbox ") {
		t.Errorf("%s %v", got, r.Header)
	}
	for name, want := range map[string]string{
		"8080-node-1-none.localhost": `page: index`, // no session's: a server may be called that
		"8080-node-1.localhost":      `page: index`,
		"8080-node-1-s1":             `page: index`, // no label of several
		"99999-node-1-s1.localhost":  `page: index`,
		"81-node-1-s1.localhost":     `page: Nobody answers`,
	} {
		if got := text(t, ask(handler, "GET /", "", "Host: "+name, "Accept: text/html")); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// Nothing of ours reaches what runs in a session, by whatever road.
func TestPortIsToldNothing(t *testing.T) {
	var seen http.Header
	server, _ := withPort(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
	ask(server.Config.Handler, "GET "+port+"/", "", "Cookie: a=b", "Authorization: Bearer token", "Proxy-Authorization: x", "Referer: http://localhost/s/s1", "X-Forwarded-For: 1.2.3.4",
		"Forwarded: for=1.2.3.4", "X-Forwarded-Prefix: /evil", "Connection: X-Forwarded-Prefix, X-Hop", "X-Hop: 1", "Sec-Fetch-Site: same-origin", "Accept: text/html", "Te: gzip")
	for _, name := range []string{"Cookie", "Authorization", "Proxy-Authorization", "Referer", "X-Forwarded-For", "Forwarded", "X-Hop", "Sec-Fetch-Site", "Te"} {
		if v := seen.Get(name); v != "" {
			t.Errorf("%s: %s is passed on", name, v)
		}
	}
	if seen.Get("Accept") != "text/html" || seen.Get("X-Forwarded-Prefix") != port {
		t.Errorf("the server saw %v", seen)
	}
}

// What runs in a session answers as a page of no site.
func TestPortCannotActAsOurs(t *testing.T) {
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, value := range map[string]string{"Set-Cookie": "a=b; Path=/", "Clear-Site-Data": `"*"`, "Service-Worker-Allowed": "/", "Content-Security-Policy": "default-src *", "Www-Authenticate": "Basic",
			"Strict-Transport-Security": "max-age=1", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true", "Link": "</x>; rel=preload", "Content-Type": "text/html"} {
			h.Set(name, value)
		}
		h.Set("Trailer", "Set-Cookie, X-Sum")
		w.WriteHeader(http.StatusEarlyHints)
		if r.URL.Path == "/error" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, "<script>alert(1)</script>")
		h.Set("Set-Cookie", "c=d")
	})
	for _, path := range []string{"/", "/error"} {
		r, err := http.Get(server.URL + port + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		for _, name := range []string{"Set-Cookie", "Clear-Site-Data", "Service-Worker-Allowed", "Www-Authenticate", "Strict-Transport-Security", "Cross-Origin-Opener-Policy",
			"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Link"} {
			if v := r.Header.Values(name); len(v) > 0 {
				t.Errorf("%s: %s is passed on", name, v)
			}
		}
		policy := r.Header.Values("Content-Security-Policy")
		if len(policy) != 1 || !strings.HasPrefix(policy[0], "sandbox allow-scripts ") || strings.Contains(policy[0], "allow-same-origin") || strings.Contains(policy[0], "allow-top-navigation") {
			t.Errorf("policy %q", policy)
		}
		if r.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", r.Header)
		}
	}
	handler := server.Config.Handler
	if r := ask(handler, "GET "+port+"/sw.js", "", "Service-Worker: script"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a service worker: %d", r.StatusCode)
	}
	if r := ask(handler, "OPTIONS "+port+"/api", "", "Origin: null", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a"); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("a preflight: %d %v", r.StatusCode, r.Header)
	}
	if r := ask(handler, "GET "+port+"/api", "", "Origin: null"); r.Header.Get("Access-Control-Allow-Origin") != "null" {
		t.Errorf("its own page may not read: %v", r.Header)
	}
	// Only ports are before the protection.
	if r := ask(handler, "POST /api/sessions/s1/apply", "x", "Origin: null", "Sec-Fetch-Site: cross-site"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a page of no site may apply: %d", r.StatusCode)
	}
}

func TestPortRedirects(t *testing.T) {
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	})
	for to, want := range map[string]string{
		"/login?a=b#c": port + "/login?a=b#c", "http://node-1:8080/x": port + "/x", "http://NODE-1:8080": port + "/", "//node-1:8080/x": port + "/x",
		"next": "next", "?q": "?q", "https://kubernetes.io/": "https://kubernetes.io/", "//elsewhere.test/x": "//elsewhere.test/x", "/../../api": port + "/../../api", "http://%zz": port + "/",
	} {
		r := ask(server.Config.Handler, "GET "+port+"/?to="+strings.NewReplacer("%", "%25", "#", "%23", "?", "%3F", "&", "%26").Replace(to), "")
		if got := r.Header.Get("Location"); got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
	}
	if r := ask(server.Config.Handler, "GET "+port+"?a=b", ""); r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != port+"/?a=b" {
		t.Errorf("without a slash: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestPortThatIsNotThere(t *testing.T) {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	go func() {
		for {
			c, err := inside.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, "\x15\x03\x01 not HTTP\r\n\r\n")
			_ = c.Close()
		}
	}()
	server, session := withPort(t, func(http.ResponseWriter, *http.Request) {})
	session.at["node-1:9"] = inside.Addr().String()
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/s/s1/port/node-1/1/":          {502, "Connection refused by node-1, port 1: nothing listens there."},
		"/s/s1/port/host1/30080/":       {502, "Connection refused by the first node and by the learner's machine, port 30080"},
		"/s/s1/port/nobody/80/":         {404, "Nobody is not one of node-1."},
		"/s/s1/port/node-1/9/":          {502, "is not HTTP"},
		"/s/s1/port/node-1/0/":          {422, "port must be between 1 and 65535"},
		"/s/s1/port/node-1/65536/":      {422, "port must be between 1 and 65535"},
		"/s/s1/port/node-1/http/":       {422, "port must be between 1 and 65535"},
		"/s/s1/port/node-1//":           {422, "port must be between 1 and 65535"},
		"/s/s1/port/a%0d%0aX:1/80/":     {422, "host must be a name or an address"},
		"/s/s1/port/%2e%2e/80/":         {422, "host must be a name or an address"},
		"/s/s1/port/a%2Fb/80/":          {422, "host must be a name or an address"},
		"/s/s2/port/node-1/8080/":       {502, "Connection refused"}, // another's
		"/s/nosuch/port/node-1/8080/":   {404, "never was"},
		"/s/s1%2F..%2Fs2/port/node-1/1": {404, "never was"},
	} {
		r := ask(server.Config.Handler, "GET "+path, "")
		if got := text(t, r); r.StatusCode != want.status || !strings.Contains(got, want.text) {
			t.Errorf("%s: %d %s", path, r.StatusCode, got)
		}
	}
	r := ask(server.Config.Handler, "GET /s/s1/port/node-1/1/", "", "Accept: text/html")
	if got := text(t, r); !strings.HasPrefix(got, "page: Nobody answers | Connection refused") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a browser sees %s %v", got, r.Header)
	}
}

// What never ends is seen as it comes, and ends with who asked.
func TestPortStreams(t *testing.T) {
	ended := make(chan struct{})
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		chunk := strings.Repeat("x", 64<<10)
		fmt.Fprint(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+port+"/", nil)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if n, err := io.CopyN(io.Discard, r.Body, 64<<20); err != nil {
		t.Fatalf("%d bytes: %v", n, err)
	}
	cancel()
	<-ended
}

func TestPortsAtOnce(t *testing.T) {
	hold := make(chan struct{})
	server, _ := withPort(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-hold
	})
	var open []*http.Response
	for range maxPorts {
		r, err := http.Get(server.URL + port + "/")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	if r := ask(server.Config.Handler, "GET "+port+"/", ""); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more: %d", r.StatusCode)
	}
	close(hold)
	for _, r := range open {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
}

func TestPortWebSocket(t *testing.T) {
	server, _ := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Origin") != "http://node-1:8080" || r.Header.Get("Cookie") != "" {
			http.Error(w, fmt.Sprint(r.Header), http.StatusBadRequest)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: a=b\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = io.WriteString(c, "echo "+line)
	})
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: null\r\nCookie: a=b\r\n\r\n", port)
	head, err := readHead(c)
	if err != nil {
		t.Fatal(head, err)
	}
	_, _ = io.WriteString(c, "hello\n")
	rest, err := io.ReadAll(c)
	if got := head + string(rest); err != nil || !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "\r\n\r\necho hello\n") || strings.Contains(got, "a=b") {
		t.Errorf("%v %s", err, got)
	}
}

// readHead reads a byte at a time, and so nothing of what follows.
func readHead(r io.Reader) (head string, err error) {
	var b [1]byte
	for err == nil && !strings.HasSuffix(head, "\r\n\r\n") {
		if _, err = io.ReadFull(r, b[:]); err == nil {
			head += string(b[:])
		}
	}
	return head, err
}

// A request in another's body stays one.
func TestPortSmuggling(t *testing.T) {
	var asked []string
	server, _ := withPort(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+string(body))
	})
	const inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, head := range []string{
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner),
		fmt.Sprintf("Content-Length: %d\r\nContent-Length: 4\r\n\r\n%s", len(inner), inner),
		"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
		"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(inner), inner),
	} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST %s/outer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", port, head)
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	if len(asked) == 0 {
		t.Error("nothing was asked at all")
	}
	for _, a := range asked {
		if a != "POST /outer "+inner {
			t.Errorf("asked %q", a)
		}
	}
}
