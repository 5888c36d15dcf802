package server

import (
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

// A member whose session has ended by itself is led to no page that is gone, and opens another.
func TestMemberWhoseTimeWasUp(t *testing.T) {
	for name, ask := range map[string]func(s *school){
		"at their page":        func(s *school) { s.do("GET /m/"+s.ann.Key, "", 200, nil) },
		"by the API":           func(s *school) { s.do("GET /api/members/"+s.ann.Key, "", 200, nil) },
		"at the session's own": func(s *school) { s.do("GET /s/"+s.one, "", 410, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchool(t, nil)
			s.engine.mu.Lock()
			delete(s.engine.sessions, s.one)
			s.engine.mu.Unlock()
			ask(s)
			// What streams of theirs and of the instructor's say is what the class knows.
			if m, err := s.server.classes.Membership(t.Context(), s.ann.Key); err != nil || m.SessionID != "" {
				t.Errorf("they have %q still, %v", m.SessionID, err)
			}
			if page := s.do("GET /m/"+s.ann.Key, "", 200, nil); strings.Contains(page, s.one) {
				t.Errorf("their page is %s", page)
			}
			var anew model.Session
			s.do("POST /api/members/"+s.ann.Key+"/sessions", `{"lesson":"first"}`, 201, &anew)
			if page := s.do("GET /m/"+s.ann.Key, "", 200, nil); anew.ID == s.one || !strings.Contains(page, anew.ID) {
				t.Errorf("with another session their page is %s", page)
			}
			if m, err := s.server.classes.Membership(t.Context(), s.bo.Key); err != nil || m.SessionID != s.two {
				t.Errorf("the other member has %q, %v", m.SessionID, err)
			}
		})
	}
}
