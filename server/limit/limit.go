// Package limit says how often something may be done: a bucket of tokens for each of those who
// do it. It must not know what is done, nor who they are: keys are opaque, and time is told.
package limit

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// A Rate is how often something may be done: in the long run, and at once. The zero Rate sets
// no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// units are those of a Rate's text.
var units = map[string]float64{"s": 1, "m": 60, "h": 3600}

// Parse understands "30/m:120", thirty a minute and 120 at once, and "off".
func Parse(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	many, burst, _ := strings.Cut(text, ":")
	number, unit, _ := strings.Cut(many, "/")
	n, err1 := strconv.ParseFloat(number, 64)
	b, err2 := strconv.Atoi(burst)
	seconds := units[unit]
	if err1 != nil || err2 != nil || seconds == 0 || !(n > 0) || n > 1e6 || b < 1 || b > 1e6 {
		return Rate{}, fmt.Errorf("must be as 30/m:120, thirty a minute (or s, or h) and 120 at once, or off, not %q", text)
	}
	return Rate{PerSecond: n / seconds, Burst: b}, nil
}

// String is what Parse understands.
func (r Rate) String() string {
	if r == (Rate{}) {
		return "off"
	}
	n, unit := r.PerSecond, "s"
	for _, u := range []string{"m", "h"} {
		if n == math.Trunc(n) {
			break
		}
		n, unit = math.Round(r.PerSecond*units[u]*1e6)/1e6, u
	}
	return strconv.FormatFloat(n, 'g', -1, 64) + "/" + unit + ":" + strconv.Itoa(r.Burst)
}

// Set makes a Rate a flag's value.
func (r *Rate) Set(text string) (err error) {
	*r, err = Parse(text)
	return err
}

// kept is how many buckets of a kind are remembered. One that is forgotten is full again, so
// whoever has more addresses than that is not limited by them.
const kept = 20_000

// Buckets are those of one kind. They are safe for concurrent use. A nil *Buckets has always
// room.
type Buckets struct {
	rate Rate
	mu   sync.Mutex // between a look for a bucket and its making
	all  *lru.Cache // key -> *rate.Limiter
}

// New returns buckets, all full. They are nil if there is no limit.
func New(r Rate) *Buckets { return newBuckets(r, kept) }

func newBuckets(r Rate, size int) *Buckets {
	if r == (Rate{}) {
		return nil
	}
	return &Buckets{rate: r, all: lru.New(size)}
}

// Wait is how long it is until there is a token for a key: 0 if there is one.
func (b *Buckets) Wait(now time.Time, key string) time.Duration {
	if b == nil {
		return 0
	}
	missing := 1 - b.of(key).TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / b.rate.PerSecond * float64(time.Second)))
}

// Owe takes a token though there may be none: who did much at once, before it was known that it costs
// anything, waits the longer, for another burst at most.
func (b *Buckets) Owe(now time.Time, key string) {
	if b == nil || key == "" {
		return
	}
	if l := b.of(key); l.TokensAt(now) > -float64(b.rate.Burst) {
		l.ReserveN(now, 1)
	}
}

// take takes a token, if there is one.
func (b *Buckets) take(now time.Time, key string) bool {
	return b == nil || key == "" || b.of(key).AllowN(now, 1)
}

func (b *Buckets) of(key string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.all.Get(key); ok {
		return l.(*rate.Limiter)
	}
	l := rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
	b.all.Add(key, l)
	return l
}

// A Claim is a token that is wanted of a bucket. One without a key wants none.
type Claim struct {
	From *Buckets
	Key  string
}

// Take takes a token of each bucket, or if one of them has none, of none, and says how long
// it is until all have one. Of those who want the same one at once, one gets it.
func Take(now time.Time, claims ...Claim) (wait time.Duration) {
	if wait = Wait(now, claims...); wait > 0 {
		return wait
	}
	for _, c := range claims {
		if !c.From.take(now, c.Key) { // somebody else got it meanwhile
			return max(Wait(now, c), time.Nanosecond)
		}
	}
	return 0
}

// Wait is how long it is until Take would take.
func Wait(now time.Time, claims ...Claim) (wait time.Duration) {
	for _, c := range claims {
		if c.Key != "" {
			wait = max(wait, c.From.Wait(now, c.Key))
		}
	}
	return wait
}

// Address is the key of an address: of IPv6 the network's, which is one household's or one
// machine's (RFC 4291's /64), empty for none.
func Address(at netip.Addr) string {
	if at = at.Unmap(); !at.IsValid() {
		return ""
	}
	bits := at.BitLen()
	if at.Is6() {
		bits = 64
	}
	prefix, _ := at.WithZone("").Prefix(bits) // as many as there are
	return prefix.String()
}
