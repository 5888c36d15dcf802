// Package queue has those who wait for a session while the machine is full. It is fair: who
// came first is first, but members of a class go before strangers, of whom one goes after each
// three of them. It must not know what is waited for, nor how people come to ask.
package queue

import (
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrTooMany says that somebody waits already, more than once, or that too many do.
var ErrTooMany = errors.New("too many are waiting")

// ErrGone says that there is no such ticket: it was used, was not asked about, or its turn
// passed.
var ErrGone = errors.New("there is no such ticket")

const (
	// Patience is how long a ticket lasts that nobody asks about.
	Patience = 30 * time.Second
	// Hold is how long a free place is held for whose turn it is.
	Hold = 30 * time.Second
	// perPerson is how many tickets one person may have, most how many there are at all.
	perPerson, most = 3, 2000
	// membersFirst is how many members of classes go before each stranger.
	membersFirst = 3
)

// Config says what a Queue needs. Room is how many places are free, Ends when those end that
// are taken, at the latest, in any order. Both are asked often.
type Config struct {
	Room func() int
	Ends func() []time.Time
	// Mark is what new tickets end with, so that it is seen whose they are; nil: nothing.
	Mark func() string
	Now  func() time.Time // nil: time.Now
}

// A Queue is safe for concurrent use.
type Queue struct {
	cfg Config

	mu    sync.Mutex
	line  []*ticket        // as they came
	moved map[string]stand // by ticket, until the other's is over
	went  int              // members whose turn came since the last stranger's, while strangers waited
}

type ticket struct {
	key, person string
	member      bool
	asked       time.Time // last
	turn        time.Time // since when it is theirs; zero: not yet
	then        string
}

// New returns a Queue where nobody waits.
func New(cfg Config) *Queue {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Mark == nil {
		cfg.Mark = func() string { return "" }
	}
	return &Queue{cfg: cfg, moved: map[string]stand{}}
}

// A Claim is who wants a place.
type Claim struct {
	Ticket string // from an earlier answer; "" for who comes anew
	Person string // tells one from others; "" is nobody in particular, of whom there may be many
	Member bool   // of a class
}

// A Place is where somebody is in the queue. It is an error to whoever wanted to go on.
type Place struct {
	Ticket    string
	Place, Of int // from 1
	// Turn says that the place is theirs until Until, if they ask for it with the ticket.
	Turn  bool
	Until time.Time
	// Latest is when their turn comes if nobody leaves before their time; zero: not known.
	Latest time.Time
}

func (p *Place) Error() string { return "the server is full, and others wait" }

// Enter lets whoever claims a place have it, or has them wait: the error is a *Place then. It
// fails with ErrTooMany.
func (q *Queue) Enter(c Claim) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := q.tidy()
	t := q.find(c.Ticket)
	if t != nil {
		if !t.turn.IsZero() {
			q.remove(t)
			return nil
		}
		t.asked = q.cfg.Now()
		return q.place(t)
	}
	if room > len(q.line) {
		return nil
	}
	return q.join(c)
}

// Free tells whether somebody without a ticket need not wait.
func (q *Queue) Free() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.tidy() > len(q.line)
}

// Join has somebody wait who was to have a place and found none. It fails as Enter.
func (q *Queue) Join(c Claim) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tidy()
	return q.join(c)
}

func (q *Queue) join(c Claim) error {
	same := 0
	for _, t := range q.line {
		if c.Person != "" && t.person == c.Person {
			same++
		}
	}
	if same >= perPerson || len(q.line) >= most {
		return ErrTooMany
	}
	t := &ticket{key: q.key(), person: c.Person, member: c.Member, asked: q.cfg.Now()}
	q.line = append(q.line, t)
	q.tidy()
	return q.place(t)
}

// key is a new ticket's.
func (q *Queue) key() string { return strings.ToLower(rand.Text()) + q.cfg.Mark() }

// Ask says where a ticket is, and that somebody still waits with it. It fails with ErrGone.
func (q *Queue) Ask(key string) (Place, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.find(key); t != nil {
		t.asked = q.cfg.Now()
	}
	q.tidy()
	t := q.find(key)
	if at, moved := q.moved[key]; moved {
		return Place{Ticket: key, Place: 1, Of: 1, Turn: true, Until: at.since.Add(Hold)}, nil
	}
	if t == nil {
		return Place{}, ErrGone
	}
	return *q.place(t), nil
}

// Leave gives a ticket up.
func (q *Queue) Leave(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.find(key); t != nil {
		q.remove(t)
	}
}

// Keep remembers what somebody wanted, for Kept.
func (q *Queue) Keep(key, then string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.find(key); t != nil {
		t.then = then
	}
}

// Kept is what Keep was told.
func (q *Queue) Kept(key string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.find(key); t != nil {
		return t.then
	}
	return q.moved[key].then
}

// Waiting is a ticket as others may see it.
type Waiting struct {
	Ticket string
	Member bool
	Turn   bool
}

// List is everybody who waits, in the order in which they go.
func (q *Queue) List() (all []Waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tidy()
	for _, t := range q.order() {
		all = append(all, Waiting{t.key, t.member, !t.turn.IsZero()})
	}
	return all
}

func (q *Queue) find(key string) *ticket {
	if i := slices.IndexFunc(q.line, func(t *ticket) bool { return t.key == key }); key != "" && i >= 0 {
		return q.line[i]
	}
	return nil
}

func (q *Queue) remove(t *ticket) {
	q.line = slices.DeleteFunc(q.line, func(o *ticket) bool { return o == t })
}

// tidy drops who does not ask any more or has let their turn pass, and says whose turn it
// is. Who has their turn keeps it, though the order changes.
func (q *Queue) tidy() (room int) {
	now := q.cfg.Now()
	q.line = slices.DeleteFunc(q.line, func(t *ticket) bool {
		return now.Sub(t.asked) > Patience || !t.turn.IsZero() && now.Sub(t.turn) > Hold
	})
	maps.DeleteFunc(q.moved, func(_ string, s stand) bool { return now.Sub(s.since) > Patience+Hold })
	room = q.cfg.Room()
	free := room
	for _, t := range q.line {
		if !t.turn.IsZero() {
			free--
		}
	}
	for _, t := range q.order() {
		if free <= 0 {
			break
		}
		if t.turn.IsZero() {
			t.turn = now
			free--
			q.count(t)
		}
	}
	return room
}

// count remembers who had their turn: places become free one at a time, and each fourth
// is a stranger's all the same.
func (q *Queue) count(t *ticket) {
	strangers := slices.ContainsFunc(q.line, func(o *ticket) bool { return o.turn.IsZero() && !o.member })
	if q.went++; !t.member || !strangers {
		q.went = 0
	}
}

// order is in which they go: those first whose turn it is.
func (q *Queue) order() (all []*ticket) {
	var members, strangers []*ticket
	for _, t := range q.line {
		switch {
		case !t.turn.IsZero():
			all = append(all, t)
		case t.member:
			members = append(members, t)
		default:
			strangers = append(strangers, t)
		}
	}
	for i := q.went; len(members) > 0 || len(strangers) > 0; i++ {
		from := &members
		if len(members) == 0 || len(strangers) > 0 && i%(membersFirst+1) == membersFirst {
			from = &strangers
		}
		all = append(all, (*from)[0])
		*from = (*from)[1:]
	}
	return all
}

func (q *Queue) place(t *ticket) *Place {
	all := q.order()
	p := &Place{Ticket: t.key, Place: 1 + slices.Index(all, t), Of: len(all), Turn: !t.turn.IsZero()}
	if p.Turn {
		p.Until = t.turn.Add(Hold)
		return p
	}
	if ends := q.cfg.Ends(); len(ends) >= p.Place {
		slices.SortFunc(ends, time.Time.Compare)
		p.Latest = ends[p.Place-1]
	}
	return p
}
