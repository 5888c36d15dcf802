package queue

import "time"

// What follows is for several servers, each with a queue: who waits at one goes where there is room.

// A stand is a ticket of another queue that one of this queue stands for.
type stand struct {
	ticket string
	since  time.Time
	then   string
}

// Next is who goes next of those who still wait, with their ticket, and what was kept for them.
func (q *Queue) Next() (c Claim, then string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tidy()
	for _, t := range q.order() {
		if t.turn.IsZero() {
			return Claim{Ticket: t.key, Person: t.person, Member: t.member}, t.then, true
		}
	}
	return c, "", false
}

// Take holds a place here for somebody who waits at another queue, if there is one that nobody waits
// for: the ticket's turn has come.
func (q *Queue) Take(c Claim, then string) (key string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tidy() <= len(q.line) {
		return "", false
	}
	now := q.cfg.Now()
	t := &ticket{key: q.key(), person: c.Person, member: c.Member, asked: now, turn: now, then: then}
	q.line = append(q.line, t)
	return t.key, true
}

// Move has a ticket stand for one that another queue gave for it: its turn has come. It reports whether its owner waited still.
func (q *Queue) Move(key, to string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tidy()
	t := q.find(key)
	if t == nil || !t.turn.IsZero() {
		return false
	}
	q.remove(t)
	q.count(t)
	q.moved[key] = stand{to, q.cfg.Now(), t.then}
	return true
}

// Moved is the ticket of another queue that one stands for.
func (q *Queue) Moved(key string) (to string, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, ok := q.moved[key]
	return at.ticket, ok
}
