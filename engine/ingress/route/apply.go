package route

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Apply changes header fields.
func (h *Headers) Apply(to http.Header) {
	for _, f := range h.Set {
		to.Set(f.Name, f.Value)
	}
	for _, f := range h.Add {
		to.Add(f.Name, f.Value)
	}
	for _, name := range h.Remove {
		to.Del(name)
	}
}

// Location is where a redirect sends a request that came by scheme to host (as its
// Host header field had it) on port, for a cleaned path.
func (r *Redirect) Location(scheme, host string, port uint16, path string, query string, matched Path) string {
	u := url.URL{Scheme: scheme, Host: Hostname(host), Path: r.Path.Rewritten(path, matched), RawQuery: query}
	wellKnown := map[string]uint16{"http": 80, "https": 443}
	to := r.Port
	if r.Scheme != "" {
		u.Scheme = r.Scheme
		if to == 0 {
			to = wellKnown[r.Scheme]
		}
	}
	if to == 0 {
		to = port
	}
	if r.Host != "" {
		u.Host = r.Host
	}
	if to != wellKnown[u.Scheme] {
		u.Host = net.JoinHostPort(u.Host, strconv.Itoa(int(to)))
	} else if strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	return u.String()
}
