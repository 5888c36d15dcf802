// Package traffic sends the requests that a learner asks for, as an ordinary
// program in the sender's network namespace would: real sockets, no shortcuts.
//
// It must not know of Kubernetes, of sessions, or of how the packets are traced.
package traffic

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ErrTarget is wrapped by every complaint about what was asked for.
var ErrTarget = errors.New("bad target")

// A Target is what a request goes to: a URL, or a bare host and port.
type Target struct {
	URL  *url.URL // nil for a bare TCP connection
	Host string
	Port uint16
}

// ParseTarget reads a URL (http or https) or host:port.
func ParseTarget(s string) (Target, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Target{}, fmt.Errorf("%w: say where to: a URL such as http://10.96.0.1 or host:port", ErrTarget)
	}
	if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
		s = "[" + s + "]"
	}
	if !strings.Contains(s, "://") {
		// http's own port and paths are what somebody who leaves the scheme off means.
		if host, port, err := net.SplitHostPort(s); err == nil {
			return hostPort(host, port)
		}
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return Target{}, fmt.Errorf("%w: scheme %q: use http, https or host:port", ErrTarget, u.Scheme)
	}
	if u.Hostname() == "" {
		return Target{}, fmt.Errorf("%w: %q names no host", ErrTarget, s)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t, err := hostPort(u.Hostname(), port)
	t.URL = u
	return t, err
}

func hostPort(host, port string) (Target, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Target{}, fmt.Errorf("%w: port %q: must be between 1 and 65535", ErrTarget, port)
	}
	if host == "" {
		return Target{}, fmt.Errorf("%w: :%s names no host", ErrTarget, port)
	}
	return Target{Host: host, Port: uint16(n)}, nil
}

// Addr returns the target's address where the host is one already.
func (t Target) Addr() (netip.Addr, bool) {
	a, err := netip.ParseAddr(t.Host)
	return a.Unmap(), err == nil
}

func (t Target) String() string {
	if t.URL != nil {
		return t.URL.String()
	}
	return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
}
