package server

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/shelf"
)

// Limits say how often things may be done; the zero Rate, always. People behind one address
// are many: a class has one.
type Limits struct {
	// Open is of sessions that are opened and classes that are made, from an address;
	// OpenPerson by one person, or with one key of a class.
	Open, OpenPerson limit.Rate
	// Changes are requests to the API that are no GET: pastes, requests, scripts, checks. They are
	// of one session, and of one person; ChangesAddress are all from an address.
	Changes, ChangesAddress limit.Rate
	// Recordings are those that one person keeps here, RecordingsAddress all from an address.
	Recordings, RecordingsAddress shelf.Quota
	// Guesses are wrong codes and tokens from an address.
	Guesses limit.Rate
}

// DefaultLimits let a class of a hundred behind one address begin at once, and nobody notice
// them who types.
func DefaultLimits() Limits {
	return Limits{
		Open: limit.Rate{PerSecond: 0.5, Burst: 240}, OpenPerson: limit.Rate{PerSecond: 0.1, Burst: 30},
		Changes: limit.Rate{PerSecond: 20, Burst: 400}, ChangesAddress: limit.Rate{PerSecond: 200, Burst: 4000},
		Guesses: limit.Rate{PerSecond: 0.5, Burst: 60}, Recordings: shelf.Quota{Files: 20, Bytes: 64 << 20},
		RecordingsAddress: shelf.Quota{Files: 200, Bytes: 256 << 20},
	}
}

// limits are the buckets of Limits.
type limits struct {
	open, openPerson, changes, changesPerson, changesAddress, guesses *limit.Buckets
	// refusals that are noted: whoever is refused a thousand times a second is not to fill the log.
	refusals *limit.Buckets
	now      func() time.Time
}

func newLimits(l Limits) *limits {
	return &limits{open: limit.New(l.Open), openPerson: limit.New(l.OpenPerson), changes: limit.New(l.Changes), changesPerson: limit.New(l.Changes),
		changesAddress: limit.New(l.ChangesAddress), guesses: limit.New(l.Guesses),
		refusals: limit.New(limit.Rate{PerSecond: 0.2, Burst: 20}), now: time.Now}
}

// opening is what it costs to open something: by the address, and by who asks. Whoever holds a key
// of a class pays by that alone: the class was paid for, and has one address.
func (s *Server) opening(r *http.Request, key string) []limit.Claim {
	switch who := people.From(r.Context()); {
	case who.Is(people.Operator):
		return nil
	case key != "":
		return []limit.Claim{{From: s.limits.openPerson, Key: key}}
	default:
		return []limit.Claim{{From: s.limits.openPerson, Key: who.ID}, {From: s.limits.open, Key: limit.Address(s.clientAddress(r))}}
	}
}

func openedOften(wait time.Duration) *tooOftenError {
	return tooOften(wait, "More was opened from your address, or by you, than one can use.")
}

// changing bounds how often somebody changes something.
func (s *Server) changing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := people.From(r.Context())
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || who.Is(people.Operator) {
			next.ServeHTTP(w, r)
			return
		}
		wait := limit.Take(s.limits.now(), limit.Claim{From: s.limits.changes, Key: sessionIn(r.URL.Path)},
			limit.Claim{From: s.limits.changesPerson, Key: who.ID},
			limit.Claim{From: s.limits.changesAddress, Key: limit.Address(s.clientAddress(r))})
		if wait > 0 {
			s.refuseOften(w, r, tooOften(wait, "That was asked too often."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

var sessionPath = regexp.MustCompile(`^/api/sessions/([a-z0-9-]{1,40})(?:/|$)`)

// sessionIn is the session that a path of the API is of, as it is called there. It is remembered, so it
// is none that is longer than any is, and keeps nothing of the path.
func sessionIn(path string) string {
	if m := sessionPath.FindStringSubmatch(path); m != nil {
		return strings.Clone(m[1])
	}
	return ""
}

// mayGuess is asked before a code or a token is looked at, and wrongGuess is told if it was wrong.
// If there were too many from the same address, mayGuess has answered, whatever the code is: an
// answer to the right one would tell it from the others. Those that are looked at at the same time are
// all counted.
func (s *Server) mayGuess(w http.ResponseWriter, r *http.Request) bool {
	if wait := s.limits.guesses.Wait(s.limits.now(), limit.Address(s.clientAddress(r))); wait > 0 {
		s.refuseOften(w, r, tooOften(wait, "Too many wrong ones came from your address."))
		return false
	}
	return true
}

func (s *Server) wrongGuess(r *http.Request) {
	s.limits.guesses.Owe(s.limits.now(), limit.Address(s.clientAddress(r)))
}

// A tooOftenError says how long to wait.
type tooOftenError struct {
	problem.Problem
	wait time.Duration
}

func tooOften(wait time.Duration, what string) *tooOftenError {
	seconds := int(math.Ceil(wait.Seconds()))
	text := fmt.Sprintf("%d seconds", seconds)
	if seconds == 1 {
		text = "a second"
	}
	return &tooOftenError{problem.Problem{Type: typeTooOften, Title: "Too often", Status: http.StatusTooManyRequests,
		Detail: what + " Try again in " + text + "."}, time.Duration(seconds) * time.Second}
}

func (s *Server) refuseOften(w http.ResponseWriter, r *http.Request, why *tooOftenError) {
	w.Header().Set("Retry-After", strconv.Itoa(int(why.wait.Seconds())))
	s.refuse(w, r, &why.Problem)
}
