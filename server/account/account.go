// Package account signs people in by accounts of an OpenID provider (OpenID Connect Core 1.0):
// the authorization code flow with PKCE, a state and a nonce. It must not know what whoever has
// signed in may do with that, nor hold anything of a sign-in that is under way: that is in a
// cookie, sealed.
package account

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/securecookie"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/podhop/podhop/server/people"
)

// Age is how long somebody may take to sign in.
const Age = 10 * time.Minute

// Errors say why somebody is not signed in.
var (
	// ErrState says that the browser did not begin what it ends, or too long ago.
	ErrState = errors.New("this sign-in was not begun in this browser, or took too long")
	// ErrDenied says that the provider did not sign them in.
	ErrDenied = errors.New("the provider did not sign you in")
	// ErrToken says that what the provider gave is not what it should be.
	ErrToken = errors.New("what the provider says cannot be believed")
	// ErrProvider says that the provider cannot be asked.
	ErrProvider = errors.New("the provider cannot be reached")
)

// Config says who the provider is, and what its accounts may be here.
type Config struct {
	Issuer, ClientID, ClientSecret string
	// Scopes are asked for beside openid.
	Scopes []string
	// Instructors and Operators are who has one of these claims.
	Instructors, Operators []Claim
	// Key seals what a browser carries through a sign-in.
	Key []byte
	// Client asks the provider: http.DefaultClient.
	Client *http.Client
	// Now is the time: time.Now.
	Now func() time.Time
}

// A Provider signs people in. It is safe for concurrent use.
type Provider struct {
	cfg  Config
	seal *securecookie.SecureCookie

	asking singleflight.Group // what the provider is
	known  atomic.Pointer[oidc.Provider]
}

// New returns a Provider, which is asked nothing before somebody signs in.
func New(cfg Config) *Provider {
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Provider{cfg: cfg}
	p.seal = securecookie.New(p.derive("hash"), p.derive("block")).SetSerializer(securecookie.JSONEncoder{}).MaxAge(int(Age / time.Second))
	return p
}

func (p *Provider) derive(info string) []byte {
	key, err := hkdf.Key(sha256.New, p.cfg.Key, nil, "sign-in "+info, 32)
	if err != nil {
		panic(err) // only for more bytes than a hash can give
	}
	return key
}

// Host is what the provider is called.
func (p *Provider) Host() string {
	u, err := url.Parse(p.cfg.Issuer)
	if err != nil {
		return p.cfg.Issuer
	}
	return u.Host
}

// provider asks the provider what it is (OpenID Connect Discovery 1.0), until it has said so once. All
// who want to know at the same time wait for one answer.
func (p *Provider) provider(ctx context.Context) (*oidc.Provider, error) {
	if known := p.known.Load(); known != nil {
		return known, nil
	}
	answer := p.asking.DoChan("", func() (any, error) {
		// Nobody's own context: others wait too, and keys are fetched by this one later.
		known, err := oidc.NewProvider(oidc.ClientContext(context.Background(), p.cfg.Client), p.cfg.Issuer)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProvider, err)
		}
		p.known.Store(known)
		return known, nil
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrProvider, context.Cause(ctx))
	case a := <-answer:
		known, _ := a.Val.(*oidc.Provider)
		return known, a.Err
	}
}

func (p *Provider) oauth(known *oidc.Provider, callback string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: known.Endpoint(), RedirectURL: callback,
		Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)}
}

// flow is what a browser carries through a sign-in.
type flow struct {
	State, Nonce, Verifier string
	To                     string // where it leads
}

const sealed = "sign-in"

// Begin is where the browser is to go, and what it is to carry until it comes back to callback.
func (p *Provider) Begin(ctx context.Context, callback, to string) (where, carry string, err error) {
	known, err := p.provider(ctx)
	if err != nil {
		return "", "", err
	}
	f := flow{State: people.NewID(), Nonce: people.NewID(), Verifier: oauth2.GenerateVerifier(), To: to}
	if carry, err = p.seal.Encode(sealed, f); err != nil {
		return "", "", err
	}
	return p.oauth(known, callback).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), carry, nil
}

// Finish is who has come back to callback, with a query and what they carried, and where they
// wanted to go. It fails with the errors above.
func (p *Provider) Finish(ctx context.Context, callback string, query url.Values, carry string) (who people.Person, to string, err error) {
	var f flow
	if p.seal.Decode(sealed, carry, &f) != nil || f.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(f.State)) != 1 {
		return who, "", ErrState
	}
	if said := query.Get("error"); said != "" {
		return who, f.To, fmt.Errorf("%w: it says %q", ErrDenied, said)
	}
	known, err := p.provider(ctx)
	if err != nil {
		return who, f.To, err
	}
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	tokens, err := p.oauth(known, callback).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(f.Verifier))
	if refused := new(oauth2.RetrieveError); errors.As(err, &refused) {
		return who, f.To, fmt.Errorf("%w: %w", ErrDenied, err)
	}
	if err != nil {
		return who, f.To, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	claims, err := p.claims(ctx, known, tokens, f.Nonce)
	if err != nil {
		return who, f.To, err
	}
	return p.person(claims), f.To, nil
}

// claims are what the provider says of somebody: in the token that it signed, and where it says
// more of them when it is asked.
func (p *Provider) claims(ctx context.Context, known *oidc.Provider, tokens *oauth2.Token, nonce string) (claims, error) {
	raw, _ := tokens.Extra("id_token").(string)
	token, err := known.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return nil, fmt.Errorf("%w: it is of another sign-in", ErrToken)
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrToken, err)
		}
	}
	all := claims{}
	if known.UserInfoEndpoint() != "" {
		info, err := known.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProvider, err)
		}
		if info.Subject != token.Subject { // OpenID Connect Core 1.0, 5.3.2
			return nil, fmt.Errorf("%w: it says so of somebody else", ErrToken)
		}
		if err := info.Claims(&all); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrToken, err)
		}
	}
	if err := token.Claims(&all); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	all["sub"] = token.Subject
	return all, nil
}

// person is who somebody is here.
func (p *Provider) person(c claims) people.Person {
	sum := sha256.Sum256([]byte(p.cfg.Issuer + "\x00" + c.text("sub")))
	who := people.Person{
		ID:    "account-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15])),
		Name:  c.first("name", "preferred_username", "email", "sub"),
		Roles: []people.Role{people.Learner},
	}
	if c.verified() {
		who.Email = c.text("email")
	}
	if c.any(p.cfg.Instructors) {
		who.Roles = append(who.Roles, people.Instructor)
	}
	if c.any(p.cfg.Operators) {
		who.Roles = append(who.Roles, people.Operator)
	}
	return who
}
