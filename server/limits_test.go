package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
)

// limited is a server whose time stands still.
func limited(t *testing.T, l Limits) (s *Server, now *time.Time) {
	t.Helper()
	s, _ = peopled(t, people.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, func(c *Config) { c.Limits = l })
	at := time.Unix(1000, 0)
	s.limits.now = func() time.Time { return at }
	return s, &at
}

// A class of forty behind one address, each with a browser of their own, opens as many
// sessions twice, and everybody begins to work.
func TestClassBehindOneAddress(t *testing.T) {
	s, _ := limited(t, DefaultLimits())
	for range 40 {
		first := ask(s.Handler(), "POST /playground", "", asForm, asBrowser)
		second := ask(s.Handler(), "POST /api/sessions", "", cookies(first))
		if first.StatusCode != http.StatusSeeOther || second.StatusCode != http.StatusCreated {
			t.Fatalf("%d, %d", first.StatusCode, second.StatusCode)
		}
		session := strings.TrimPrefix(second.Header.Get("Location"), "/api/sessions/")
		for range 20 {
			if r := ask(s.Handler(), "POST /api/sessions/"+session+"/apply", "kind: Pod", cookies(first)); r.StatusCode != http.StatusOK {
				t.Fatalf("a paste: %d %s", r.StatusCode, textOf(r))
			}
		}
	}
}

func TestOpeningIsLimited(t *testing.T) {
	s, now := limited(t, Limits{Open: limit.Rate{PerSecond: 0.1, Burst: 3}, OpenPerson: limit.Rate{PerSecond: 0.1, Burst: 2}})
	open := func(headers ...string) *http.Response { return ask(s.Handler(), "POST /api/sessions", "", headers...) }
	first := open()
	if r := open(cookies(first)); r.StatusCode != http.StatusCreated {
		t.Fatalf("the second: %d", r.StatusCode)
	}
	// The person has had two; the address would have one more.
	r := open(cookies(first))
	if text := textOf(r); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "10" || !strings.Contains(text, "Try again in 10 seconds.") || !strings.Contains(text, typeTooOften) {
		t.Errorf("the third of a person: %d %v %s", r.StatusCode, r.Header, text)
	}
	if r := open(); r.StatusCode != http.StatusCreated {
		t.Errorf("somebody else at the address: %d", r.StatusCode)
	}
	if r := open(); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the fourth of an address: %d", r.StatusCode)
	}
	if r := open("X-Forwarded-For: 2001:db8:1:2::1"); r.StatusCode != http.StatusCreated {
		t.Errorf("from elsewhere: %d", r.StatusCode)
	}
	page := ask(s.Handler(), "POST /playground", "", asForm, asBrowser)
	if text := textOf(page); page.StatusCode != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" || !strings.HasPrefix(text, "page: Too often") {
		t.Errorf("a browser: %d %s", page.StatusCode, text)
	}
	if r := open("Authorization: Bearer " + operatorToken); r.StatusCode != http.StatusCreated {
		t.Errorf("the operator: %d", r.StatusCode)
	}
	*now = now.Add(10 * time.Second)
	if r := open(); r.StatusCode != http.StatusCreated {
		t.Errorf("as much later as was said: %d", r.StatusCode)
	}
}

// All addresses of a network of IPv6 are one.
func TestOneNetworkIsOne(t *testing.T) {
	s, _ := limited(t, Limits{Open: limit.Rate{PerSecond: 0.1, Burst: 2}})
	for i, want := range []int{http.StatusCreated, http.StatusCreated, http.StatusTooManyRequests} {
		if r := ask(s.Handler(), "POST /api/sessions", "", fmt.Sprintf("X-Forwarded-For: 2001:db8:1:2::%d", i+1)); r.StatusCode != want {
			t.Errorf("%d: %d", i, r.StatusCode)
		}
	}
}

// Whoever holds a key of what was admitted is limited by that alone.
func TestKeysAdmit(t *testing.T) {
	s, _ := limited(t, Limits{Open: limit.Rate{PerSecond: 0.1, Burst: 1}, OpenPerson: limit.Rate{PerSecond: 0.1, Burst: 1}})
	join := func(key string) int {
		return ask(s.visitors(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.admitTo(w, r, key) {
				w.WriteHeader(http.StatusNoContent)
			}
		})), "POST /api/members/"+key+"/sessions", "").StatusCode
	}
	for _, key := range []string{"member-1", "member-2", "member-3"} {
		if code := join(key); code != http.StatusNoContent {
			t.Errorf("%s: %d", key, code)
		}
		if code := join(key); code != http.StatusTooManyRequests {
			t.Errorf("%s again: %d", key, code)
		}
	}
}

// A session that is flooded leaves the others of its address alone, and the operator.
func TestChangesAreLimited(t *testing.T) {
	s, now := limited(t, Limits{Changes: limit.Rate{PerSecond: 1, Burst: 2}, ChangesAddress: limit.Rate{PerSecond: 1, Burst: 4}})
	change := func(session string, headers ...string) *http.Response {
		return ask(s.Handler(), "POST /api/sessions/"+session+"/apply", "kind: Pod", headers...)
	}
	for range 10 {
		change("abcdefghijklmnop")
	}
	r := change("abcdefghijklmnop")
	if text := textOf(r); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "1" || !strings.Contains(text, "Try again in a second.") {
		t.Errorf("a flood: %d %s", r.StatusCode, text)
	}
	if r := change("nosuchsession"); r.StatusCode != http.StatusNotFound {
		t.Errorf("another session: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "GET /api/sessions/abcdefghijklmnop", ""); r.StatusCode != http.StatusOK {
		t.Errorf("a look: %d", r.StatusCode)
	}
	if r := change("abcdefghijklmnop", "Authorization: Bearer "+operatorToken); r.StatusCode != http.StatusOK {
		t.Errorf("the operator: %d", r.StatusCode)
	}
	*now = now.Add(time.Second)
	if r := change("abcdefghijklmnop"); r.StatusCode != http.StatusOK {
		t.Errorf("a second later: %d", r.StatusCode)
	}
}

// Too many wrong tokens, and the right one is not looked at either.
func TestGuessesAreLimited(t *testing.T) {
	s, now := limited(t, Limits{Guesses: limit.Rate{PerSecond: 0.1, Burst: 3}})
	try := func(token string, headers ...string) int {
		return ask(s.Handler(), "POST /sign-in", "token="+token, append(headers, asForm)...).StatusCode
	}
	for range 3 {
		if code := try("wrong"); code != http.StatusForbidden {
			t.Errorf("a wrong one: %d", code)
		}
	}
	if code := try(operatorToken); code != http.StatusTooManyRequests {
		t.Errorf("the right one after too many: %d", code)
	}
	if code := try(operatorToken, "X-Forwarded-For: 198.51.100.1"); code != http.StatusSeeOther {
		t.Errorf("the right one from elsewhere: %d", code)
	}
	*now = now.Add(10 * time.Second)
	for range 3 {
		if code := try(operatorToken); code != http.StatusSeeOther {
			t.Errorf("right ones cost nothing: %d", code)
		}
	}
}

// Who is refused without end does not fill the log without end.
func TestRefusalsAreNotedSeldom(t *testing.T) {
	s, noted := peopled(t, people.Config{AccountsRequired: true}, nil)
	for range 100 {
		ask(s.Handler(), "POST /api/sessions", "")
	}
	if n := len(noted()); n < 1 || n > 30 {
		t.Errorf("%d are noted", n)
	}
}

// A name that no session can have is no key that is remembered.
func TestSessionIn(t *testing.T) {
	for path, want := range map[string]string{
		"/api/sessions/" + wholeID + "/apply": wholeID, "/api/sessions/" + wholeID: wholeID, "/api/sessions/view-" + wholeID + "/checks": "view-" + wholeID,
		"/api/sessions": "", "/api/sessions/" + strings.Repeat("a", 1000) + "/apply": "", "/api/sessions/a%20b/apply": "", "/api/lessons/x": "",
	} {
		if got := sessionIn(path); got != want {
			t.Errorf("%.80s: %q, want %q", path, got, want)
		}
	}
}
