package command

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/server/account"
)

// providerTimeout bounds what the provider is asked.
const providerTimeout = 10 * time.Second

// oidcConfig is what the flags say about the OpenID provider.
type oidcConfig struct {
	issuer, id, secretFile, scopes string
	instructors, operators         string
	required                       bool

	account account.Config // as read made it
}

func (c *oidcConfig) register(fs *flag.FlagSet) {
	fs.StringVar(&c.issuer, "oidc-issuer", "", "`URL` of an OpenID provider with whose accounts people may sign in; the address to register there is /sign-in/callback (default: there are no accounts)")
	fs.StringVar(&c.id, "oidc-client-id", "", "`ID` that the provider knows this server by")
	fs.StringVar(&c.secretFile, "oidc-client-secret-file", "", "`file` of the secret that goes with it; a public client has none")
	fs.StringVar(&c.scopes, "oidc-scopes", "profile email", "`scopes` that the provider is asked for beside openid, as profile, email or groups")
	fs.StringVar(&c.instructors, "oidc-instructors", "", "`CLAIM=VALUE`, comma-separated, that make whoever has one of them an instructor: groups=teachers, or email=a@example.org, which must be verified; a claim in another is written realm_access.roles=teacher")
	fs.StringVar(&c.operators, "oidc-operators", "", "the same `CLAIM=VALUE`, that make an operator")
	fs.BoolVar(&c.required, "oidc-required", false, "open sessions for those alone who have signed in")
}

// read checks the flags, and reads the secret's file.
func (c *oidcConfig) read() (err error) {
	if c.issuer == "" {
		if c.id+c.secretFile+c.instructors+c.operators != "" || c.required {
			return errors.New("--oidc-issuer is missing: the other flags that begin with --oidc- are for it")
		}
		return nil
	}
	u, err := url.Parse(c.issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--oidc-issuer %q: must be a URL, as https://login.example.org", c.issuer)
	}
	if c.id == "" {
		return errors.New("--oidc-client-id is missing")
	}
	c.account = account.Config{Issuer: c.issuer, ClientID: c.id, Scopes: names(c.scopes)}
	if c.account.Instructors, err = account.ParseClaims(c.instructors); err != nil {
		return fmt.Errorf("--oidc-instructors %w", err)
	}
	if c.account.Operators, err = account.ParseClaims(c.operators); err != nil {
		return fmt.Errorf("--oidc-operators %w", err)
	}
	if c.secretFile != "" {
		data, err := os.ReadFile(c.secretFile)
		if err != nil {
			return fmt.Errorf("--oidc-client-secret-file: %w", err)
		}
		if c.account.ClientSecret = strings.TrimSpace(string(data)); c.account.ClientSecret == "" {
			return fmt.Errorf("--oidc-client-secret-file: %s is empty", c.secretFile)
		}
	}
	return nil
}

// provider is nil without an issuer. It is asked through the supervisor: inside there is no
// network.
func (c *oidcConfig) provider(key []byte) *account.Provider {
	if c.issuer == "" {
		return nil
	}
	cfg := c.account
	cfg.Key = key
	cfg.Client = &http.Client{Timeout: providerTimeout, Transport: &http.Transport{
		DialContext: nsexec.DialOutside(forAccounts), ForceAttemptHTTP2: true, TLSHandshakeTimeout: providerTimeout, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute,
	}}
	return account.New(cfg)
}
