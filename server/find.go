package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/stream"
	"github.com/podhop/podhop/server/views"
)

// find finds the session that an ID or a view's key stands for, and what who knows it may
// do. A session that was found by a view says that its ID is the view's key, and has a token
// of the view's own. It fails as Engine.Session does.
func (s *Server) find(_ *http.Request, id string) (Session, views.Rights, error) {
	if !strings.HasPrefix(id, views.Prefix) {
		session, err := s.cfg.Engine.Session(id)
		return session, views.Owner, err
	}
	view, err := s.views.Find(id)
	if errors.Is(err, views.ErrNotFound) {
		return nil, "", fmt.Errorf("view: %w", model.ErrNotFound)
	}
	if err != nil {
		return nil, "", err
	}
	session, err := s.cfg.Engine.Session(view.Session)
	if errors.Is(err, model.ErrNotFound) {
		err = fmt.Errorf("the view's session: %w", model.ErrNotFound) // whose name is nobody's business
	}
	if err != nil {
		return nil, "", err
	}
	return &viewed{session, view}, view.Rights, nil
}

// may fails if rights are too few.
func may(rights, least views.Rights) error {
	switch {
	case rights.Allow(least):
		return nil
	case least == views.Owner:
		return &problem.Problem{Type: typeRights, Title: "Not with this link", Status: http.StatusForbidden,
			Detail: "Only whose session it is may do that, by the session's own address. Make a copy of it, which is yours, and do it there."}
	}
	return &problem.Problem{Type: typeRights, Title: "You look on", Status: http.StatusForbidden,
		Detail: "Who has this link looks on, and changes nothing. Make a copy of the session, which is yours, and do it there."}
}

// allow finds the request's session for who has that right to it. Requests that came by a
// view end with it.
func (s *Server) allow(least views.Rights, next func(w http.ResponseWriter, r *http.Request, session Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, rights, err := s.find(r, chi.URLParam(r, "id"))
		if err == nil {
			err = may(rights, least)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		r, done := s.through(r, session)
		defer done()
		attributed(r.Context(), session, chi.URLParam(r, "id"), func(ctx context.Context) { next(w, r.WithContext(ctx), session) })
	}
}

// with is allow: to look for what only asks, else to control.
func (s *Server) with(next func(w http.ResponseWriter, r *http.Request, session Session)) http.HandlerFunc {
	look, control := s.allow(views.Look, next), s.allow(views.Control, next)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			look(w, r)
			return
		}
		control(w, r)
	}
}

type viewKey struct{}

// through has a request be one of the view that its session was found by.
func (s *Server) through(r *http.Request, session Session) (*http.Request, context.CancelFunc) {
	v, ok := session.(*viewed)
	if !ok {
		return r, func() {}
	}
	ctx, done := s.views.While(r.Context(), v.view, stream.ErrEnded)
	return r.WithContext(context.WithValue(ctx, viewKey{}, v.view)), done
}

// viewOf is the view that a request came by, if it is one.
func viewOf(r *http.Request) (views.View, bool) {
	view, ok := r.Context().Value(viewKey{}).(views.View)
	return view, ok
}

// realID is the session's own, for what is counted by session.
func realID(session Session) string {
	if v, ok := session.(*viewed); ok {
		return v.view.Session
	}
	return session.Info().ID
}

// A viewed session was found by a view. Who gets it is told of the view alone.
type viewed struct {
	Session
	view views.View
}

// Info is as the view's holder sees it.
func (v *viewed) Info() model.Session { return readdressed(v.Session.Info(), v.view) }

func readdressed(info model.Session, view views.View) model.Session {
	info.ID, info.Rights = view.Key, string(view.Rights)
	return info
}

// Token is made of the view's key, which whoever asks knows. It is good at the view's
// own address alone, for as long as the view is.
func (v *viewed) Token(context.Context) (string, error) {
	sum := sha256.Sum256([]byte("token of " + v.view.Key))
	return hex.EncodeToString(sum[:]), nil
}

// API takes the view's token for somebody who may read, or with control for the
// administrator. By a view to look at no other token is taken.
func (v *viewed) API() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, err := v.Token(r.Context())
		shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		known := err == nil && subtle.ConstantTimeCompare([]byte(own), []byte(shown)) == 1
		switch {
		case v.view.Rights == views.Look && !known:
			status(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
			return
		case v.view.Rights == views.Look && r.Header.Get("Upgrade") != "":
			status(w, http.StatusForbidden, metav1.StatusReasonForbidden, may(views.Look, views.Control).Error())
			return
		case !known:
			v.Session.API().ServeHTTP(w, r) // the API knows its own service accounts
			return
		}
		r = r.Clone(r.Context())
		if v.view.Rights == views.Look {
			r.Header.Del("Authorization")
			v.Session.ReadOnlyAPI().ServeHTTP(w, r)
			return
		}
		token, err := v.Session.Token(r.Context())
		if err != nil {
			status(w, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "the session cannot be reached now")
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		v.Session.API().ServeHTTP(w, r)
	})
}
