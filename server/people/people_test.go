package people

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podhop/podhop/server/keep"
)

func newPeople(t *testing.T, cfg Config) *People {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A browser keeps cookies of one server.
type browser map[string]*http.Cookie

// ask sends a request with the cookies, hands it to do with who asks, and keeps what it sets.
func (b browser) ask(p *People, do func(w http.ResponseWriter, r *http.Request), headers ...string) *http.Response {
	r := httptest.NewRequest("POST", "/", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	for _, c := range b {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	p.Handler(http.HandlerFunc(do)).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b, c.Name)
		} else {
			b[c.Name] = c
		}
	}
	return w.Result()
}

func (b browser) who(p *People, headers ...string) (who Person) {
	b.ask(p, func(_ http.ResponseWriter, r *http.Request) { who = From(r.Context()) }, headers...)
	return who
}

func TestMeet(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	p := newPeople(t, Config{Secret: secret})
	b := browser{}
	if who := b.who(p); who.ID != "" || len(b) > 0 || !who.Is(Learner) || !who.Is(Instructor) || who.Is(Operator) {
		t.Errorf("nobody in particular is %+v, with cookies %v", who, b)
	}
	var met, after Person
	b.ask(p, func(w http.ResponseWriter, r *http.Request) { met, after = p.Meet(w, r), From(r.Context()) })
	if met.ID == "" || after.ID != met.ID {
		t.Errorf("met %q, then the request says %q", met.ID, after.ID)
	}
	c := b[personCookie]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" {
		t.Errorf("the cookie is %v", c)
	}
	if strings.Contains(c.Value, met.ID) {
		t.Error("the cookie can be read")
	}
	// Another server of the same secret knows them; one of another does not.
	if who := b.who(newPeople(t, Config{Secret: secret})); who.ID != met.ID {
		t.Errorf("known as %q, not %q", who.ID, met.ID)
	}
	if who := b.who(newPeople(t, Config{})); who.ID != "" {
		t.Errorf("a cookie of another secret is %q", who.ID)
	}
	// Once is enough.
	if r := b.ask(p, func(w http.ResponseWriter, r *http.Request) { p.Meet(w, r) }); len(r.Cookies()) > 0 {
		t.Errorf("met again with %v", r.Cookies())
	}
	b[personCookie].Value = strings.ToUpper(b[personCookie].Value)
	if who := b.who(p); who.ID != "" {
		t.Errorf("a cookie that was changed is %q", who.ID)
	}
}

func TestCookieIsOfOneKind(t *testing.T) {
	p := newPeople(t, Config{})
	b := browser{}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) { p.Meet(w, r) })
	b[signedCookie] = &http.Cookie{Name: signedCookie, Value: b[personCookie].Value}
	if who := b.who(p); who.Is(Operator) || who.Name != "" {
		t.Errorf("a person's cookie signs in as %+v", who)
	}
}

func TestTokens(t *testing.T) {
	const operators, instructors = "the-operators-token", "the-instructors-token"
	secret := []byte(strings.Repeat("s", 32))
	p := newPeople(t, Config{Secret: secret, Instructors: ByToken, OperatorToken: operators, InstructorToken: instructors})
	for header, want := range map[string][]Role{
		"Authorization: Bearer " + operators:   {Learner, Instructor, Operator},
		"Authorization: bearer " + instructors: {Learner, Instructor},
		"Authorization: Bearer wrong":          {Learner},
		"Authorization: Bearer ":               {Learner},
		"Authorization: Basic " + operators:    {Learner},
		"Accept: */*":                          {Learner},
	} {
		who := browser{}.who(p, header)
		for _, role := range []Role{Learner, Instructor, Operator} {
			if who.Is(role) != slices.Contains(want, role) {
				t.Errorf("%s: %s is %v", header, role, who.Is(role))
			}
		}
	}

	b := browser{}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) {
		p.Meet(w, r)
		if _, ok := p.SignInByToken(w, r, "wrong"); ok {
			t.Error("signed in by a wrong token")
		}
	})
	me := b.who(p)
	b.ask(p, func(w http.ResponseWriter, r *http.Request) {
		if who, ok := p.SignInByToken(w, r, operators); !ok || !who.Is(Operator) || !From(r.Context()).Is(Operator) {
			t.Errorf("signed in as %+v, %v", who, ok)
		}
	})
	if who := b.who(p); !who.Is(Operator) || who.Name != "Operator" {
		t.Errorf("the operator is %+v", who)
	}
	// The token was changed: whoever signed in by the old one is not the operator any more,
	// but who they were.
	if who := b.who(newPeople(t, Config{Secret: secret, OperatorToken: operators + "2"})); who.Is(Operator) || who.ID != me.ID {
		t.Errorf("by an old token they are %+v", who)
	}
	if who := b.who(newPeople(t, Config{Secret: secret})); who.Is(Operator) {
		t.Errorf("without a token they are %+v", who)
	}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) { p.SignOut(w, r) })
	if who := b.who(p); who.ID != me.ID || who.Is(Operator) {
		t.Errorf("signed out they are %+v, not %+v", who, me)
	}
}

// An empty token makes nobody anything.
func TestNoTokens(t *testing.T) {
	p := newPeople(t, Config{Instructors: Accounts})
	if who := (browser{}).who(p, "Authorization: Bearer "); who.Is(Operator) || who.Is(Instructor) {
		t.Errorf("they are %+v", who)
	}
	if _, ok := p.role(""); ok {
		t.Error("nothing is a token")
	}
}

func TestAccountsRequired(t *testing.T) {
	p := newPeople(t, Config{AccountsRequired: true, OperatorToken: "the-operators-token"})
	b := browser{}
	if who := b.who(p); who.Is(Learner) || who.Is(Instructor) {
		t.Errorf("without an account they are %+v", who)
	}
	if who := (browser{}).who(p, "Authorization: Bearer the-operators-token"); !who.Is(Learner) {
		t.Errorf("the operator is %+v", who)
	}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) {
		if err := p.SignIn(w, r, Person{ID: "account-1", Name: "Ada", Roles: []Role{Learner}}); err != nil {
			t.Error(err)
		}
	})
	if who := b.who(p); !who.Is(Learner) || who.Name != "Ada" {
		t.Errorf("with an account they are %+v", who)
	}
}

func TestSecureCookies(t *testing.T) {
	p := newPeople(t, Config{Path: "/podhop/"})
	r := httptest.NewRequest("GET", "/", nil)
	for name, set := range map[string]func(){
		"over TLS":                      func() { r.TLS = &tls.ConnectionState{} },
		"over TLS to a proxy before us": func() { r.TLS = nil; r.Header.Set("X-Forwarded-Proto", "https") },
	} {
		set()
		if c := p.Cookie(r, "x", "y", SignedIn); !c.Secure || c.Path != "/podhop/" || c.MaxAge != 12*3600 {
			t.Errorf("%s: %v", name, c)
		}
	}
}

func TestAddress(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, 192.0.2.7 fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	p := newPeople(t, Config{Proxies: proxies})
	for _, test := range []struct {
		peer       string
		forwarded  []string
		want       string
		unbelieved bool
	}{
		{peer: "203.0.113.9:4000", want: "203.0.113.9"},
		{peer: "203.0.113.9:4000", forwarded: []string{"198.51.100.1"}, want: "203.0.113.9", unbelieved: true},
		{peer: "10.1.2.3:4000", want: "10.1.2.3"},
		{peer: "10.1.2.3:4000", forwarded: []string{"198.51.100.1"}, want: "198.51.100.1"},
		// What a client wrote itself is to the left, and nobody's business.
		{peer: "10.1.2.3:4000", forwarded: []string{"10.9.9.9, 198.51.100.1"}, want: "198.51.100.1"},
		{peer: "10.1.2.3:4000", forwarded: []string{"1.2.3.4, 198.51.100.1", "192.0.2.7"}, want: "198.51.100.1"},
		{peer: "10.1.2.3:4000", forwarded: []string{"unknown"}, want: "10.1.2.3"},
		{peer: "10.1.2.3:4000", forwarded: []string{"rubbish, 10.0.0.1"}, want: "10.0.0.1"},
		{peer: "10.1.2.3:4000", forwarded: []string{"198.51.100.1:5555"}, want: "198.51.100.1"},
		{peer: "[fd00::1]:4000", forwarded: []string{"[2001:db8::1]:77"}, want: "2001:db8::1"},
		{peer: "[::ffff:10.1.2.3]:4000", forwarded: []string{"2001:db8::2"}, want: "2001:db8::2"},
		{peer: "@", want: "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got := p.Address(r).String(); got != test.want {
			t.Errorf("%s for %q is %s, want %s", test.peer, test.forwarded, got, test.want)
		}
		if got := p.Unbelieved(r); got != test.unbelieved {
			t.Errorf("%s for %q: unbelieved %v", test.peer, test.forwarded, got)
		}
	}
	if _, err := ParseProxies("10.0.0.0/8,nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("nonsense is %v", err)
	}
	if p := newPeople(t, Config{}); p.Address(&http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"1.1.1.1"}}}) != netip.MustParseAddr("127.0.0.1") {
		t.Error("a proxy is trusted that nobody named")
	}
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "operator-token")
	made, err := Token(file)
	if err != nil || len(made) < 32 {
		t.Fatalf("made %q, %v", made, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if again, err := Token(file); again != made || err != nil {
		t.Errorf("again it is %q, %v", again, err)
	}
	for _, text := range []string{"", "short", "two words are no token"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Token(file); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("there are %v", entries)
	}
}

// All servers of a store have one secret, whoever is first.
func TestSecret(t *testing.T) {
	store := keep.Memory()
	secrets := make(chan string, 8)
	for range cap(secrets) {
		go func() {
			secret, err := Secret(t.Context(), store)
			if err != nil || len(secret) != 32 {
				t.Errorf("%d bytes, %v", len(secret), err)
			}
			secrets <- string(secret)
		}()
	}
	first := <-secrets
	for range cap(secrets) - 1 {
		if <-secrets != first {
			t.Error("there are two secrets")
		}
	}
	if _, err := New(Config{Secret: []byte("short")}); err == nil {
		t.Error("a short secret is taken")
	}
}

// What a browser was granted it shows again, sealed, and signing out keeps it.
func TestGrant(t *testing.T) {
	p := newPeople(t, Config{})
	b := browser{}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) { p.Grant(w, r, "a-token-of-the-site") })
	if c := b[accessCookie]; c == nil || strings.Contains(c.Value, "site") || !c.HttpOnly {
		t.Fatalf("the cookie is %v", c)
	}
	b.ask(p, func(w http.ResponseWriter, r *http.Request) {
		if got := p.Granted(r); got != "a-token-of-the-site" {
			t.Errorf("granted %q", got)
		}
	})
	b.ask(newPeople(t, Config{}), func(w http.ResponseWriter, r *http.Request) {
		if got := p.Granted(httptest.NewRequest("GET", "/", nil)) + newPeople(t, Config{}).Granted(r); got != "" {
			t.Errorf("granted %q by another secret", got)
		}
	})
}
