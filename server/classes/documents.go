package classes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// Where documents are. Keys of classes are there as hashes: who sees names of documents has no key.
const below = "classes/"

func classAt(id string) string         { return below + id }
func noticeAt(id string, n int) string { return fmt.Sprintf("%s%s/notices/%08d", below, id, n) }
func codeAt(code string) string        { return "codes/" + strings.ToLower(code) }
func membershipAt(hash string) string  { return "members/" + hash }

// A ref is a member of a class.
type ref struct{ class, member string }

func (r ref) at() string { return below + r.class + "/members/" + r.member }

// A classDoc is a class as it is kept.
type classDoc struct {
	ID, Code, Title, Instructor string
	Lessons                     []string
	Size, Members               int
	Joins                       int // how many there ever were
	Made, Until, Closed         time.Time
	Open, Frozen                bool
	FreezeText                  string
	Changed                     time.Time // by the instructor
	Notices                     int       // how many were sent
}

// A memberDoc is a member as they are kept. It has the key, as it has the session's ID: the member's page
// is told both by the server.
type memberDoc struct {
	N                        int // the how many-th who joined
	ID, Name, Key            string
	Joined, LastSeen, Active time.Time
	Online                   bool
	Session, SessionFor      string // its ID, and the lesson that it was opened for
	// Lesson, Step and what follows are of the step that they are in.
	Lesson     string
	Step       int
	StepSince  time.Time
	Checks     map[int]checkDoc // what each said last
	Attempts   int
	Tried      time.Time // when the last attempt was counted
	Errors     int       // in all
	LastError  string
	ErrorAt    time.Time
	Help       *helpDoc
	View       string
	Control    string // asked, given
	AskedAt    time.Time
	Answer     string // how the last question for the keyboard, or its use, ended
	AnsweredAt time.Time
	Lessons    map[string]*lessonDoc
}

type checkDoc struct {
	Title, Saw string
	Passed     bool
}

type helpDoc struct {
	Since time.Time
	Text  string
}

// A lessonDoc is what a member has done in a lesson, and how much there was to do when they began.
type lessonDoc struct {
	Title                   string
	Steps, Checked          int // how many there are, and how many of them have checks
	Begun, Done             time.Time
	Passed                  []int // steps, ascending
	Unfolded                []string
	Attempts, Hints, Errors int
}

// A membershipDoc says whose a member's key is, a codeDoc what a code leads to.
type (
	membershipDoc struct{ Class, Member string }
	codeDoc       struct{ Class string }
)

// A noticeDoc is a push.
type noticeDoc struct {
	N       int
	Time    time.Time
	To      []string // all if there are none
	By      string
	Push    model.Push
	Results map[string]model.PushResult `json:",omitempty"` // of what was done in sessions
}

func (n noticeDoc) isFor(member string) bool { return len(n.To) == 0 || slices.Contains(n.To, member) }

// newKey is a capability: what it begins with, and 130 bits that nobody guesses.
func newKey(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

var random = regexp.MustCompile(`^[a-z2-7]{26}$`)

func isKey(prefix, key string) bool {
	rest, ok := strings.CutPrefix(key, prefix)
	return ok && random.MatchString(rest)
}

var segment = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

func isSegment(text string) bool { return segment.MatchString(text) }

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Short is as much of what a class's key stands for as tells it from others and opens nothing.
func Short(key string) string { return hash(key)[:8] }

// get reads a document, or fails with ErrNotFound.
func (c *Classes) get(ctx context.Context, at string, into any) error {
	d, err := c.store.Get(ctx, at)
	if errors.Is(err, keep.ErrNotFound) {
		return ErrNotFound
	} else if err != nil {
		return err
	}
	return json.Unmarshal(d.Value, into)
}

// put writes a document that is not there yet.
func (c *Classes) put(ctx context.Context, at string, value any) (keep.Document, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return keep.Document{}, err
	}
	d, err := c.store.Put(ctx, at, text, 0)
	if err == nil {
		c.see(keep.Event{Document: d})
	}
	return d, err
}

// drop removes a document, whoever changes it meanwhile. One that is not there is none.
func (c *Classes) drop(ctx context.Context, at string) error {
	for {
		d, err := c.store.Get(ctx, at)
		if err == nil {
			err = c.store.Delete(ctx, at, d.Revision)
		}
		if errors.Is(err, keep.ErrConflict) {
			continue
		}
		if errors.Is(err, keep.ErrNotFound) {
			err = nil
		}
		if err == nil {
			c.see(keep.Event{Document: keep.Document{Key: at}, Gone: true})
		}
		return err
	}
}

// changed has change change a document, again if somebody came between, and answers what it is now. It fails with
// ErrNotFound, and as change does. What is the same is not written.
func changed[T any](ctx context.Context, c *Classes, at string, change func(*T) error) (now T, err error) {
	for {
		old, err := c.store.Get(ctx, at)
		if errors.Is(err, keep.ErrNotFound) {
			return now, ErrNotFound
		} else if err != nil {
			return now, err
		}
		now = *new(T)
		if err := json.Unmarshal(old.Value, &now); err != nil {
			return now, err
		}
		if err := change(&now); err != nil {
			return now, err
		}
		text, err := json.Marshal(now)
		if err != nil || string(text) == string(old.Value) {
			return now, err
		}
		d, err := c.store.Put(ctx, at, text, old.Revision)
		if errors.Is(err, keep.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			c.see(keep.Event{Document: d})
		}
		return now, err
	}
}
