package route

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

func TestHost(t *testing.T) {
	for _, c := range []struct {
		pattern string
		labels  Labels
		name    string
		want    bool
	}{
		{"", One, "anything", true},
		{"*", One, "anything", true},
		{"example.com", One, "example.com", true},
		{"Example.COM.", One, "example.com", true},
		{"example.com", One, "www.example.com", false},
		{"*.example.com", One, "www.example.com", true},
		{"*.example.com", One, "example.com", false},
		{"*.example.com", One, ".example.com", false},
		{"*.example.com", One, "a.b.example.com", false},
		{"*.example.com", Many, "a.b.example.com", true},
		{"*.example.com", Many, "badexample.com", false},
	} {
		if got := ParseHost(c.pattern, c.labels).Matches(c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
	for host, want := range map[string]string{
		"example.com": "example.com", "Example.com:8080": "example.com", "example.com.": "example.com",
		"[::1]:80": "::1", "[::1]": "::1", "10.0.0.1:80": "10.0.0.1", "": "",
	} {
		if got := Hostname(host); got != want {
			t.Errorf("Hostname(%q) = %q", host, got)
		}
	}
}

func TestIntersect(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "a.example.com", "a.example.com"},
		{"*.example.com", "a.example.com", "a.example.com"},
		{"*.example.com", "*.a.example.com", "*.a.example.com"},
		{"*.example.com", "*.example.com", "*.example.com"},
		{"*.example.com", "example.com", "none"},
		{"a.example.com", "b.example.com", "none"},
		{"", "", "*"},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			h, ok := ParseHost(pair[0], Many).Intersect(ParseHost(pair[1], Many))
			got := h.String()
			if !ok {
				got = "none"
			}
			if got != c.want {
				t.Errorf("%q and %q: %q, want %q", pair[0], pair[1], got, c.want)
			}
		}
	}
}

// The table is that of the Ingress documentation
// (https://kubernetes.io/docs/concepts/services-networking/ingress/#examples).
func TestPath(t *testing.T) {
	for _, c := range []struct {
		kind       PathKind
		path, asks string
		want       bool
	}{
		{Prefix, "/", "/anything", true},
		{Exact, "/foo", "/foo", true},
		{Exact, "/foo", "/bar", false},
		{Exact, "/foo", "/foo/", false},
		{Exact, "/foo/", "/foo", false},
		{Prefix, "/foo", "/foo", true},
		{Prefix, "/foo", "/foo/", true},
		{Prefix, "/foo/", "/foo", true},
		{Prefix, "/foo/", "/foo/", true},
		{Prefix, "/aaa/bb", "/aaa/bbb", false},
		{Prefix, "/aaa/bbb", "/aaa/bbb", true},
		{Prefix, "/aaa/bbb/", "/aaa/bbb", true},
		{Prefix, "/aaa/bbb", "/aaa/bbb/", true},
		{Prefix, "/aaa/bbb", "/aaa/bbb/ccc", true},
		{Prefix, "/aaa/bbb", "/aaa/bbbxyz", false},
		{Prefix, "", "/anything", true},
	} {
		if got := (Path{Kind: c.kind, Value: c.path}).Matches(c.asks); got != c.want {
			t.Errorf("%v %s matches %s: %v", c.kind, c.path, c.asks, got)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, plain, raw string }{
		{"", "/", "/"},
		{"/", "/", "/"},
		{"/a/b", "/a/b", "/a/b"},
		{"/a/", "/a/", "/a/"},
		{"/a//b", "/a//b", "/a//b"},
		{"/a/./b", "/a/b", "/a/b"},
		{"/a/../b", "/b", "/b"},
		{"/a/%2e%2E/b", "/b", "/b"},
		{"/a/b/..", "/a/", "/a/"},
		{"/../../x", "/x", "/x"},
		{"/a%20b", "/a b", "/a%20b"},
		{"/a%2Fb", "/a%2Fb", "/a%2Fb"},
		{"/public/..%2fadmin", "/public/..%2fadmin", "/public/..%2fadmin"},
	} {
		plain, raw := Clean(c.in)
		if plain != c.plain || raw != c.raw {
			t.Errorf("Clean(%q) = %q, %q", c.in, plain, raw)
		}
	}
}

// The table is HTTPPathModifier.ReplacePrefixMatch's own.
func TestRewritten(t *testing.T) {
	for _, c := range []struct{ path, matched, with, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
	} {
		if got := (&Rewriting{Prefix: true, With: c.with}).Rewritten(c.path, Path{Value: c.matched}); got != c.want {
			t.Errorf("%s, prefix %s with %q: %s, want %s", c.path, c.matched, c.with, got, c.want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	rule := func(name, host string, p Path) Rule {
		return Rule{Host: ParseHost(host, One), Path: p, Origin: Origin{Name: name}}
	}
	headers := rule("headers", "example.com", Path{Value: "/app"})
	headers.Headers = []Value{{Name: "version", Value: "2"}}
	method := rule("method", "example.com", Path{Value: "/app"})
	method.Method = "POST"
	fallback := Rule{Fallback: true, Origin: Origin{Name: "fallback"}}
	p := Port{Listeners: []Listener{{Rules: []Rule{
		fallback,
		rule("any", "", Path{Value: "/"}),
		rule("wildcard", "*.example.com", Path{Value: "/a/very/long/path"}),
		rule("prefix", "example.com", Path{Value: "/app"}),
		headers,
		method,
		rule("twin", "example.com", Path{Value: "/app"}),
		rule("long", "example.com", Path{Value: "/app/long"}),
		rule("regexp", "example.com", Path{Kind: Regexp, Value: "/app/[0-9]+", Pattern: regexp.MustCompile("^(?:/app/[0-9]+)$")}),
		rule("exact", "example.com", Path{Kind: Exact, Value: "/app"}),
	}}}}
	p.Sort()
	for _, c := range []struct{ method, url, version, want string }{
		{"GET", "http://example.com/app", "", "exact"},
		{"GET", "http://example.com/app/", "", "prefix"},
		{"GET", "http://example.com/app/", "2", "headers"},
		{"POST", "http://example.com/app/", "2", "method"},
		{"GET", "http://example.com/app/long/x", "2", "long"},
		{"GET", "http://example.com/app/42", "", "regexp"},
		{"GET", "http://example.com/other", "", "any"},
		{"GET", "http://www.example.com/a/very/long/path", "", "wildcard"},
		{"GET", "http://www.example.com/", "", "any"},
	} {
		u, _ := url.Parse(c.url)
		plain, _ := Clean(u.EscapedPath())
		q := &Request{Host: Hostname(u.Host), Path: plain, Method: c.method, Header: http.Header{}}
		if c.version != "" {
			q.Header.Set("Version", c.version)
		}
		if got := p.Listener(q.Host).Rule(q); got == nil || got.Origin.Name != c.want {
			t.Errorf("%s %s: %+v, want %s", c.method, c.url, got, c.want)
		}
	}
}

func TestPick(t *testing.T) {
	r := Rule{Backends: []Backend{{Name: "a", Weight: 1}, {Name: "off"}, {Name: "b", Weight: 3}}}
	for n, want := range map[float64]string{0: "a", 0.2: "a", 0.25: "b", 0.99: "b"} {
		if got := r.Pick(n); got.Name != want {
			t.Errorf("%v: %s, want %s", n, got.Name, want)
		}
	}
	if got := (&Rule{Backends: []Backend{{Name: "off"}}}).Pick(0.5); got != nil {
		t.Errorf("without weights: %s", got.Name)
	}
}

func TestLocation(t *testing.T) {
	for _, c := range []struct {
		redirect Redirect
		port     uint16
		want     string
	}{
		{Redirect{Host: "example.org"}, 80, "http://example.org/a/b?c=d"},
		{Redirect{Scheme: "https"}, 80, "https://example.com/a/b?c=d"},
		{Redirect{Port: 8443, Scheme: "https"}, 80, "https://example.com:8443/a/b?c=d"},
		{Redirect{Port: 80}, 8080, "http://example.com/a/b?c=d"},
		{Redirect{}, 8080, "http://example.com:8080/a/b?c=d"},
		{Redirect{Path: &Rewriting{With: "/x"}}, 80, "http://example.com/x?c=d"},
		{Redirect{Path: &Rewriting{Prefix: true, With: "/x"}}, 80, "http://example.com/x/b?c=d"},
	} {
		if got := c.redirect.Location("http", "example.com:80", c.port, "/a/b", "c=d", Path{Value: "/a"}); got != c.want {
			t.Errorf("%+v: %s, want %s", c.redirect, got, c.want)
		}
	}
}
