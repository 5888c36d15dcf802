package devserver

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Room is a class that is made up: nobody learns in it unless a test says so.
type Room struct {
	*wire // what its instructor is told
	base  string

	mu     sync.Mutex
	class  model.Class
	seats  []*Seat
	pushed []model.Push
	waits  int // seconds for an answer to who asks for the keyboard; 0: a minute
	told   int // notices so far
}

// A Seat is a member's.
type Seat struct {
	*wire // what the member is told
	room  *Room
	key   string

	// What follows is the room's to guard.
	member  model.Member
	session string // its ID
	looking string
	answers []bool // to who asked for the keyboard
	told    []model.Progress
}

const instructor = "Grace Hopper"

// The codes of classes that are special, and their keys. Any other leads to nothing.
var codes = map[string]string{"ABC-DEF": "class-3", "FUL-LLL": "class-full", "SHU-TTT": "class-shut"}

// Room is the class of a key, made when it is first asked for: class-40 has 40 people. Nil if
// the key is none.
func (s *Server) Room(key string) *Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room(key)
}

func (s *Server) room(key string) *Room {
	if r, ok := s.rooms[key]; ok {
		return r
	}
	name, ok := strings.CutPrefix(key, "class-")
	if !ok || name == "gone" {
		return nil
	}
	n, _ := strconv.Atoi(name)
	now := time.Now().UTC()
	c := model.Class{Key: key, Code: "ABC-DEF", Title: "Kubernetes networking", Instructor: instructor, Lessons: []string{}, Size: 250, Open: true,
		Made: now.Format(time.RFC3339), Until: now.Add(3 * time.Hour).Format(time.RFC3339)}
	for _, p := range places {
		c.Lessons = append(c.Lessons, p.slug)
	}
	for code, of := range codes {
		if of == key {
			c.Code = code
		}
	}
	switch name {
	case "full":
		c.Size = 0
	case "shut":
		c.Open = false
	}
	r := &Room{wire: newWire(), base: s.cfg.Base, class: c}
	for i := range n {
		s.sit(r, somebody(i))
	}
	s.rooms[key] = r
	return r
}

// sit gives a member a seat: that of m1 in class-3 has the key "member-3-m1".
func (s *Server) sit(r *Room, m model.Member) *Seat {
	seat := &Seat{wire: newWire(), room: r, key: "member-" + strings.TrimPrefix(r.class.Key, "class-") + "-" + m.ID, member: m}
	r.seats = append(r.seats, seat)
	r.class.Members = len(r.seats)
	s.seats[seat.key] = seat
	return seat
}

// Seat is the member's of a key, or nil. Its class is made with it.
func (s *Server) Seat(key string) *Seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	if part := strings.Split(key, "-"); len(part) == 3 {
		s.room("class-" + part[1])
	}
	return s.seats[key]
}

// seatOf is whose session one is; nil if it is nobody's.
func (s *Server) seatOf(session string) *Seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seat := range s.seats {
		if seat.session == session && session != "" {
			return seat
		}
	}
	return nil
}

// Change makes something else of the class, and tells everybody.
func (r *Room) Change(change func(*model.Class)) model.Class {
	r.mu.Lock()
	change(&r.class)
	c := r.class
	seats := slices.Clone(r.seats)
	r.mu.Unlock()
	r.tell(model.ClassMessage{Class: &c})
	for _, seat := range seats {
		seat.tellYou()
	}
	return c
}

// Member makes something else of a member, and tells the instructor and them.
func (r *Room) Member(id string, change func(*model.Member)) {
	seat := r.seat(id)
	r.mu.Lock()
	change(&seat.member)
	m := seat.member
	r.mu.Unlock()
	r.tell(model.ClassMessage{Member: &m})
	seat.tellYou()
}

func (r *Room) seat(id string) *Seat {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seat := range r.seats {
		if seat.member.ID == id {
			return seat
		}
	}
	return nil
}

// Pushed are all pushes so far.
func (r *Room) Pushed() []model.Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pushed)
}

// Wait has whoever asks for a keyboard wait so many seconds for an answer, from the next question on.
func (r *Room) Wait(seconds int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = seconds
}

// Class is what it is now.
func (r *Room) Class() model.Class {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.class
}

// Watched counts the instructor's pages.
func (r *Room) Watched() int { return r.followed() }

func (r *Room) everything() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.class
	m := model.ClassMessage{All: true, Class: &c}
	for _, seat := range r.seats {
		m.Members = append(m.Members, seat.member)
	}
	return m
}

// you is the member as they see themselves.
func (s *Seat) you() model.Membership {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	c := s.room.class
	c.Key = ""
	y := model.Membership{ID: s.member.ID, Name: s.member.Name, Class: c, Lesson: s.member.Lesson, Step: s.member.Step, Done: s.member.Done,
		Help: s.member.Help, Looking: s.looking, Control: s.member.Control}
	if y.Control == "asked" {
		y.AnswerIn = cmp.Or(s.room.waits, 60)
	}
	if s.session != "" {
		y.Session, y.SessionID = s.room.base+"/s/"+s.session, s.session
	}
	return y
}

func (s *Seat) tellYou() {
	y := s.you()
	s.tell(model.MemberMessage{You: &y})
}

// Member is what they are now.
func (s *Seat) Member() model.Member {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.member
}

// Answers are what they said to who asked for the keyboard; Told is where their page said it is.
func (s *Seat) Answers() []bool {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return slices.Clone(s.answers)
}

func (s *Seat) Told() []model.Progress {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return slices.Clone(s.told)
}

// Look has somebody look at the session, or look away with an empty name.
func (s *Seat) Look(name string) {
	s.room.mu.Lock()
	s.looking = name
	s.room.mu.Unlock()
	s.room.Member(s.member.ID, func(m *model.Member) { m.Looking, m.View = name != "", "" })
}

// Push shows it to those whom it is for. A fault does not take where there is no session.
func (r *Room) Push(p model.Push) []model.PushResult {
	r.mu.Lock()
	r.pushed = append(r.pushed, p)
	r.told++
	n := model.Notice{ID: fmt.Sprintf("n%d", r.told), Time: time.Now().UTC().Format(time.RFC3339), By: instructor, Push: p}
	n.Push.To = nil
	var to []*Seat
	results := []model.PushResult{}
	for _, seat := range r.seats {
		m := seat.member
		if len(p.To) > 0 && !slices.Contains(p.To, m.ID) {
			continue
		}
		result := model.PushResult{Member: m.ID, Name: m.Name, Done: true, Text: "on its way"}
		if m.Session == "" && (p.Kind == "fault" || p.Apply || p.Kind == "start-over") {
			result.Done, result.Text = false, "They have no session."
		} else {
			to = append(to, seat)
		}
		results = append(results, result)
	}
	r.mu.Unlock()
	for _, seat := range to {
		seat.tell(model.MemberMessage{Notice: &n})
	}
	return results
}
