package people

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/gorilla/securecookie"
)

// Who may make classes, as the flag --instructors says.
const (
	Everybody = "everybody"
	ByToken   = "token"    // who signed in with the instructors' token
	Accounts  = "accounts" // whose account of the OpenID provider says so
)

// How long a browser is known.
const (
	// personAge is how long a cookie says who made something.
	personAge = 365 * 24 * time.Hour
	// SignedIn is how long somebody is signed in.
	SignedIn = 12 * time.Hour
	// accessAge is how long a browser shows the site's token by itself.
	accessAge = 30 * 24 * time.Hour
)

// Config says who is who. Zero fields take the defaults named.
type Config struct {
	// Secret signs cookies, 32 bytes or more: a random one, good for one life of the server.
	Secret []byte
	// Proxies are believed what they say about whom they ask for.
	Proxies []netip.Prefix
	// Instructors is Everybody, ByToken or Accounts: Everybody.
	Instructors string
	// OperatorToken and InstructorToken make whoever shows them that. One that is empty
	// makes nobody anything.
	OperatorToken, InstructorToken string
	// Path is that below which cookies are sent: /.
	Path string
	// AccountsRequired makes nobody even a learner without an account.
	AccountsRequired bool
}

// People tells who asks. It is safe for concurrent use, and holds no state: all is in the cookies.
type People struct {
	cfg                     Config
	persons, signed, access *securecookie.SecureCookie
	tokens                  [2]token
}

// New fails for a configuration that makes no sense.
func New(cfg Config) (*People, error) {
	if cfg.Secret == nil {
		cfg.Secret = make([]byte, 32)
		_, _ = rand.Read(cfg.Secret) // never fails
	}
	if len(cfg.Secret) < 32 {
		return nil, fmt.Errorf("the cookies' secret has %d bytes: 32 are wanted", len(cfg.Secret))
	}
	if cfg.Instructors == "" {
		cfg.Instructors = Everybody
	}
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	p := &People{cfg: cfg, tokens: [2]token{newToken(cfg.OperatorToken, Operator), newToken(cfg.InstructorToken, Instructor)}}
	p.persons = p.seal("person", personAge)
	p.signed = p.seal("signed in", SignedIn)
	p.access = p.seal("access", accessAge)
	return p, nil
}

// Key is a secret of 32 bytes for a purpose, the same on all servers that have the
// cookies' secret.
func (p *People) Key(purpose string) []byte { return p.derive("key for "+purpose, 32) }

// seal makes what signs and encrypts a kind of cookie, none of which passes for another.
func (p *People) seal(kind string, age time.Duration) *securecookie.SecureCookie {
	return securecookie.New(p.derive(kind+" hash", 32), p.derive(kind+" block", 32)).
		SetSerializer(securecookie.JSONEncoder{}).MaxAge(int(age / time.Second))
}

func (p *People) derive(info string, n int) []byte {
	key, err := hkdf.Key(sha256.New, p.cfg.Secret, nil, "podhop "+info, n)
	if err != nil {
		panic(err) // only for more bytes than a hash can give
	}
	return key
}
