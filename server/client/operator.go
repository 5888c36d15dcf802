package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

// An Operator asks a server as whoever runs it.
type Operator struct {
	Server string // its URL, with the base path
	Token  string
}

// Get is the server as it is now.
func (o Operator) Get(ctx context.Context) (all model.Operator, err error) {
	text, err := o.ask(ctx, http.MethodGet, "/api/operator")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
}

// Do parks or ends a session, which may be named by the beginning of its ID.
func (o Operator) Do(ctx context.Context, session, deed string) error {
	_, err := o.ask(ctx, http.MethodPost, "/api/operator/sessions/"+url.PathEscape(session)+"/"+deed)
	return err
}

// mostOperator bounds an answer, in bytes.
const mostOperator = 64 << 20

func (o Operator) ask(ctx context.Context, method, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.Server, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+o.Token)
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostOperator))
	if err != nil || answer.StatusCode < 300 {
		return text, err
	}
	p := problem.Problem{Title: answer.Status}
	_ = json.Unmarshal(text, &p) // a proxy may have answered
	return nil, fmt.Errorf("%s: %w", o.Server, &p)
}
