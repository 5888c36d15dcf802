package classes

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// A book is what the documents say, together: it is pure, and told of each change.
type book struct {
	classes  map[string]*class
	sessions map[string]ref // whose a session is, by its ID
}

type class struct {
	doc      classDoc // ID is empty until it is known
	revision uint64
	members  map[string]*member
	notices  []noticeDoc        // the latest, by number
	events   []model.ClassEvent // the latest, oldest first
}

type member struct {
	doc      memberDoc
	revision uint64
}

const (
	eventsKept  = 100
	noticesKept = 50
)

// A change is what is otherwise in a class by one document.
type change struct {
	class  string // whose
	of     bool   // the class itself
	gone   bool   // with of: the class; else the member
	member string
	notice bool
	events []model.ClassEvent
}

func newBook() *book { return &book{classes: map[string]*class{}, sessions: map[string]ref{}} }

func (b *book) member(r ref) (memberDoc, bool) {
	if class := b.classes[r.class]; class != nil && class.members[r.member] != nil {
		return class.members[r.member].doc, true
	}
	return memberDoc{}, false
}

// find makes room for a class of which one document is known.
func (b *book) find(id string) *class {
	if b.classes[id] == nil {
		b.classes[id] = &class{members: map[string]*member{}}
	}
	return b.classes[id]
}

// see takes a change of a document in. Older ones than what is known, and what is none of ours, change nothing.
func (b *book) see(e keep.Event) (change, bool) {
	path, ours := strings.CutPrefix(e.Key, below)
	if !ours {
		return change{}, false
	}
	id, rest, _ := strings.Cut(path, "/")
	kind, name, _ := strings.Cut(rest, "/")
	switch {
	case rest == "":
		return b.seeClass(id, e)
	case kind == "members":
		return b.seeMember(ref{id, name}, e)
	case kind == "notices":
		return b.seeNotice(id, e)
	}
	return change{}, false
}

func (b *book) seeClass(id string, e keep.Event) (change, bool) {
	c := b.find(id)
	if e.Gone {
		delete(b.classes, id)
		for session, r := range b.sessions {
			if r.class == id {
				delete(b.sessions, session)
			}
		}
		return change{class: id, of: true, gone: true}, true
	}
	var now classDoc
	if e.Revision <= c.revision || json.Unmarshal(e.Value, &now) != nil {
		return change{}, false
	}
	old := c.doc
	c.doc, c.revision = now, e.Revision
	return change{class: id, of: true, events: c.keep(classEvents(old, now))}, true
}

func (b *book) seeMember(r ref, e keep.Event) (change, bool) {
	c := b.find(r.class)
	m := c.members[r.member]
	if e.Gone {
		if m == nil {
			return change{}, false
		}
		delete(c.members, r.member)
		b.unbind(m.doc.Session, r)
		return change{class: r.class, member: r.member, gone: true, events: c.keep([]model.ClassEvent{
			{Time: stamp(time.Now()), Kind: "gone", Member: r.member, Name: m.doc.Name, Text: m.doc.Name + " was removed"}})}, true
	}
	var now memberDoc
	if m != nil && e.Revision <= m.revision || json.Unmarshal(e.Value, &now) != nil {
		return change{}, false
	}
	var old memberDoc
	if m == nil {
		m = &member{}
		c.members[r.member] = m
	} else {
		old = m.doc
	}
	if old.Session != now.Session {
		b.unbind(old.Session, r)
		if now.Session != "" {
			b.sessions[now.Session] = r
		}
	}
	m.doc, m.revision = now, e.Revision
	return change{class: r.class, member: r.member, events: c.keep(memberEvents(old, now))}, true
}

func (b *book) unbind(session string, r ref) {
	if b.sessions[session] == r {
		delete(b.sessions, session)
	}
}

func (b *book) seeNotice(id string, e keep.Event) (change, bool) {
	c := b.find(id)
	var now noticeDoc
	if e.Gone || json.Unmarshal(e.Value, &now) != nil {
		return change{}, false // they fall out by themselves
	}
	at := sort.Search(len(c.notices), func(i int) bool { return c.notices[i].N >= now.N })
	if at < len(c.notices) && c.notices[at].N == now.N {
		return change{}, false
	}
	c.notices = slices.Insert(c.notices, at, now)
	c.notices = c.notices[max(0, len(c.notices)-noticesKept):]
	return change{class: id, notice: true, events: c.keep([]model.ClassEvent{noticeEvent(now)})}, true
}

// keep adds to the events that are told to who comes. Documents that are read for the first time tell theirs by
// member, not by time.
func (c *class) keep(events []model.ClassEvent) []model.ClassEvent {
	if len(events) > 0 {
		all := slices.Concat(c.events, events)
		slices.SortStableFunc(all, func(a, b model.ClassEvent) int { return strings.Compare(a.Time, b.Time) })
		c.events = all[max(0, len(all)-eventsKept):]
	}
	return events
}

// ids are the members', by when they joined.
func (c *class) ids() []string {
	return slices.SortedFunc(maps.Keys(c.members), func(a, b string) int { return c.members[a].doc.N - c.members[b].doc.N })
}

// stamp is a time as it is told; none is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
