package devserver

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/qr"
)

func (s *Server) classRoutes(mux *http.ServeMux) {
	web := s.cfg.Web
	mux.HandleFunc("GET /classes", web.Classes)
	mux.HandleFunc("GET /classes/{key}", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) { web.Class(w, r, room.Class()) }))
	mux.HandleFunc("GET /classes/{key}/join.svg", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		svg, err := qr.SVG("http://" + r.Host + room.base + "/join/" + room.Class().Code)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write(svg)
	}))
	mux.HandleFunc("GET /join", func(w http.ResponseWriter, r *http.Request) { web.Join(w, r, "") })
	mux.HandleFunc("GET /join/{code}", func(w http.ResponseWriter, r *http.Request) { web.Join(w, r, r.PathValue("code")) })
	mux.HandleFunc("GET /m/{key}", s.atSeat(func(seat *Seat, w http.ResponseWriter, r *http.Request) { web.Member(w, r, seat.key, seat.you()) }))

	mux.HandleFunc("POST /api/classes", s.makeRoom)
	const room = "/api/classes/{key}"
	mux.HandleFunc("GET "+room, s.inRoom(func(room *Room, w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, room.Class()) }))
	mux.HandleFunc("PATCH "+room, s.inRoom(changeRoom))
	mux.HandleFunc("DELETE "+room, s.inRoom(func(room *Room, w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, room.Change(func(c *model.Class) { c.Closed, c.Open, c.Code = time.Now().UTC().Format(time.RFC3339), false, "" }))
	}))
	mux.HandleFunc("GET "+room+"/stream", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) { room.serve(w, r, room.everything) }))
	mux.HandleFunc("POST "+room+"/push", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		var p model.Push
		if !read(w, r, &p) {
			return
		}
		if p.Kind == "message" && p.Text == "refuse" {
			problem(w, http.StatusUnprocessableEntity, "Invalid push", "text: must not be refuse.")
			return
		}
		answer(w, http.StatusOK, room.Push(p))
	}))
	const member = room + "/members/{mid}"
	mux.HandleFunc("DELETE "+member, s.inRoom(removeMember))
	mux.HandleFunc("POST "+member+"/look", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("mid")
		room.seat(id).Look(instructor)
		answer(w, http.StatusOK, model.ClassView{View: "view-demo-" + id, URL: room.base + "/s/view-demo-" + id})
	}))
	mux.HandleFunc("DELETE "+member+"/look", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		room.seat(r.PathValue("mid")).Look("")
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST "+member+"/control", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("mid")
		room.Member(id, func(m *model.Member) { m.Control = "asked" })
		answer(w, http.StatusOK, model.ClassView{View: "view-demo-" + id, URL: room.base + "/s/view-demo-" + id})
	}))
	mux.HandleFunc("DELETE "+member+"/control", s.inRoom(func(room *Room, w http.ResponseWriter, r *http.Request) {
		room.Member(r.PathValue("mid"), func(m *model.Member) { m.Control = "" })
		w.WriteHeader(http.StatusNoContent)
	}))

	mux.HandleFunc("GET /api/join/{code}", s.whatIs)
	mux.HandleFunc("POST /api/join", s.join)
	const own = "/api/members/{key}"
	mux.HandleFunc("GET "+own, s.atSeat(func(seat *Seat, w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, seat.you()) }))
	mux.HandleFunc("GET "+own+"/stream", s.atSeat(func(seat *Seat, w http.ResponseWriter, r *http.Request) {
		seat.serve(w, r, func() any {
			y := seat.you()
			return model.MemberMessage{You: &y}
		})
	}))
	mux.HandleFunc("POST "+own+"/help", s.atSeat(func(seat *Seat, w http.ResponseWriter, r *http.Request) {
		var h model.HelpRequest
		if !read(w, r, &h) {
			return
		}
		seat.room.Member(seat.member.ID, func(m *model.Member) {
			m.Help = nil
			if h.On {
				m.Help = &model.Help{Since: time.Now().UTC().Format(time.RFC3339), Text: h.Text}
			}
		})
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST "+own+"/sessions", s.atSeat(s.openSeat))
	mux.HandleFunc("POST "+own+"/consent", s.atSeat(func(seat *Seat, w http.ResponseWriter, r *http.Request) {
		var c model.Consent
		if !read(w, r, &c) {
			return
		}
		seat.room.Member(seat.member.ID, func(m *model.Member) {
			seat.answers = append(seat.answers, c.Yes)
			m.Control = map[bool]string{true: "given"}[c.Yes]
		})
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("DELETE "+own+"/control", s.atSeat(func(seat *Seat, w http.ResponseWriter, _ *http.Request) {
		seat.room.Member(seat.member.ID, func(m *model.Member) { m.Control = "" })
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST /api/sessions/{id}/progress", func(w http.ResponseWriter, r *http.Request) {
		var p model.Progress
		if !read(w, r, &p) {
			return
		}
		if seat := s.seatOf(r.PathValue("id")); seat != nil {
			seat.room.Member(seat.member.ID, func(m *model.Member) {
				seat.told = append(seat.told, p)
				m.Lesson, m.Step = p.Lesson, p.Step
			})
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) inRoom(f func(*Room, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		room := s.Room(r.PathValue("key"))
		if mid := r.PathValue("mid"); room == nil || mid != "" && room.seat(mid) == nil {
			s.noClass(w, r)
			return
		}
		f(room, w, r)
	}
}

func (s *Server) atSeat(f func(*Seat, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seat := s.Seat(r.PathValue("key"))
		if seat == nil {
			s.noClass(w, r)
			return
		}
		f(seat, w, r)
	}
}

func (s *Server) noClass(w http.ResponseWriter, r *http.Request) {
	const title, detail = "There is no such class", "It was closed, its time was up, or it never was."
	if strings.HasPrefix(r.URL.Path, "/api/") {
		problem(w, http.StatusNotFound, title, detail)
		return
	}
	s.cfg.Web.Error(w, r, http.StatusNotFound, title, detail)
}

func (s *Server) makeRoom(w http.ResponseWriter, r *http.Request) {
	var n model.NewClass
	if !read(w, r, &n) {
		return
	}
	if n.Title == "refuse" {
		problem(w, http.StatusUnprocessableEntity, "Invalid class", "title: must not be refuse.")
		return
	}
	c := s.Room("class-new").Change(func(c *model.Class) {
		c.Title, c.Size, c.Until, c.Instructor = n.Title, n.Size, n.Until, n.Instructor
		if len(n.Lessons) > 0 {
			c.Lessons = n.Lessons
		}
	})
	answer(w, http.StatusCreated, c)
}

func changeRoom(room *Room, w http.ResponseWriter, r *http.Request) {
	var change model.ClassChange
	if !read(w, r, &change) {
		return
	}
	answer(w, http.StatusOK, room.Change(func(c *model.Class) {
		if change.Open != nil {
			c.Open = *change.Open
		}
		if change.Frozen != nil {
			c.Frozen = *change.Frozen
		}
		if change.FreezeText != nil {
			c.FreezeText = *change.FreezeText
		}
	}))
}

func removeMember(room *Room, w http.ResponseWriter, r *http.Request) {
	gone := room.seat(r.PathValue("mid"))
	room.mu.Lock()
	for i, seat := range room.seats {
		if seat == gone {
			room.seats = append(room.seats[:i:i], room.seats[i+1:]...)
			break
		}
	}
	room.class.Members = len(room.seats)
	c := room.class
	room.mu.Unlock()
	room.tell(model.ClassMessage{Gone: gone.member.ID})
	room.tell(model.ClassMessage{Class: &c})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) whatIs(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	if code == "TOO-OFT" {
		problem(w, http.StatusTooManyRequests, "Too often", "Wait a minute.")
		return
	}
	room := s.Room(codes[code])
	if room == nil {
		s.noClass(w, r)
		return
	}
	c := room.Class()
	answer(w, http.StatusOK, model.JoinInfo{Title: c.Title, Instructor: c.Instructor, Open: c.Open, Left: max(0, c.Size-c.Members), Until: c.Until})
}

func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	var n model.NewMember
	if !read(w, r, &n) {
		return
	}
	room := s.Room(codes[n.Code])
	if room == nil {
		s.noClass(w, r)
		return
	}
	if n.Name == "refuse" {
		problem(w, http.StatusUnprocessableEntity, "Invalid name", "name: must not be refuse.")
		return
	}
	now := time.Now().UTC().Format(time.RFC3339)
	s.mu.Lock()
	room.mu.Lock()
	seat := s.sit(room, model.Member{ID: fmt.Sprintf("j%d", len(room.seats)), Name: n.Name, Joined: now, Online: true, LastSeen: now, IdleSince: now})
	m, c := seat.member, room.class
	room.mu.Unlock()
	s.mu.Unlock()
	room.tell(model.ClassMessage{Member: &m})
	room.tell(model.ClassMessage{Class: &c})
	answer(w, http.StatusCreated, model.Joined{Key: seat.key, ID: m.ID, Name: m.Name, Class: c})
}

// openSeat gives a member a told session.
func (s *Server) openSeat(seat *Seat, w http.ResponseWriter, r *http.Request) {
	var n model.MemberSession
	if !read(w, r, &n) {
		return
	}
	if s.Line.waits(w, r) {
		return
	}
	id := "demo-" + strings.TrimPrefix(seat.key, "member-")
	seat.room.Member(seat.member.ID, func(m *model.Member) {
		seat.session, m.Session, m.Lesson, m.Step = id, id, n.Lesson, 1
	})
	answer(w, http.StatusCreated, s.Cluster(id).Session())
}
