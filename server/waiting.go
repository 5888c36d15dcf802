package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/queue"
)

// newQueue is of those who wait for the Operator to have room; nil if there is none.
func (s *Server) newQueue() *queue.Queue {
	o := s.cfg.Operator
	if o == nil {
		return nil
	}
	return queue.New(queue.Config{Room: func() int { return o.Capacity().Room }, Ends: o.Ends, Mark: s.ticketMark})
}

type claimKey struct{}

// claims are the paths by which somebody opens a session. To others a ticket is nothing: they do not
// use it up, and it would let whoever has one pass without end.
var claims = regexp.MustCompile(`^/(playground|lessons/[^/]+|api/sessions(/[^/]+/fork)?|api/members/[^/]+/sessions)$`)

// claiming notes who asks, for when they ask for a session: by what ticket, and who they are.
func (s *Server) claiming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && claims.MatchString(r.URL.Path) {
			c := queue.Claim{Ticket: r.URL.Query().Get("ticket"), Person: people.From(r.Context()).ID}
			r = r.WithContext(context.WithValue(r.Context(), claimKey{}, c))
		}
		next.ServeHTTP(w, r)
	})
}

// asMember is a context in which somebody opens a session for a class of theirs: who holds one
// has made room for its members in their heads, and they go before strangers where there is
// none.
func asMember(ctx context.Context) context.Context {
	c := claimOf(ctx)
	c.Member = true
	return context.WithValue(ctx, claimKey{}, c)
}

// holding is a context in which somebody shows a ticket that they just got.
func holding(ctx context.Context, ticket string) context.Context {
	c := claimOf(ctx)
	c.Ticket = ticket
	return context.WithValue(ctx, claimKey{}, c)
}

func claimOf(ctx context.Context) queue.Claim {
	c, _ := ctx.Value(claimKey{}).(queue.Claim)
	return c
}

// enter lets whoever asks open a session, or has them wait: the error is a *queue.Place then.
// Who runs the server does not wait.
func (s *Server) enter(ctx context.Context) error {
	if s.queue == nil || people.From(ctx).Is(people.Operator) {
		return nil
	}
	return s.queue.Enter(claimOf(ctx))
}

// found has somebody wait who came at the same time as somebody else who was quicker.
func (s *Server) found(ctx context.Context, err error) error {
	if s.queue == nil || !errors.Is(err, model.ErrFull) || people.From(ctx).Is(people.Operator) {
		return err
	}
	return s.queue.Join(claimOf(ctx))
}

// admitted reports whether somebody has a ticket whose turn it is: they were admitted when they
// got it.
func (s *Server) admitted(r *http.Request) bool {
	key := claimOf(r.Context()).Ticket
	if s.queue == nil || key == "" {
		return false
	}
	at, err := s.queue.Ask(key)
	return err == nil && at.Turn
}

func queuedOf(p *queue.Place) model.Queued {
	q := model.Queued{Ticket: p.Ticket, Place: p.Place, Of: p.Of, Turn: p.Turn}
	if p.Turn {
		q.Until = p.Until.UTC().Format(time.RFC3339)
	}
	if !p.Latest.IsZero() {
		q.Wait = max(int(math.Ceil(time.Until(p.Latest).Seconds())), 1)
	}
	return q
}

// A waiting is a problem document that says where somebody is in the queue.
type waiting struct {
	problem.Problem
	Queued model.Queued `json:"queued"`
}

// failWaiting answers a program that is to wait.
func (s *Server) failWaiting(w http.ResponseWriter, _ *http.Request, err error) bool {
	at := new(queue.Place)
	if !errors.As(err, &at) {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", problem.ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", "5")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(waiting{Problem: problem.Problem{Type: typeFull, Title: "No room", Status: http.StatusServiceUnavailable,
		Detail: "This server holds as many sessions as it can. Ask /api/queue/TICKET every few seconds, and when it is your turn the same again with ?ticket=TICKET."}, Queued: queuedOf(at)})
	return true
}

// sendToWait leads a browser that posted a form to the page on which to wait.
func (s *Server) sendToWait(w http.ResponseWriter, r *http.Request, err error) bool {
	at := new(queue.Place)
	if !errors.As(err, &at) {
		return false
	}
	query := r.URL.Query()
	query.Del("ticket")
	want := model.Wanted{Path: r.URL.Path, Query: query.Encode(), Fields: map[string]string{}}
	for name := range r.PostForm {
		if name == workField || name == accessField { // of the gate, which is behind them
			continue
		}
		want.Fields[name] = r.PostForm.Get(name)
	}
	if text, err := json.Marshal(want); err == nil {
		s.queue.Keep(at.Ticket, string(text))
	}
	to := url.URL{Path: s.path(r, "/queue/"+at.Ticket)}
	if query.Get("embed") == "true" {
		to.RawQuery = "embed=true"
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
	return true
}

// askQueue finds a ticket.
func (s *Server) askQueue(r *http.Request) (key string, at queue.Place, err error) {
	key = chi.URLParam(r, "ticket")
	if s.queue == nil {
		return key, at, queue.ErrGone
	}
	s.seek(r.Context())
	at, err = s.queue.Ask(key)
	return key, at, err
}

// waitPage shows who posted a form where they are in the queue.
func (s *Server) waitPage(w http.ResponseWriter, r *http.Request) {
	key, at, err := s.askQueue(r)
	var want model.Wanted
	if err == nil && json.Unmarshal([]byte(s.queue.Kept(key)), &want) != nil {
		err = queue.ErrGone // a ticket of a program's
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	query, _ := url.ParseQuery(want.Query)
	query.Set("ticket", key)
	want.Query = query.Encode()
	s.cfg.Pages.Wait(w, r, queuedOf(&at), want)
}

func (s *Server) getQueued(w http.ResponseWriter, r *http.Request) {
	_, at, err := s.askQueue(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, queuedOf(&at))
}

func (s *Server) leaveQueue(w http.ResponseWriter, r *http.Request) {
	key, _, err := s.askQueue(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.queue.Leave(key)
	w.WriteHeader(http.StatusNoContent)
}
