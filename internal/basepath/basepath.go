// Package basepath is what a server's addresses begin with that has no host of its own:
// /podhop of https://example.org/podhop/lessons. Handlers behind Mount see paths without it,
// and who writes an address for a browser puts it in front of that by At.
//
// It knows nothing of what is served.
package basepath

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// ErrBase is what Clean fails with.
var ErrBase = errors.New("must be a path such as /podhop, of letters, digits and - . _ ~")

var valid = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// Clean returns a base path without a slash behind it; "" stands for the root. Its
// errors are ErrBase.
func Clean(text string) (string, error) {
	base := strings.TrimRight(text, "/")
	if base != "" && !valid.MatchString(base) {
		return "", ErrBase
	}
	return base, nil
}

type key struct{}

// With returns a context of requests that came below base.
func With(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, key{}, base)
}

// Of is the base path of the server that the request of ctx came to; "" is the root.
func Of(ctx context.Context) string {
	base, _ := ctx.Value(key{}).(string)
	return base
}

// At is the address, as browsers have it, of a path that begins with a slash.
func At(ctx context.Context, path string) string { return Of(ctx) + path }

// Mount has next answer what is asked for below base, which is of Clean, and outside
// everything else. Both see the base path in their request's context.
func Mount(base string, next, outside http.Handler) http.Handler {
	if base == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		below := r.WithContext(With(r.Context(), base))
		if !strip(below, base) {
			outside.ServeHTTP(w, below)
			return
		}
		next.ServeHTTP(w, below)
	})
}

// strip takes base off the path, in both its forms, of a request that is the caller's own
// copy; it reports whether it could.
func strip(r *http.Request, base string) bool {
	path, ok := strings.CutPrefix(r.URL.Path, base+"/")
	if !ok {
		return false
	}
	stripped := new(url.URL)
	*stripped = *r.URL
	stripped.Path = "/" + path
	if r.URL.RawPath != "" {
		if path, ok = strings.CutPrefix(r.URL.RawPath, base+"/"); !ok {
			return false // an escaped base: not what any page of ours leads to
		}
		stripped.RawPath = "/" + path
	}
	r.URL = stripped
	return true
}
