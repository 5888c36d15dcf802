package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Below a base path, what is asked for elsewhere is not there, and every address that an
// answer has is below it.
func TestBasePath(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	}))
	t.Cleanup(web.Close)
	engine := newEngine("one", "two")
	engine.sessions["one"].at = map[string]string{"node-1:30080": web.Listener.Addr().String()}
	s := newServer(t, engine, func(c *Config) { c.Base = "/podhop" })
	for _, c := range []struct {
		request, body string
		headers       []string
		status        int
		to            string // its header Location
		says          string // part of its body
	}{
		{request: "GET /healthz", status: 200, says: "ok"},
		{request: "GET /readyz", status: 200, says: "ok"},
		{request: "GET /podhop/healthz", status: 200, says: "ok"},
		{request: "GET /podhop/readyz", status: 200, says: "ok"},
		{request: "GET /", status: 307, to: "/podhop/"},
		{request: "GET /podhop", status: 307, to: "/podhop/"},
		{request: "GET /podhop/", status: 200},
		{request: "GET /playground", status: 404, says: "what there is is below /podhop/."},
		{request: "POST /api/sessions", status: 404},
		{request: "GET /k8s/one/api", status: 404},
		{request: "GET /s/one/port/node-1/30080/", status: 404},
		{request: "GET /metrics", status: 404},
		{request: "GET /podhopper/playground", status: 404},
		{request: "GET /podhop/nowhere", status: 404, says: "nothing at /podhop/nowhere. /podhop/api/openapi.yaml"},
		{request: "POST /podhop/playground", status: 303, to: "/podhop/s/"},
		{request: "POST /podhop/api/sessions", status: 201, to: "/podhop/api/sessions/", says: `"url":"/podhop/s/`},
		{request: "GET /podhop/api/sessions/one", status: 200, says: `"apiServer":"http://localhost:8080/podhop/k8s/one"`},
		{request: "GET /podhop/api/sessions/one/kubeconfig", status: 200, says: "server: http://localhost:8080/podhop/k8s/one\n"},
		{request: "GET /podhop/api/sessions/one/access", status: 200, says: `"path":"/podhop/k8s/one"`},
		{request: "POST /podhop/api/sessions/one/nodes", status: 201, to: "/podhop/api/sessions/one/nodes/"},
		{request: "POST /podhop/api/sessions/one/terminals", body: `{"place":"client"}`, status: 201, to: "/podhop/api/sessions/one/terminals/"},
		{request: "POST /podhop/api/sessions/two/start-over", status: 201, to: "/podhop/api/sessions/"},
		{request: "GET /podhop/s/one/ports?host=node-1&port=30080", status: 303, to: "/podhop/s/one/port/node-1/30080/"},
		{request: "GET /podhop/s/one/port/node-1/30080", status: 308, to: "/podhop/s/one/port/node-1/30080/"},
		{request: "GET /podhop/s/one/port/node-1/30080/", status: 302, to: "/podhop/s/one/port/node-1/30080/login"},
		{request: "GET /podhop/", headers: []string{"Host: 30080-node-1-one.localhost"}, status: 302, to: "/login"},
		{request: "GET /podhop/k8s/one/api/v1?watch=1", status: 200, says: "one GET /api/v1 escaped=/api/v1 uri=/api/v1?watch=1"},
		{request: "GET /podhop/k8s/one/api/v1/nodes/a%2Fb", status: 200, says: "one GET /api/v1/nodes/a/b escaped=/api/v1/nodes/a%2Fb"},
		{request: "GET /api/v1", headers: []string{"Host: one.example.org"}, status: 200, says: "one GET /api/v1"},
	} {
		headers := append([]string{"Accept: application/json", "Content-Type: application/json"}, c.headers...)
		if strings.HasSuffix(c.request, "/playground") {
			headers[1] = "Content-Type: application/x-www-form-urlencoded"
		}
		got := ask(s.Handler(), c.request, c.body, headers...)
		body, _ := io.ReadAll(got.Body)
		to := got.Header.Get("Location")
		if got.StatusCode != c.status || !strings.HasPrefix(to, c.to) || c.to == "" && to != "" || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: got %d, to %q:\n%s\nwant %d, to %q, and in it %q", c.request, got.StatusCode, to, body, c.status, c.to, c.says)
		}
	}
	for path, want := range map[string]int{"/podhop/k8s/one/api": 200, "/k8s/one/api": 200, "/healthz": 404} {
		if got := ask(s.APIHandler(), "GET "+path, ""); got.StatusCode != want {
			t.Errorf("over TLS %s: %d, want %d", path, got.StatusCode, want)
		}
	}
}
