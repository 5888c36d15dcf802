package server

import (
	"mime"
	"net/http"

	"github.com/podhop/podhop/engine/model"
)

// whatIf answers 200 whatever the API says of the documents, as apply does. A body
// that is JSON says what to apply and what to delete, any other is a paste; none asks
// how things are.
func (s *Server) whatIf(w http.ResponseWriter, r *http.Request, session Session) {
	var request model.WhatIfRequest
	// In JSON each line of a paste is some bytes longer.
	body, err := s.readBody(w, r, s.cfg.MaxPaste*5/4)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" && len(body) > 0 {
		err = parseJSON(body, &request)
	} else {
		request.Apply = string(body)
	}
	var result model.WhatIf
	if err == nil {
		result, err = session.WhatIf(r.Context(), request)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, result)
}
