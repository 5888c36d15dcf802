package server

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/podhop/podhop/engine/model"
)

const (
	// maxPresented bounds the text of a file that is shown to those who look on, in bytes, and
	// maxPresenting the request that says so, where each byte may take six.
	maxPresented  = 256 << 10
	maxPresenting = 6*maxPresented + 16<<10
	// maxWord bounds each of the names in it.
	maxWord = 1 << 10
	// maxSize bounds the columns and rows of a terminal.
	maxSize = 1000
)

// present takes what the page of who has the session shows, for those who follow it. While nobody
// looks on it is of no interest.
func (s *Server) present(w http.ResponseWriter, r *http.Request, session Session) {
	var now model.Presenting
	body, err := s.readBody(w, r, maxPresenting)
	if err == nil {
		err = parseJSON(body, &now)
	}
	if err == nil {
		err = checkPresenting(&now)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.viewers.present(session, &now)
	w.WriteHeader(http.StatusNoContent)
}

func checkPresenting(p *model.Presenting) error {
	for name, text := range map[string]string{"tab": p.Tab, "view": p.View, "object": p.Object, "conversation": p.Conversation, "journey": p.Journey, "terminal": p.Terminal} {
		if len(text) > maxWord {
			return invalid(name, fmt.Sprintf("may have %d bytes at most", maxWord))
		}
	}
	if p.Columns < 0 || p.Columns > maxSize || p.Rows < 0 || p.Rows > maxSize {
		return invalid("columns", fmt.Sprintf("and rows must be between 0 and %d", maxSize))
	}
	switch {
	case p.Off:
		return invalid("off", "is for those who follow: DELETE says so")
	case p.File == nil:
		return nil
	case p.File.Edit != nil:
		return invalid("file.edit", "is for those who follow: send the text")
	case len(p.File.Name) > maxWord:
		return invalid("file.name", fmt.Sprintf("may have %d bytes at most", maxWord))
	case p.File.Text != nil && len(*p.File.Text) > maxPresented:
		return fmt.Errorf("%w: at most %d bytes of text are shown to others", model.ErrTooLarge, maxPresented)
	case p.File.Text != nil && !utf8.ValidString(*p.File.Text):
		return invalid("file.text", "must be UTF-8")
	}
	return nil
}

// presentNothing is for who does not want to be followed any more.
func (s *Server) presentNothing(w http.ResponseWriter, _ *http.Request, session Session) {
	session.Present(nil)
	w.WriteHeader(http.StatusNoContent)
}
