package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/openid"
	"github.com/podhop/podhop/server/people"
)

const callback = "http://127.0.0.1:1/sign-in/callback"

var users = []openid.User{
	{ID: "1", Username: "ada", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.org", Verified: true, Groups: []string{"staff", "teachers"}},
	{ID: "2", Username: "eve", FirstName: "Eve", LastName: "Else", Email: "root@example.org", Verified: false},
	{ID: "3", Username: "root", FirstName: "Rut", LastName: "Root", Email: "root@example.org", Verified: true},
}

// newProvider is ours, of the running one.
func newProvider(t *testing.T, at *openid.Provider, change func(*Config)) *Provider {
	t.Helper()
	cfg := Config{Issuer: at.URL, ClientID: openid.ClientID, ClientSecret: openid.ClientSecret, Scopes: []string{"profile", "email"}, Key: []byte("key"),
		Instructors: []Claim{{"groups", "teachers"}}, Operators: []Claim{{"email", "root@example.org"}}}
	if change != nil {
		change(&cfg)
	}
	return New(cfg)
}

// back signs somebody in at the provider, and is what their browser brings back from there.
func back(t *testing.T, p *Provider, username string) (query url.Values, carry string) {
	t.Helper()
	where, carry, err := p.Begin(t.Context(), callback, "/classes")
	if err != nil {
		t.Fatal(err)
	}
	b := openid.NewBrowser(t)
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			query = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}
	_, text := b.SignIn(where, username, openid.Password)
	if query == nil {
		t.Fatalf("the provider does not lead back: %s", text)
	}
	return query, carry
}

func TestRoles(t *testing.T) {
	p := newProvider(t, openid.Start(t, users, callback), nil)
	for username, want := range map[string]people.Person{
		"ada":  {Name: "Ada Lovelace", Email: "ada@example.org", Roles: []people.Role{people.Learner, people.Instructor}},
		"eve":  {Name: "Eve Else", Roles: []people.Role{people.Learner}}, // who is called root, but nobody has seen that
		"root": {Name: "Rut Root", Email: "root@example.org", Roles: []people.Role{people.Learner, people.Operator}},
	} {
		query, carry := back(t, p, username)
		who, to, err := p.Finish(t.Context(), callback, query, carry)
		if err != nil || to != "/classes" || !strings.HasPrefix(who.ID, "account-") {
			t.Errorf("%s is %+v, to %s, %v", username, who, to, err)
		}
		want.ID = who.ID
		got, _ := json.Marshal(who)
		if expected, _ := json.Marshal(want); string(got) != string(expected) {
			t.Errorf("%s is %s, want %s", username, got, expected)
		}
		// A code is good once.
		if _, _, err := p.Finish(t.Context(), callback, query, carry); !errors.Is(err, ErrDenied) {
			t.Errorf("%s again: %v", username, err)
		}
	}
}

// Whoever is the same at the provider is here, and nobody else.
func TestSamePerson(t *testing.T) {
	p := newProvider(t, openid.Start(t, users, callback), nil)
	var ids []string
	for _, username := range []string{"ada", "ada", "eve"} {
		query, carry := back(t, p, username)
		who, _, err := p.Finish(t.Context(), callback, query, carry)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, who.ID)
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("they are %q", ids)
	}
}

func TestNotBelieved(t *testing.T) {
	at := openid.Start(t, users, callback)
	plain := newProvider(t, at, nil)
	query, carry := back(t, plain, "ada")
	_, others, err := plain.Begin(t.Context(), callback, "/")
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) url.Values {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		q.Set(name, value)
		return q
	}
	for name, c := range map[string]struct {
		query url.Values
		carry string
		want  error
	}{
		"another state":             {with("state", "x"), carry, ErrState},
		"no state":                  {with("state", ""), carry, ErrState},
		"another browser":           {query, others, ErrState},
		"no cookie":                 {query, "", ErrState},
		"a cookie that was changed": {query, carry[:len(carry)-2] + "xx", ErrState},
		"the provider's no":         {with("error", "access_denied"), carry, ErrDenied},
		"another code":              {with("code", "x"), carry, ErrDenied},
	} {
		if who, _, err := plain.Finish(t.Context(), callback, c.query, c.carry); !errors.Is(err, c.want) || who.ID != "" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}

	later := newProvider(t, at, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(48 * time.Hour) } })
	query, carry = back(t, later, "ada")
	if _, _, err := later.Finish(t.Context(), callback, query, carry); !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a token that has expired: %v", err)
	}
	at.Nonce.Store("of-another-sign-in")
	query, carry = back(t, plain, "ada")
	if _, _, err := plain.Finish(t.Context(), callback, query, carry); !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), "another sign-in") {
		t.Errorf("another nonce: %v", err)
	}
	at.Nonce.Store("")
	wrong := newProvider(t, at, func(c *Config) { c.ClientSecret = "wrong" })
	query, carry = back(t, wrong, "ada")
	if _, _, err := wrong.Finish(t.Context(), callback, query, carry); !errors.Is(err, ErrDenied) {
		t.Errorf("a wrong secret: %v", err)
	}
}

// A provider that is not there yet is asked again by the next.
func TestProviderComesLater(t *testing.T) {
	at := openid.Start(t, users, callback)
	down := true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer proxy.Close()
	p := newProvider(t, at, func(c *Config) {
		c.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				r = r.Clone(r.Context())
				r.URL.Host = strings.TrimPrefix(proxy.URL, "http://")
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	if _, _, err := p.Begin(t.Context(), callback, "/"); !errors.Is(err, ErrProvider) {
		t.Errorf("a provider that is down: %v", err)
	}
	down = false
	query, carry := back(t, p, "ada")
	if _, _, err := p.Finish(t.Context(), callback, query, carry); err != nil {
		t.Error(err)
	}
}

// Who signs in while the provider hangs does not wait for those before, and may go away.
func TestProviderHangs(t *testing.T) {
	var asked atomic.Int32
	hang := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-hang
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer hangs.Close()
	p := New(Config{Issuer: hangs.URL, ClientID: openid.ClientID, Key: []byte("key")})
	gone, leave := context.WithCancel(t.Context())
	failed := make(chan error, 10)
	for i := range 10 {
		go func() {
			ctx := t.Context()
			if i == 9 {
				ctx = gone
			}
			_, _, err := p.Begin(ctx, callback, "/")
			failed <- err
		}()
	}
	leave()
	if err := <-failed; !errors.Is(err, ErrProvider) || !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone away is told %v", err)
	}
	close(hang)
	for range 9 {
		if err := <-failed; !errors.Is(err, ErrProvider) || errors.Is(err, context.Canceled) {
			t.Errorf("who waited is told %v", err)
		}
	}
	if _, _, err := p.Begin(t.Context(), callback, "/"); !errors.Is(err, ErrProvider) || asked.Load() < 2 {
		t.Errorf("it is not asked again: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClaims(t *testing.T) {
	var c claims
	text := `{"groups": ["a", "teachers"], "role": "boss", "level": 7, "admin": true, "email": "x@y", "email_verified": "true", "realm_access": {"roles": ["r"]}, "https://x.y/z": ["v"]}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]bool{"groups=teachers": true, "groups=teach": false, "role=boss": true, "level=7": true, "admin=true": true, "email=x@y": true,
		"realm_access.roles=r": true, "realm_access.roles=s": false, "realm_access=r": false, "https://x.y/z=v": true, "missing=<nil>": false, "groups.a=b": false} {
		all, err := ParseClaims(claim)
		if err != nil || c.any(all) != want {
			t.Errorf("%s: %v, %v", claim, !want, err)
		}
	}
	if c["email_verified"] = false; c.has(Claim{"email", "x@y"}) {
		t.Error("an address that nobody has seen counts")
	}
	if delete(c, "email_verified"); c.has(Claim{"email", "x@y"}) {
		t.Error("an address of which nobody says that they have seen it counts")
	}
	for _, list := range []string{"groups", "=x", "groups=", "a=b,c"} {
		if all, err := ParseClaims(list); err == nil {
			t.Errorf("%q is %v", list, all)
		}
	}
}
