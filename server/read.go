package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

// drain is how much of a body that is too large is still read: who is writing it
// would otherwise find the line cut instead of the answer.
const drain = 64 << 20

// readBody reads at most limit bytes.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	// Test recorders know no deadlines; a real connection does.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }()
	reader := http.MaxBytesReader(w, r.Body, drain)
	body, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	if err == nil && len(body) > limit {
		_, err = io.Copy(io.Discard, reader)
		if tooLarge := new(http.MaxBytesError); err == nil || errors.As(err, &tooLarge) {
			err = fmt.Errorf("%w: at most %d bytes are taken", model.ErrTooLarge, limit)
		}
	}
	if err != nil && !errors.Is(err, model.ErrTooLarge) {
		err = &problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusBadRequest, Detail: "The body could not be read: " + err.Error()}
	}
	return body, err
}

// readJSON reads one JSON object, of fields that are known.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := s.readBody(w, r, 16<<10)
	if err != nil {
		return err
	}
	return parseJSON(body, into)
}

func parseJSON(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return jsonProblem(err)
	}
	if decoder.More() {
		return &problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusBadRequest, Detail: "There is more after the JSON object."}
	}
	return nil
}

// readOptions reads what a session is to be made with: nothing, or a JSON object.
// What can be had is for the engine to say.
func (s *Server) readOptions(w http.ResponseWriter, r *http.Request) (o model.SessionOptions, err error) {
	body, err := s.readBody(w, r, 16<<10)
	if err == nil && len(bytes.TrimSpace(body)) > 0 {
		err = parseJSON(body, &o)
	}
	return o, err
}

// formOptions reads the same from a form, as browsers send it: what is not chosen
// is empty, a box that is not ticked is missing.
func formOptions(form url.Values) (o model.SessionOptions, err error) {
	if text := form.Get("nodes"); text != "" {
		if o.Nodes, err = strconv.Atoi(text); err != nil {
			return o, &model.FieldError{Field: "nodes", Detail: "must be a whole number"}
		}
	}
	switch text := form.Get("dualStack"); text {
	case "", "false":
	case "on", "true":
		o.DualStack = true
	default:
		return o, &model.FieldError{Field: "dualStack", Detail: "must be true or false"}
	}
	o.CNI = form.Get("cni")
	return o, nil
}

var method = regexp.MustCompile(`^[A-Za-z]{1,16}$`)

// readRequest reads a model.Request and checks its shape; whether there is such a
// sender is for the session to say.
func (s *Server) readRequest(w http.ResponseWriter, r *http.Request) (model.Request, error) {
	var request model.Request
	if err := s.readJSON(w, r, &request); err != nil {
		return request, err
	}
	var errs []problem.FieldError
	if detail := senderDetail(request.From); detail != "" {
		errs = append(errs, problem.FieldError{Field: "from", Detail: detail})
	}
	if request.To = strings.TrimSpace(request.To); request.To == "" || len(request.To) > 2048 {
		errs = append(errs, problem.FieldError{Field: "to", Detail: "must be a URL or host:port, of at most 2048 characters"})
	}
	if request.Method != "" && !method.MatchString(request.Method) {
		errs = append(errs, problem.FieldError{Field: "method", Detail: "must be an HTTP method, such as GET"})
	}
	if request.Count < 0 || request.Count > 100 {
		errs = append(errs, problem.FieldError{Field: "count", Detail: "must be between 1 and 100"})
	}
	if len(errs) > 0 {
		return request, invalidFields(errs)
	}
	return request, nil
}

func senderDetail(from string) string {
	parts := strings.Split(from, "/")
	for _, part := range parts {
		if part == "" {
			parts = nil
		}
	}
	switch {
	case len(parts) == 1 && parts[0] == "client", len(parts) == 2 && parts[0] == "node", len(parts) == 3 && parts[0] == "pod":
		return ""
	}
	return "must be client, node/NAME or pod/NAMESPACE/NAME"
}

// jsonProblem says where JSON went wrong.
func jsonProblem(err error) error {
	p := &problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusBadRequest, Detail: "The body must be a JSON object: " + strings.TrimPrefix(err.Error(), "json: ")}
	if kind := new(json.UnmarshalTypeError); errors.As(err, &kind) && kind.Field != "" {
		p.Errors = []problem.FieldError{{Field: kind.Field, Detail: fmt.Sprintf("must be %s, not %s", kind.Type, kind.Value)}}
	} else if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		p.Errors = []problem.FieldError{{Field: strings.Trim(field, `"`), Detail: "is not known"}}
	}
	return p
}
