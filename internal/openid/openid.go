// Package openid runs a real OpenID provider for tests, on loopback: zitadel/oidc's, with people
// who sign in with a password on a page, and a browser that does. It must not know who asks it.
package openid

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The client that the provider knows, and everybody's password.
const (
	ClientID     = "podhop"
	ClientSecret = "the-secret-of-the-client"
	Password     = "verysecure"
)

// A User has an account of the provider.
type User struct {
	ID, Username, FirstName, LastName, Email string
	Verified                                 bool // is the Email
	Groups                                   []string
}

// A Provider is a running one.
type Provider struct {
	URL string
	// Nonce, if it is not empty, is what tokens say instead of what they were asked for with.
	Nonce atomic.Value
	users map[string]User
	back  []string
}

// Start runs a provider that leads back to some addresses alone, until the test ends.
func Start(t testing.TB, users []User, callbacks ...string) *Provider {
	t.Helper()
	p := &Provider{users: map[string]User{}, back: callbacks}
	accounts := map[string]*storage.User{}
	for _, u := range users {
		p.users[u.ID] = u
		accounts[u.ID] = &storage.User{ID: u.ID, Username: u.Username, Password: Password, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, EmailVerified: u.Verified}
	}
	file := filepath.Join(t.TempDir(), "users.json")
	data, err := json.Marshal(accounts)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.StoreFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var handler atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.Load().(http.Handler).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p.URL = server.URL
	clients := map[string]*storage.Client{ClientID: storage.WebClient(ClientID, ClientSecret, callbacks...)}
	handler.Store(http.Handler(exampleop.SetupServer(p.URL, keeper{storage.NewStorageWithClients(store, clients), p}, slog.New(slog.DiscardHandler), false)))
	return p
}

// LeadBackTo has the first address that it leads back to be another: that of a server which was
// started after the provider. Nobody may have asked it anything yet.
func (p *Provider) LeadBackTo(callback string) { p.back[0] = callback }

// keeper is the example's storage, with groups.
type keeper struct {
	*storage.Storage
	provider *Provider
}

func (k keeper) CreateAuthRequest(ctx context.Context, r *oidc.AuthRequest, user string) (op.AuthRequest, error) {
	if other, _ := k.provider.Nonce.Load().(string); other != "" {
		r.Nonce = other
	}
	return k.Storage.CreateAuthRequest(ctx, r, user)
}

func (k keeper) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if groups := k.provider.users[subject].Groups; groups != nil {
		info.AppendClaims("groups", groups)
	}
	return k.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}

// A Browser keeps cookies and follows where it is led.
type Browser struct {
	*http.Client
	t testing.TB
}

// NewBrowser returns one that has been nowhere.
func NewBrowser(t testing.TB) Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Browser{&http.Client{Jar: jar}, t}
}

// Send asks for a page as browsers do; form is that of a POST, nil for a GET. It returns the last
// answer, which is read.
func (b Browser) Send(to string, form url.Values) (*http.Response, string) {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer, string(text)
}

var request = regexp.MustCompile(`name="id" value="([^"]+)"`)

// SignIn begins at an address of a client, signs in as somebody at the provider, and goes back
// to where that leads.
func (b Browser) SignIn(begin, username, password string) (*http.Response, string) {
	b.t.Helper()
	page, text := b.Send(begin, nil)
	id := request.FindStringSubmatch(text)
	if id == nil {
		b.t.Fatalf("%s led to %s, which is no page to sign in on:\n%s", begin, page.Request.URL, text)
	}
	at := fmt.Sprintf("%s://%s/login/username", page.Request.URL.Scheme, page.Request.URL.Host)
	return b.Send(at, url.Values{"id": {id[1]}, "username": {username}, "password": {password}})
}
