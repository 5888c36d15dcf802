package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

// ErrAddress is what Find fails with if it cannot tell which session is meant.
var ErrAddress = errors.New("must be the address of a session's page, http://HOST/s/ID, or an ID")

// A Session is one of a server's. It is safe for concurrent use.
type Session struct {
	ID   string
	base *url.URL // of the session in the API
	http *http.Client
}

var (
	identity = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	path     = regexp.MustCompile(`^(.*)/(?:s|api/sessions)/([A-Za-z0-9_-]+)(?:/.*)?$`)
)

// Find reads which session is meant: the URL of its page or in the API, or an ID of the
// server's. It asks nobody. Its errors are of ErrAddress.
func Find(session, server string) (*Session, error) {
	id, root := session, server
	if !identity.MatchString(session) {
		id = ""
		if u, err := url.Parse(session); err == nil && u.Host != "" {
			if m := path.FindStringSubmatch(u.Path); m != nil {
				id, root = m[2], u.Scheme+"://"+u.Host+m[1]
			}
		}
		if id == "" {
			return nil, fmt.Errorf("%w, not %q", ErrAddress, session)
		}
	}
	u, err := url.Parse(root)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the address of a server, such as http://localhost:8080", root)
	}
	return &Session{id, u.JoinPath("api/sessions", id), http.DefaultClient}, nil
}

// Server is the address that is asked.
func (s *Session) Server() string {
	return strings.TrimSuffix(s.base.JoinPath("../../..").String(), "/")
}

// Info is what the server says of the session. It and those that follow fail with
// model.ErrNotFound if there is none.
func (s *Session) Info(ctx context.Context) (info model.Session, err error) {
	return info, s.read(ctx, s.base, &info)
}

// Journeys are the recent ones that a filter lets through, oldest first.
func (s *Session) Journeys(ctx context.Context, f model.JourneyFilter) (all []model.Journey, err error) {
	return all, s.read(ctx, s.at("journeys", query(f)), &all)
}

// Packets is a capture file; with follow one that grows until ctx is done. Close it.
func (s *Session) Packets(ctx context.Context, f model.JourneyFilter, vertex, device string, follow bool) (io.ReadCloser, error) {
	q := query(f)
	set(q, "vertex", vertex)
	set(q, "device", device)
	if follow {
		q.Set("follow", "true")
	}
	return s.get(ctx, s.at("packets", q))
}

func query(f model.JourneyFilter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"journey": f.Journey, "conversation": f.Conversation, "from": f.From, "to": f.To, "pod": f.Pod,
		"service": f.Service, "policy": f.Policy, "node": f.Node, "verdict": f.Verdict, "protocol": f.Protocol, "since": f.Since,
	} {
		set(q, name, value)
	}
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func (s *Session) at(path string, q url.Values) *url.URL {
	u := s.base.JoinPath(path)
	u.RawQuery = q.Encode()
	return u
}

func (s *Session) read(ctx context.Context, u *url.URL, into any) error {
	body, err := s.get(ctx, u)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	return nil
}

func (s *Session) get(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be reached: %w", s.Server(), reason(err))
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, s.refusal(answer)
}

// reason is an error without the request that it says is at fault.
func reason(err error) error {
	if e := new(url.Error); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// refusal is what the server said instead of an answer.
func (s *Session) refusal(answer *http.Response) error {
	var p problem.Problem
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&p) != nil {
		return fmt.Errorf("%s answered %s: is it a Podhop server?", s.Server(), answer.Status)
	}
	if p.Detail == "" {
		return errors.New(p.Title)
	}
	if strings.HasSuffix(p.Type, ":no-session") {
		return &absent{fmt.Sprintf("%s has no session %s: %s", s.Server(), s.ID, strings.ToLower(p.Detail[:1])+strings.TrimSuffix(p.Detail[1:], "."))}
	}
	return errors.New(strings.TrimSuffix(p.Detail, "."))
}

// absent is a model.ErrNotFound in words of its own.
type absent struct{ text string }

func (a *absent) Error() string { return a.text }

func (a *absent) Unwrap() error { return model.ErrNotFound }
