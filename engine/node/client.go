package node

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
)

// abortable answers a config whose requests fail where the API's handler, which
// may run in this very goroutine, gives a request up by http.ErrAbortHandler: it
// does when the request's context ends, as all do when a node stops.
func abortable(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return abortTransport{next} })
	return c
}

type abortTransport struct{ next http.RoundTripper }

func (t abortTransport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			if err = r.Context().Err(); err == nil {
				err = fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, http.ErrAbortHandler)
			}
		default:
			panic(p)
		}
	}()
	return t.next.RoundTrip(r)
}
