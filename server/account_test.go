package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/openid"
	"github.com/podhop/podhop/server/account"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/people"
)

// withAccounts is a server whose people have accounts of a real provider.
func withAccounts(t *testing.T, required bool) (at string, noted func() []audit.Event) {
	t.Helper()
	var handler http.Handler
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(listening.Close)
	provider := openid.Start(t, []openid.User{
		{ID: "1", Username: "ada", FirstName: "Ada", LastName: "Lovelace", Groups: []string{"teachers"}},
		{ID: "2", Username: "bob", FirstName: "Bob", LastName: "Else"},
	}, listening.URL+"/sign-in/callback")
	s, noted := peopled(t, people.Config{Instructors: people.Accounts, AccountsRequired: required}, func(c *Config) {
		c.Accounts = account.New(account.Config{Issuer: provider.URL, ClientID: openid.ClientID, ClientSecret: openid.ClientSecret, Scopes: []string{"profile", "email"},
			Key: []byte("key"), Instructors: []account.Claim{{Name: "groups", Value: "teachers"}}})
	})
	handler = s.Handler()
	return listening.URL, noted
}

func TestAccounts(t *testing.T) {
	at, noted := withAccounts(t, false)
	ada, bob := openid.NewBrowser(t), openid.NewBrowser(t)
	if r, text := ada.SignIn(at+"/sign-in/account?to=/lessons/first", "ada", openid.Password); r.Request.URL.Path != "/lessons/first" || text != "page: front first" {
		t.Errorf("it leads to %s: %s", r.Request.URL, text)
	}
	if _, me := ada.Send(at+"/api/me", nil); strings.TrimSpace(me) != `{"name":"Ada Lovelace","roles":["learner","instructor"]}` {
		t.Errorf("ada is %s", me)
	}
	if r, text := bob.SignIn(at+"/sign-in/account?to=//evil.example/", "bob", openid.Password); r.Request.URL.String() != at+"/" {
		t.Errorf("it leads to %s: %s", r.Request.URL, text)
	}
	if _, me := bob.Send(at+"/api/me", nil); strings.TrimSpace(me) != `{"name":"Bob Else","roles":["learner"]}` {
		t.Errorf("bob is %s", me)
	}
	if r, text := openid.NewBrowser(t).SignIn(at+"/sign-in/account", "ada", "wrong"); r.Request.URL.Path != "/login/username" {
		t.Errorf("with a wrong password it leads to %s: %s", r.Request.URL, text)
	}
	// What comes back to a browser that did not begin it signs nobody in: no session of somebody
	// else's can be put into one.
	u, _ := url.Parse(at)
	for _, c := range ada.Jar.Cookies(u) {
		if c.Name == flowCookie {
			t.Error("what a browser carries is left after it signed in")
		}
	}
	if r, text := openid.NewBrowser(t).Send(at+"/sign-in/callback?code=x&state=y", nil); r.StatusCode != http.StatusForbidden || !strings.Contains(text, "sign in | / |") {
		t.Errorf("what nobody began ends with %d %s", r.StatusCode, text)
	}
	if r, _ := ada.Send(at+"/sign-out", url.Values{}); r.StatusCode != http.StatusOK {
		t.Errorf("signing out: %d", r.StatusCode)
	}
	if _, me := ada.Send(at+"/api/me", nil); strings.TrimSpace(me) != `{"roles":["learner"]}` {
		t.Errorf("signed out, ada is %s", me)
	}
	var actions []string
	for _, e := range noted() {
		actions = append(actions, e.Action)
		if e.Action == "person.sign-in" && !strings.HasPrefix(e.Person, "account-") {
			t.Errorf("noted %+v", e)
		}
	}
	if got := strings.Join(actions, " "); got != "person.sign-in person.sign-in person.sign-in-failed person.sign-out" {
		t.Errorf("noted %s", got)
	}
}

// Where accounts are required, a browser that would open something is led to sign in, and goes on
// from there.
func TestRequiredAccounts(t *testing.T) {
	at, _ := withAccounts(t, true)
	b := openid.NewBrowser(t)
	if r, text := b.Send(at+"/playground", url.Values{"nodes": {"1"}}); r.Request.URL.String() != at+"/sign-in?to=%2Fplayground" || !strings.HasPrefix(text, "page: sign in | /playground") {
		t.Fatalf("it leads to %s: %s", r.Request.URL, text)
	}
	if r, text := b.SignIn(at+"/sign-in/account?to=/playground", "bob", openid.Password); text != "page: front " {
		t.Fatalf("it leads to %s: %s", r.Request.URL, text)
	}
	if r, text := b.Send(at+"/playground", url.Values{"nodes": {"1"}}); !strings.HasPrefix(r.Request.URL.Path, "/s/new") {
		t.Errorf("it leads to %s: %s", r.Request.URL, text)
	}
}

func TestNoProvider(t *testing.T) {
	s, _ := peopled(t, people.Config{}, nil)
	for _, path := range []string{"/sign-in/account", "/sign-in/callback?code=x&state=y"} {
		if r := ask(s.Handler(), "GET "+path, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
