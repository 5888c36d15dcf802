// Package gate is what a public site asks of strangers before they open anything: some work of
// their computer, or a token that they were given. It must not know HTTP, nor what is opened.
//
// Work is a hash as of hashcash: a challenge of ours, and a number so that the SHA-256 of both
// begins with so many zero bits. Whoever opens one cluster does not notice; whoever opens
// thousands pays for each.
package gate

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// What is asked for.
const (
	None  = "none"
	Work  = "work"
	Token = "token"
)

// Bounds of Config.Bits: below, a phone does not notice; above, it never ends.
const (
	MinBits = 4
	MaxBits = 26
)

// age is how long somebody has for the work.
const age = 10 * time.Minute

// Errors say why somebody may not pass.
var (
	ErrWanted  = errors.New("the work was not done")
	ErrWrong   = errors.New("the work is not what was asked for")
	ErrExpired = errors.New("the work took too long, or was kept too long")
	ErrSpent   = errors.New("the work was used already")
	ErrToken   = errors.New("this is not an access token of this site")
)

// Config says what is asked for.
type Config struct {
	// Kind is None, Work or Token.
	Kind string
	// Bits are how many bits of a hash must be zero: each more is twice the work.
	Bits int
	// Key signs challenges, the same on all servers that take each other's.
	Key []byte
	// Spend notes that an ID was used, until a time, and reports whether it is the first use.
	Spend func(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Tokens let whoever has one of them pass.
	Tokens []string
}

// A Gate asks. It is safe for concurrent use. The zero Gate lets everybody pass.
type Gate struct{ cfg Config }

// New fails for a configuration that makes no sense.
func New(cfg Config) (Gate, error) {
	switch {
	case cfg.Kind == Work && (cfg.Bits < MinBits || cfg.Bits > MaxBits):
		return Gate{}, fmt.Errorf("%d bits of work: must be between %d and %d", cfg.Bits, MinBits, MaxBits)
	case cfg.Kind == Token && len(cfg.Tokens) == 0:
		return Gate{}, errors.New("a gate of tokens has none")
	}
	return Gate{cfg}, nil
}

// Kind is what is asked for: None, Work or Token.
func (g Gate) Kind() string {
	if g.cfg.Kind == "" {
		return None
	}
	return g.cfg.Kind
}

var encoding = base64.RawURLEncoding

// Challenge asks for work: "1.BITS.EXPIRY.RANDOM.MAC".
func (g Gate) Challenge(now time.Time) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	text := fmt.Sprintf("1.%d.%d.%s", g.cfg.Bits, now.Add(age).Unix(), encoding.EncodeToString(id[:]))
	return text + "." + g.mac(text)
}

func (g Gate) mac(text string) string {
	h := hmac.New(sha256.New, g.cfg.Key)
	h.Write([]byte(text))
	return encoding.EncodeToString(h.Sum(nil)[:16])
}

// Check takes a challenge's answer, "CHALLENGE.NUMBER", once.
func (g Gate) Check(ctx context.Context, now time.Time, answer string) error {
	if answer == "" {
		return ErrWanted
	}
	challenge, number, ok := cutLast(answer)
	text, mac, signed := cutLast(challenge)
	if !ok || !signed || len(answer) > 200 || subtle.ConstantTimeCompare([]byte(mac), []byte(g.mac(text))) != 1 {
		return ErrWrong
	}
	parts := strings.Split(text, ".") // as we wrote it
	want, err1 := strconv.Atoi(parts[1])
	until, err2 := strconv.ParseInt(parts[2], 10, 64)
	n, err3 := strconv.ParseUint(number, 10, 64)
	switch {
	case err1 != nil || err2 != nil || err3 != nil:
		return ErrWrong
	case now.Unix() > until:
		return ErrExpired
	case want < g.cfg.Bits: // asked for before the work was made harder
		return ErrExpired
	case zeros(challenge, n) < want:
		return ErrWrong
	}
	if g.cfg.Spend == nil {
		return nil
	}
	first, err := g.cfg.Spend(ctx, parts[3], time.Unix(until, 0))
	if err == nil && !first {
		err = ErrSpent
	}
	return err
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// zeros counts the bits that the hash of a challenge's hash and a number begins with: two short
// hashes are the same work for all challenges.
func zeros(challenge string, n uint64) int {
	seed := sha256.Sum256([]byte(challenge))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(seed[:], n))
	return bits.LeadingZeros64(binary.BigEndian.Uint64(sum[:]))
}

// Solve does the work, as pages do. It ends early with ctx.
func Solve(ctx context.Context, challenge string) (answer string, err error) {
	parts := strings.Split(challenge, ".")
	if len(parts) != 5 {
		return "", ErrWrong
	}
	want, err := strconv.Atoi(parts[1])
	if err != nil || want > MaxBits {
		return "", ErrWrong
	}
	for n := uint64(0); ; n++ {
		if zeros(challenge, n) >= want {
			return challenge + "." + strconv.FormatUint(n, 10), nil
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
}

// Admits reports whether a token is one of the site's.
func (g Gate) Admits(token string) bool {
	sum, found := sha256.Sum256([]byte(token)), 0
	for _, t := range g.cfg.Tokens {
		is := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(sum[:], is[:])
	}
	return found == 1
}
