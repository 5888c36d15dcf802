package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/people"
)

// peopleConfig is what the flags say about who may what.
type peopleConfig struct {
	proxies       string
	instructors   string
	operatorToken string
	limits        server.Limits
	connections   connectionsConfig
	gate          string
	gateBits      int
	accessTokens  string

	oidc  oidcConfig
	audit auditConfig

	// What was read of files: see read.
	trusted  []netip.Prefix
	operator string
	access   []string
}

// read checks the flags and reads the files that they name, before /run is hidden, where
// secrets often are.
func (c *peopleConfig) read() (err error) {
	if c.trusted, err = people.ParseProxies(c.proxies); err != nil {
		return fmt.Errorf("--trusted-proxies %w", err)
	}
	if c.operatorToken != "" {
		if c.operator, err = people.ReadToken(c.operatorToken); err != nil {
			return fmt.Errorf("--operator-token-file: %w", err)
		}
	}
	if err := c.connections.check(); err != nil {
		return err
	}
	if err := c.oidc.read(); err != nil {
		return err
	}
	if c.instructors == people.Accounts && c.oidc.issuer == "" {
		return errors.New("--instructors accounts: there are none without --oidc-issuer")
	}
	switch c.instructors {
	case people.Everybody, people.ByToken, people.Accounts:
	default:
		return fmt.Errorf("--instructors %q: must be everybody, token or accounts", c.instructors)
	}
	switch c.gate {
	case gate.None:
	case gate.Work:
		if c.gateBits < gate.MinBits || c.gateBits > gate.MaxBits {
			return fmt.Errorf("--gate-bits %d: must be between %d and %d", c.gateBits, gate.MinBits, gate.MaxBits)
		}
	case gate.Token:
		if c.access, err = people.ReadTokens(c.accessTokens); err != nil {
			return fmt.Errorf("--access-token-file: %w", err)
		}
	default:
		return fmt.Errorf("--gate %q: must be none, work or token", c.gate)
	}
	return nil
}

func registerPeople(fs *flag.FlagSet, c *peopleConfig) {
	fs.StringVar(&c.proxies, "trusted-proxies", "", "`addresses` and prefixes, comma-separated, of proxies that are believed what they say in X-Forwarded-For about whom they ask for")
	fs.StringVar(&c.instructors, "instructors", people.Everybody, "`who` may make classes: everybody, token (who signs in with that of DATA/instructor-token) or accounts (see --oidc-instructors)")
	fs.StringVar(&c.operatorToken, "operator-token-file", "", "`file` of the token that makes whoever shows it the operator (default DATA/operator-token, which is made at the first start)")
	fs.StringVar(&c.gate, "gate", gate.None, "what strangers must do before a session is opened for them: none, work (their browser computes for some seconds) or token (see --access-token-file)")
	fs.IntVar(&c.gateBits, "gate-bits", 19, "`number` of bits of the work of --gate work: each more is twice as much; 19 is about a second of a laptop")
	fs.StringVar(&c.accessTokens, "access-token-file", "", "`file` of the tokens of --gate token, one a line; a line that begins with # is none")
	c.connections.register(fs)
	c.oidc.register(fs)
	c.audit.register(fs)
	c.limits = server.DefaultLimits()
	fs.Var(&c.limits.Open, "limit-open", "`rate` at which an address opens sessions and makes classes: 30/m:240 is thirty a minute, and 240 at once; off is no limit")
	fs.Var(&c.limits.OpenPerson, "limit-open-person", "the same `rate` of one person, or of one member of a class")
	fs.Var(&c.limits.Changes, "limit-changes", "`rate` of pastes, requests, scripts, checks and the like of one session, and of one person")
	fs.Var(&c.limits.ChangesAddress, "limit-changes-address", "the same `rate` of all from one address")
	fs.Var(quotaFlag{&c.limits.Recordings}, "limit-recordings", "`number` and size of the recordings that one person keeps on the server: 20:64Mi is twenty, of 64 MiB together; off is no limit but that of all, 500 of 512 MiB, of which the oldest go first")
	fs.Var(quotaFlag{&c.limits.RecordingsAddress}, "limit-recordings-address", "the same `number` and size of all from one address")
	fs.Var(&c.limits.Guesses, "limit-guesses", "`rate` of wrong codes and tokens from one address; an IPv6 address is its /64 here")
}

// apply makes of the flags, of what is in the data folder and of the documents who is who, and
// who may what.
func (c *peopleConfig) apply(ctx context.Context, data string, documents keep.Store, to *server.Config) (err error) {
	if to.People, err = c.people(ctx, data, to.Base, documents); err != nil {
		return err
	}
	to.Limits = c.limits
	to.Accounts = c.oidc.provider(to.People.Key("accounts"))
	if to.Audit, err = c.audit.open(data); err != nil {
		return err
	}
	to.Gate, err = gate.New(gate.Config{Kind: c.gate, Bits: c.gateBits, Key: to.People.Key("gate"), Spend: gate.NewSpender(documents).Spend, Tokens: c.access})
	return err
}

func (c *peopleConfig) people(ctx context.Context, data, base string, documents keep.Store) (*people.People, error) {
	cfg := people.Config{Path: base + "/", Proxies: c.trusted, Instructors: c.instructors, OperatorToken: c.operator, AccountsRequired: c.oidc.required}
	var err error
	if cfg.OperatorToken == "" {
		if cfg.OperatorToken, err = people.Token(filepath.Join(data, "operator-token")); err != nil {
			return nil, fmt.Errorf("the operator's token: %w", err)
		}
	}
	if c.instructors == people.ByToken {
		if cfg.InstructorToken, err = people.Token(filepath.Join(data, "instructor-token")); err != nil {
			return nil, fmt.Errorf("the instructors' token: %w", err)
		}
	}
	if cfg.Secret, err = people.Secret(ctx, documents); err != nil {
		return nil, err
	}
	return people.New(cfg)
}
