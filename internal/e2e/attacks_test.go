package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// What SECURITY.md says is tried on the real server by somebody who has a session of their own
// and wants another's, whose secret they look for in each answer.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--registries=false")
	one := model.SessionOptions{Nodes: 1}
	victim, attacker := s.openWith(one), s.openWith(one)
	const secret = "the-victims-secret"
	victim.kubectl("create", "configmap", "private", "--from-literal=secret="+secret)
	a := &attack{session: attacker, victim: victim, secret: secret}
	for name, try := range map[string]func(*attack){
		"tokens": (*attack).tokens, "guessed": (*attack).guessed, "foreign pages": (*attack).foreign,
		"paths": (*attack).paths, "websockets": (*attack).websockets, "bombs": (*attack).bombs,
		"smuggling": (*attack).smuggling, "operator": (*attack).operator,
	} {
		t.Run(name, func(t *testing.T) {
			inner := *a
			session, server := *a.session, *a.session.server
			server.t, session.server, inner.session = t, &server, &session
			try(&inner)
		})
	}
	// Nobody has noticed.
	if out := victim.kubectl("get", "configmap", "private", "-o", "jsonpath={.data.secret}"); out != secret {
		t.Errorf("the victim has %q", out)
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Error("the server's log has errors")
	}
}

// An attack is one session's owner's on another.
type attack struct {
	*session
	victim *session
	secret string
}

// ask sends a request as it is, and returns the answer; the victim's secret may not be in it.
func (a *attack) ask(method, path, body string, headers ...string) (status int, answer string) {
	a.t.Helper()
	req := must(http.NewRequest(method, a.URL, strings.NewReader(body)))
	req.URL.Opaque = path // as it is, with all its dots
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text := string(must(io.ReadAll(io.LimitReader(resp.Body, 8<<20))))
	if strings.Contains(text, a.secret) {
		a.t.Errorf("%s %s tells the secret: %s", method, path, text)
	}
	return resp.StatusCode, text
}

var bearer = regexp.MustCompile(`token: *(\S+)`)

func (x *session) token() string {
	return bearer.FindStringSubmatch(string(must(os.ReadFile(x.kubeconfig))))[1]
}

const private = "/api/v1/namespaces/default/configmaps/private"

// tokens of a session open no other one, and none does without.
func (a *attack) tokens() {
	account := strings.TrimSpace(a.kubectl("create", "token", "default"))
	for name, headers := range map[string][]string{
		"none": nil, "of another session": {"Authorization: Bearer " + a.token()}, "of another session's account": {"Authorization: Bearer " + account},
		"made up": {"Authorization: Bearer system:masters"}, "a header of a proxy": {"X-Remote-User: admin", "X-Remote-Group: system:masters"},
		"impersonation": {"Authorization: Bearer " + a.token(), "Impersonate-User: admin", "Impersonate-Group: system:masters"},
		"a password":    {"Authorization: Basic YWRtaW46YWRtaW4="},
	} {
		if status, answer := a.ask("GET", "/k8s/"+a.victim.ID+private, "", headers...); status != 401 && status != 403 {
			a.t.Errorf("with %s: %d %s", name, status, answer)
		}
	}
	if status, _ := a.ask("GET", "/k8s/"+a.ID+"/api/v1/namespaces/default/configmaps", "", "Authorization: Bearer "+a.token()); status != 200 {
		a.t.Errorf("the token does not open its own session: %d", status)
	}
}

// guessed IDs tell nothing, those that were a session's neither.
func (a *attack) guessed() {
	gone := a.openWith(model.SessionOptions{Nodes: 1})
	if code := a.call("DELETE", "/api/sessions/"+gone.ID, nil, nil); code != 204 {
		a.t.Fatalf("closing: %d", code)
	}
	never := strings.Repeat("a", len(gone.ID))
	for _, path := range []string{"/api/sessions/%s", "/api/sessions/%s/topology", "/api/sessions/%s/access", "/s/%s", "/k8s/%s/api", "/s/%s/port/host1/80/"} {
		s1, a1 := a.ask("GET", fmt.Sprintf(path, gone.ID), "")
		s2, a2 := a.ask("GET", fmt.Sprintf(path, never), "")
		if s1 != s2 || strings.ReplaceAll(a1, gone.ID, never) != a2 && !strings.HasPrefix(path, "/s/") {
			a.t.Errorf("%s tells one that was from one that never was: %d %s, %d %s", path, s1, a1, s2, a2)
		}
		if s1 < 400 {
			a.t.Errorf("%s: %d", path, s1)
		}
	}
	for _, id := range []string{"", ".", "..", "*", "%00", "view-", "member-", strings.ToUpper(a.victim.ID) + "x", a.victim.ID[:8], strings.Repeat("x", 4000)} {
		if status, answer := a.ask("GET", "/api/sessions/"+id+"/topology", ""); status < 300 || status >= 500 {
			a.t.Errorf("ID %.20q: %d %s", id, status, answer)
		}
	}
}

// foreign pages change nothing, though the victim's browser sends their requests.
func (a *attack) foreign() {
	base := "/api/sessions/" + a.victim.ID
	for _, from := range [][]string{{"Sec-Fetch-Site: cross-site"}, {"Origin: https://evil.example"}, {"Origin: null"}, {"Sec-Fetch-Site: same-site", "Origin: http://other.localhost"}} {
		for _, call := range []string{"POST /api/sessions", "POST /playground", "DELETE " + base, "PATCH " + base, "POST " + base + "/apply", "POST " + base + "/requests",
			"POST " + base + "/start-over", "POST " + base + "/terminals", "POST " + base + "/views", "PUT " + base + "/faults/dns", "POST /api/classes", "POST /api/join", "POST /sign-in", "POST /api/recordings"} {
			method, path, _ := strings.Cut(call, " ")
			if status, answer := a.ask(method, path, "{}", append(from, "Content-Type: text/plain")...); status != 403 {
				a.t.Errorf("%s from %s: %d %s", call, from, status, answer)
			}
		}
	}
	for _, page := range []string{"/", "/s/" + a.victim.ID, "/join"} {
		resp := must(http.Get(a.URL + page))
		resp.Body.Close()
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors 'self'") || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			a.t.Errorf("%s may be framed, or read by others: %q", page, policy)
		}
	}
}

// paths that wander lead to no other session, file or route.
func (a *attack) paths() {
	own, theirs := "/k8s/"+a.ID, a.victim.ID
	for _, path := range []string{
		own + "/../" + theirs + private, own + "/%2e%2e/" + theirs + private, own + "/..%2f" + theirs + private, own + "//..//" + theirs + private,
		own + "/api/v1/../../../" + theirs + private, own + "%2f..%2f" + theirs + private, "/k8s/" + a.ID + ";" + theirs + private, "/k8s//" + theirs + private,
		own + "/api/v1/namespaces/default/services/..%2f..%2f" + theirs + "/proxy/", own + "\\..\\" + theirs + private,
		"/static/../" + theirs, "/static/..%2f..%2f..%2fetc%2fpasswd", "/static/%2e%2e/%2e%2e/etc/passwd", "/lessons/02-your-first-pod/files/..%2f..%2f..%2fetc%2fpasswd",
		"/api/recordings/..%2f..%2foperator-token", "/recordings/..%2foperator-token", "/s/" + a.ID + "/port/host1%2f..%2f" + theirs + "/80/",
	} {
		status, answer := a.ask("GET", path, "", "Authorization: Bearer "+a.token())
		if status < 300 && !strings.Contains(answer, `"kind":"APIVersions"`) || status >= 500 || strings.Contains(answer, "root:") {
			a.t.Errorf("%s: %d %.300s", path, status, answer)
		}
	}
}

// websockets are opened by our own pages alone, whatever cookies a browser would send.
func (a *attack) websockets() {
	var terminal model.Terminal
	if code := a.victim.call("POST", a.victim.path("/terminals"), map[string]string{"place": "client"}, &terminal); code != 201 {
		a.t.Fatalf("open a terminal: %d", code)
	}
	for _, path := range []string{a.victim.path("/stream"), a.victim.path("/terminals/" + terminal.ID + "/stream")} {
		for origin, want := range map[string]int{"https://evil.example": 403, "null": 403, a.URL + ".evil.example": 403, a.URL: 101} {
			if status := a.upgrade(path, origin); status != want {
				a.t.Errorf("%s from %s: %d, want %d", path, origin, status, want)
			}
		}
	}
}

func (a *attack) upgrade(path, origin string) (status int) {
	c := must(net.Dial("tcp", must(url.Parse(a.URL)).Host))
	defer c.Close()
	must(0, c.SetDeadline(time.Now().Add(patience)))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		path, strings.TrimPrefix(a.URL, "http://"), origin)
	var version string
	if _, err := fmt.Fscan(c, &version, &status); err != nil {
		a.t.Fatalf("%s from %s: %v", path, origin, err)
	}
	return status
}

// bombs are small, and would be large: they are refused, and nothing else is.
func (a *attack) bombs() {
	aliases := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i <= 'k'; i++ {
		aliases += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 9), ","))
	}
	deep := strings.Repeat("[", 200_000)
	var zeros bytes.Buffer
	z := gzip.NewWriter(&zeros)
	must(z.Write(make([]byte, 64<<20)))
	must(0, z.Close())
	for name, c := range map[string]struct{ method, path, body, kind string }{
		"aliases":               {"POST", a.path("/apply"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\ndata:\n  x: y\n" + aliases, "application/yaml"},
		"depth":                 {"POST", a.path("/apply"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\ndata: " + deep, "application/yaml"},
		"aliases to the API":    {"POST", "/k8s/" + a.ID + "/api/v1/namespaces/default/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + aliases, "application/yaml"},
		"depth to the API":      {"POST", "/k8s/" + a.ID + "/api/v1/namespaces/default/configmaps", `{"apiVersion":"v1","kind":"ConfigMap","metadata":` + deep, "application/json"},
		"a patch without end":   {"PATCH", "/k8s/" + a.ID + "/api/v1/namespaces/default", "[" + strings.Repeat(`{"op":"copy","from":"/metadata","path":"/metadata/labels"},`, 10_000) + `{}]`, "application/json-patch+json"},
		"a recording":           {"POST", "/api/recordings", zeros.String(), "application/gzip"},
		"a compressed question": {"POST", a.path("/requests"), zeros.String(), "application/json"},
		"a deep question":       {"POST", a.path("/requests"), deep, "application/json"},
	} {
		headers := []string{"Content-Type: " + c.kind, "Authorization: Bearer " + a.token()}
		if strings.Contains(name, "compressed") {
			headers = append(headers, "Content-Encoding: gzip")
		}
		status, answer := a.ask(c.method, c.path, c.body, headers...)
		if c.path == a.path("/apply") { // each document has an answer of its own
			if status != 200 || !strings.Contains(answer, `"errors"`) {
				a.t.Errorf("%s: %d %.300s", name, status, answer)
			}
		} else if status < 400 || status >= 500 {
			a.t.Errorf("%s: %d %.300s", name, status, answer)
		}
	}
	if out, err := a.tryKubectl("", "get", "configmap", "bomb"); err == nil {
		a.t.Errorf("a bomb was taken: %s", out)
	}
}

// smuggling hides a request in another one, of which a proxy sees only the outer.
func (a *attack) smuggling() {
	inner := "GET /k8s/" + a.victim.ID + private + " HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":            fmt.Sprintf("Content-Length: %d\r\nContent-Length: 4\r\n\r\n%s", len(inner), inner),
		"a length and chunks":    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner),
		"an unknown encoding":    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
		"a blank in a name":      "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
		"a length with a sign":   fmt.Sprintf("Content-Length: +%d\r\n\r\n%s", len(inner), inner),
		"a folded header":        "Content-Length: 0\r\nX: a\r\n b: c\r\n\r\n" + inner,
		"a name that has a line": "X\n: y\r\nContent-Length: 0\r\n\r\n" + inner,
	} {
		c := must(net.Dial("tcp", must(url.Parse(a.URL)).Host))
		must(0, c.SetDeadline(time.Now().Add(patience)))
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", a.path("/requests"), head)
		answer := string(must(io.ReadAll(c)))
		c.Close()
		if strings.Count(answer, "HTTP/1.1 ") > 1 || strings.Contains(answer, a.secret) {
			a.t.Errorf("%s: more than one answer: %s", name, answer)
		}
	}
}

// operator is what nobody becomes who does not have the token.
func (a *attack) operator() {
	for _, call := range []string{"GET /debug/", "GET /debug/pprof/", "GET /debug/pprof/heap", "GET /api/operator/sessions", "GET /operator"} {
		method, path, _ := strings.Cut(call, " ")
		for _, headers := range [][]string{nil, {"Authorization: Bearer guess"}, {"Cookie: podhop=guess; podhop-session=guess"}, {"Authorization: Bearer " + a.token()},
			{"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Forwarded-User: operator"}} {
			if status, answer := a.ask(method, path, "", headers...); status < 300 || status >= 500 {
				a.t.Errorf("%s with %v: %d %.200s", call, headers, status, answer)
			}
		}
	}
}
