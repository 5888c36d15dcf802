package trace

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// routeAge is how long a route is taken to be as it was.
	routeAge = time.Second
	// maxRoutes bounds how many are known: a scan asks for many addresses.
	maxRoutes = 1024
)

// routes remembers for a moment what the kernel said of its routes.
type routes struct {
	ask func(source string, to netip.Addr, device string) string

	mu    sync.Mutex
	known map[routeKey]string
	since time.Time
}

type routeKey struct {
	source, device string
	to             netip.Addr
}

// get is the route; empty if there is none that is known.
func (r *routes) get(source string, to netip.Addr, device string) string {
	if r.ask == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.since) > routeAge || len(r.known) >= maxRoutes {
		r.known, r.since = map[routeKey]string{}, now
	}
	k := routeKey{source, device, to}
	text, ok := r.known[k]
	if !ok {
		text = r.ask(source, to, device)
		r.known[k] = text
	}
	return text
}

// forget asks anew from now on.
func (r *routes) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
	r.since = time.Time{}
}
