package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"http://10.96.0.1", "http://10.96.0.1 10.96.0.1:80", ""},
		{"https://10.96.0.1/x?y=1", "https://10.96.0.1/x?y=1 10.96.0.1:443", ""},
		{"http://web:8080/", "http://web:8080/ web:8080", ""},
		{"10.96.0.1:6443", "10.96.0.1:6443 10.96.0.1:6443", ""},
		{"10.96.0.1", "http://10.96.0.1 10.96.0.1:80", ""},
		{"10.96.0.1/healthz", "http://10.96.0.1/healthz 10.96.0.1:80", ""},
		{"[fd00::1]:80", "[fd00::1]:80 fd00::1:80", ""},
		{"http://[fd00:10:96::7]:8080/x", "http://[fd00:10:96::7]:8080/x fd00:10:96::7:8080", ""},
		{"http://[fd00:10:96::7]", "http://[fd00:10:96::7] fd00:10:96::7:80", ""},
		{"fd00:10:96::7", "http://[fd00:10:96::7] fd00:10:96::7:80", ""},
		{"  web:80 ", "web:80 web:80", ""},
		{"", "", "say where to"},
		{"ftp://10.0.0.1", "", `scheme "ftp"`},
		{"http://", "", "names no host"},
		{"http://a b", "", "invalid character"},
		{"web:0", "", "between 1 and 65535"},
		{"web:99999", "", "between 1 and 65535"},
		{":80", "", "names no host"},
	} {
		got, err := ParseTarget(c.in)
		if c.err != "" {
			if !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %q", c.in, err, c.err)
			}
			continue
		}
		if s := fmt.Sprintf("%s %s:%d", got, got.Host, got.Port); err != nil || s != c.want {
			t.Errorf("%q: %s, %v; want %s", c.in, s, err, c.want)
		}
	}
}

func noNames(_ context.Context, host string) (netip.Addr, error) {
	return netip.Addr{}, fmt.Errorf("no such host: %s", host)
}

func TestSend(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Method, " ", strings.Repeat("x", 2*BodyLimit))
	}))
	defer srv.Close()
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := unused.Addr().String()
	unused.Close()

	var d net.Dialer
	for _, c := range []struct {
		name, to, method string
		outcome          string
		status           int
		body, err        string
	}{
		{"url", srv.URL, "", "answered", 200, "GET xxx", ""},
		{"method", srv.URL, "POST", "answered", 200, "POST xxx", ""},
		{"redirect is an answer", srv.URL + "/moved", "", "answered", 302, "", ""},
		{"host and port", strings.TrimPrefix(srv.URL, "http://"), "", "answered", 0, "", ""},
		{"nobody listens", "http://" + refused, "", "refused", 0, "", "connection refused"},
		{"unknown name", "http://nowhere", "", "error", 0, "", "no such host: nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := ParseTarget(c.to)
			if err != nil {
				t.Fatal(err)
			}
			a := Send(t.Context(), d.DialContext, noNames, c.method, target)
			if a.Outcome != c.outcome || a.Status != c.status || !strings.HasPrefix(a.Body, c.body) || a.Error != c.err {
				t.Errorf("got %+v", a)
			}
			if len(a.Body) > BodyLimit {
				t.Errorf("kept %d bytes of the body", len(a.Body))
			}
			if c.outcome == "answered" && (a.Local == "" || a.Remote == "" || a.Duration == 0) {
				t.Errorf("says not from where to where: %+v", a)
			}
		})
	}
}

func TestSendTimesOut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, context.DeadlineExceeded
	}
	a := Send(ctx, silent, noNames, "", Target{Host: "10.0.0.1", Port: 80})
	if a.Outcome != "timeout" || !strings.Contains(a.Error, "no answer") {
		t.Errorf("got %+v", a)
	}
}
