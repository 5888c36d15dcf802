package people

import (
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"strings"
	"time"
)

const (
	personCookie = "podhop_person"
	signedCookie = "podhop_signed_in"
	accessCookie = "podhop_access"
)

// signed is what the cookie of somebody who has signed in says.
type signed struct {
	Person
	// Token says which token it was, if it was one: when that is another, nobody is
	// signed in by the old one any more.
	Token string `json:",omitempty"`
}

// Handler puts who asks into the requests' contexts. It sets no cookie.
func (p *People) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(With(r.Context(), p.Who(r))))
	})
}

// Who is who sends a request: by what they show, else by what their cookies say.
func (p *People) Who(r *http.Request) Person {
	if text, ok := bearer(r); ok {
		if role, ok := p.role(text); ok {
			return p.roles(Person{ID: string(role), Name: title(role), Roles: []Role{role}})
		}
	}
	if c, err := r.Cookie(signedCookie); err == nil {
		var s signed
		if p.signed.Decode(signedCookie, c.Value, &s) == nil && (s.Token == "" || p.current(s)) {
			return p.roles(s.Person)
		}
	}
	var who Person
	if c, err := r.Cookie(personCookie); err == nil {
		_ = p.persons.Decode(personCookie, c.Value, &who.ID) // else it is nobody
	}
	return p.roles(who)
}

// Meet gives somebody whom nobody knows yet an ID, and a cookie to be known by. The request
// then says who it is.
func (p *People) Meet(w http.ResponseWriter, r *http.Request) Person {
	who := From(r.Context())
	if who.ID != "" {
		return who
	}
	who.ID = NewID()
	if text, err := p.persons.Encode(personCookie, who.ID); err == nil {
		http.SetCookie(w, p.Cookie(r, personCookie, text, personAge))
	}
	*r = *r.WithContext(With(r.Context(), who))
	return who
}

// SignIn has the browser be who for a while.
func (p *People) SignIn(w http.ResponseWriter, r *http.Request, who Person) error {
	return p.signIn(w, r, signed{Person: who})
}

// SignInByToken has the browser be what a token makes of whoever shows it; ok is whether
// it is one.
func (p *People) SignInByToken(w http.ResponseWriter, r *http.Request, text string) (who Person, ok bool) {
	role, ok := p.role(text)
	if !ok {
		return who, false
	}
	who = Person{ID: string(role), Name: title(role), Roles: []Role{role}}
	return who, p.signIn(w, r, signed{Person: who, Token: mark(text)}) == nil
}

func (p *People) signIn(w http.ResponseWriter, r *http.Request, s signed) error {
	text, err := p.signed.Encode(signedCookie, s)
	if err != nil {
		return err
	}
	http.SetCookie(w, p.Cookie(r, signedCookie, text, SignedIn))
	*r = *r.WithContext(With(r.Context(), p.roles(s.Person)))
	return nil
}

// SignOut has the browser be nobody in particular again, or who it was before it signed in.
func (p *People) SignOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, p.Cookie(r, signedCookie, "", 0))
}

// Grant has the browser show a token of the site by itself from now on.
func (p *People) Grant(w http.ResponseWriter, r *http.Request, token string) {
	if text, err := p.access.Encode(accessCookie, token); err == nil {
		http.SetCookie(w, p.Cookie(r, accessCookie, text, accessAge))
	}
}

// Granted is the token that a browser was granted; empty for none.
func (p *People) Granted(r *http.Request) (token string) {
	if c, err := r.Cookie(accessCookie); err == nil {
		_ = p.access.Decode(accessCookie, c.Value, &token) // else it is none
	}
	return token
}

// Cookie is one that scripts cannot read and other sites' pages do not send along; no
// age takes it away.
func (p *People) Cookie(r *http.Request, name, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: p.cfg.Path, MaxAge: int(age / time.Second), HttpOnly: true,
		Secure: Secure(r), SameSite: http.SameSiteLaxMode}
	if age == 0 {
		c.MaxAge = -1
	}
	return c
}

// Secure reports whether the browser asked over TLS: of us, or of a proxy before us, whom it harms
// nobody but the browser itself to believe.
func Secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// roles adds what somebody is without having shown anything.
func (p *People) roles(who Person) Person {
	if !p.cfg.AccountsRequired || len(who.Roles) > 0 {
		who.Roles = append(who.Roles[:len(who.Roles):len(who.Roles)], Learner)
		if p.cfg.Instructors == Everybody {
			who.Roles = append(who.Roles, Instructor)
		}
	}
	return who
}

// NewID is an ID of a person: 128 bits of chance.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
