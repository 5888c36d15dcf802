package command

import (
	"flag"
	"fmt"
	"path/filepath"

	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/people"
)

// peopleConfig is what the flags say about who may what.
type peopleConfig struct {
	proxies       string
	instructors   string
	operatorToken string
	limits        server.Limits
}

func registerPeople(fs *flag.FlagSet, c *peopleConfig) {
	fs.StringVar(&c.proxies, "trusted-proxies", "", "`addresses` and prefixes, comma-separated, of proxies that are believed what they say in X-Forwarded-For about whom they ask for")
	fs.StringVar(&c.instructors, "instructors", people.Everybody, "`who` may make classes: everybody, token (who signs in with that of DATA/instructor-token) or accounts (see --oidc-instructors)")
	fs.StringVar(&c.operatorToken, "operator-token-file", "", "`file` of the token that makes whoever shows it the operator (default DATA/operator-token, which is made at the first start)")
	c.limits = server.DefaultLimits()
	fs.Var(&c.limits.Open, "limit-open", "`rate` at which an address opens sessions and makes classes: 30/m:240 is thirty a minute, and 240 at once; off is no limit")
	fs.Var(&c.limits.OpenPerson, "limit-open-person", "the same `rate` of one person, or of one member of a class")
	fs.Var(&c.limits.Changes, "limit-changes", "`rate` of pastes, requests, scripts, checks and the like of one session, and of one person")
	fs.Var(&c.limits.ChangesAddress, "limit-changes-address", "the same `rate` of all from one address")
	fs.Var(&c.limits.Guesses, "limit-guesses", "`rate` of wrong codes and tokens from one address; an IPv6 address is its /64 here")
}

// people makes of the flags, and of what is in the data folder, who is who.
func (c *peopleConfig) people(data string) (*people.People, error) {
	cfg := people.Config{Instructors: c.instructors}
	var err error
	if cfg.Proxies, err = people.ParseProxies(c.proxies); err != nil {
		return nil, fmt.Errorf("--trusted-proxies %w", err)
	}
	if c.operatorToken != "" {
		cfg.OperatorToken, err = people.ReadToken(c.operatorToken)
	} else {
		cfg.OperatorToken, err = people.Token(filepath.Join(data, "operator-token"))
	}
	if err != nil {
		return nil, fmt.Errorf("the operator's token: %w", err)
	}
	switch c.instructors {
	case people.Everybody:
	case people.ByToken:
		if cfg.InstructorToken, err = people.Token(filepath.Join(data, "instructor-token")); err != nil {
			return nil, fmt.Errorf("the instructors' token: %w", err)
		}
	case people.Accounts:
	default:
		return nil, fmt.Errorf("--instructors %q: must be everybody, token or accounts", c.instructors)
	}
	if cfg.Secret, err = people.SecretFile(filepath.Join(data, "cookie-secret")); err != nil {
		return nil, err
	}
	return people.New(cfg)
}
