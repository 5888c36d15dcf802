package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/shelf"
)

// getRecording answers what a session remembers, as a file.
func (s *Server) getRecording(w http.ResponseWriter, r *http.Request, session Session) {
	file, err := s.record(r, session)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	sendFile(w, file, time.Now().UTC().Format("2006-01-02-150405"))
}

// shareRecording keeps what a session remembers, for whoever is given the link.
func (s *Server) shareRecording(w http.ResponseWriter, r *http.Request, session Session) {
	file, err := s.record(r, session)
	if err == nil {
		err = s.keep(w, r, file)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// keepRecording keeps a file that somebody has. What is kept is written anew from what
// was understood of it.
func (s *Server) keepRecording(w http.ResponseWriter, r *http.Request) {
	file, err := s.readRecording(w, r)
	if err == nil {
		err = s.keep(w, r, file)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) sendRecording(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	file, err := s.kept(id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	sendFile(w, file, id)
}

// deleteRecording is for who kept it: the key is a bearer token.
func (s *Server) deleteRecording(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	err := error(noRecording())
	if s.cfg.Recordings != nil {
		err = recordingError(s.cfg.Recordings.Remove(id, key))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// recordingPage shows a recording that is kept here, or none yet: the page opens files, too.
func (s *Server) recordingPage(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if id != "" {
		if s.cfg.Recordings == nil || s.cfg.Recordings.Has(id) != nil {
			p := noRecording()
			s.cfg.Pages.Error(w, r, p.Status, p.Title, p.Detail)
			return
		}
	}
	s.cfg.Pages.Recording(w, r, id)
}

// record makes the file of a session, from the time on that the query says.
func (s *Server) record(r *http.Request, session Session) ([]byte, error) {
	since, err := sinceOf(r.URL.Query().Get("since"), time.Now())
	if err != nil {
		return nil, err
	}
	release, err := s.room(r.Context())
	if err != nil {
		return nil, err
	}
	defer release()
	rec, err := session.Recording(r.Context(), since)
	if err != nil {
		return nil, err
	}
	rec.Server = s.cfg.Version
	var file bytes.Buffer
	err = recording.Write(&file, rec)
	return file.Bytes(), err
}

func (s *Server) readRecording(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := s.readBody(w, r, recording.MaxFile)
	if err != nil {
		return nil, err
	}
	release, err := s.room(r.Context())
	if err != nil {
		return nil, err
	}
	defer release()
	rec, err := recording.Read(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	err = recording.Write(&file, rec)
	return file.Bytes(), err
}

// room waits for one of the places where recordings are made and read: each may take
// many times its size in memory.
func (s *Server) room(ctx context.Context) (release func(), err error) {
	select {
	case s.recording <- struct{}{}:
		return func() { <-s.recording }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep answers where the file is to be found from now on.
func (s *Server) keep(w http.ResponseWriter, r *http.Request, file []byte) error {
	if s.cfg.Recordings == nil {
		return &problem.Problem{Type: typeConflict, Title: "Not here", Status: http.StatusConflict, Detail: "This server keeps no recordings. Save it as a file."}
	}
	place, err := s.cfg.Recordings.Put(file, s.keepers(r)...)
	if full := new(shelf.QuotaError); errors.As(err, &full) {
		return tooManyKept(full)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.path(r, "/api/recordings/"+place.ID))
	answer(w, http.StatusCreated, model.KeptRecording{
		ID: place.ID, URL: s.path(r, "/recordings/"+place.ID), Bytes: len(file), Key: place.Key, Until: place.Until.UTC().Format(time.RFC3339),
	})
	return nil
}

// keepers are those on whose account a recording is kept.
func (s *Server) keepers(r *http.Request) []shelf.Owner {
	who := people.From(r.Context())
	if who.Is(people.Operator) {
		return nil
	}
	owner := func(kind, name string, may shelf.Quota) shelf.Owner {
		if name == "" {
			return shelf.Owner{}
		}
		return shelf.Owner{Name: kind + ":" + name, May: may}
	}
	return []shelf.Owner{owner("person", who.ID, s.cfg.Limits.Recordings), owner("address", limit.Address(s.clientAddress(r)), s.cfg.Limits.RecordingsAddress)}
}

func tooManyKept(e *shelf.QuotaError) *problem.Problem {
	who := "You keep"
	if strings.HasPrefix(e.Owner.Name, "address:") {
		who = "Your address keeps"
	}
	size := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }
	return &problem.Problem{Type: typeQuota, Title: "Too many kept", Status: http.StatusForbidden,
		Detail: fmt.Sprintf("%s %d recordings of %s MiB here, and may keep %d of %s MiB. Remove some, or save this one as a file.", who,
			e.Has.Files, size(e.Has.Bytes), e.Owner.May.Files, size(e.Owner.May.Bytes))}
}

func (s *Server) kept(id string) ([]byte, error) {
	if s.cfg.Recordings == nil {
		return nil, noRecording()
	}
	file, err := s.cfg.Recordings.Get(id)
	return file, recordingError(err)
}

func recordingError(err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return noRecording()
	}
	return err
}

func noRecording() *problem.Problem {
	return &problem.Problem{Type: typeNoRecording, Title: "No such recording", Status: http.StatusNotFound,
		Detail: "It was removed, its time was up, or it never was. Recordings are kept for a month at most."}
}

func sendFile(w http.ResponseWriter, file []byte, name string) {
	h := w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "podhop-"+name+".podhop.json.gz"))
	h.Set("Content-Length", fmt.Sprint(len(file)))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(file)
}

// sinceOf reads what kubectl logs calls --since and --since-time: how long ago, or when.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if when, err := time.Parse(time.RFC3339, text); err == nil {
		return when, nil
	}
	return time.Time{}, invalid("since", "must be a duration, such as 5m, or a time of RFC 3339")
}
