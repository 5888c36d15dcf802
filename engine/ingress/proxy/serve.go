package proxy

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/podhop/podhop/engine/ingress/route"
)

// serve answers one request that came in at a port.
func (p *Proxy) serve(number uint16, w http.ResponseWriter, r *http.Request) {
	x := &exchange{port: number, client: socketOf(r)}
	refuse := func(status int, format string, args ...any) {
		p.exchanges.refuse(w, r, x, route.Refusal{Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	port := p.table.Load().Ports[number]
	host := route.Hostname(r.Host)
	switch {
	case port == nil: // closing
		refuse(http.StatusNotFound, "nobody listens here any more")
		return
	case r.Method == http.MethodConnect:
		refuse(http.StatusMethodNotAllowed, "this is no forward proxy")
		return
	case r.URL.Path != "*" && !strings.HasPrefix(r.URL.Path, "/") && r.URL.Path != "":
		refuse(http.StatusBadRequest, "the path does not begin with /")
		return
	}
	listener := port.Listener(host)
	if r.TLS != nil && port.Strict && port.Listener(route.Hostname(r.TLS.ServerName)) != listener {
		// The connection was made to another listener (RFC 9110, 7.4; RFC 9113, 9.1.2).
		refuse(http.StatusMisdirectedRequest, "this connection was made to %s", r.TLS.ServerName)
		return
	}
	if listener == nil {
		refuse(http.StatusNotFound, "no listener is for host %s", host)
		return
	}
	x.path, x.rawPath = route.Clean(r.URL.EscapedPath())
	query, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read matches nothing
	x.rule = listener.Rule(&route.Request{Host: host, Path: x.path, Method: r.Method, Header: r.Header, Query: query})
	if x.rule == nil {
		refuse(http.StatusNotFound, "no rule is for host %s and path %s", orAny(host), x.path)
		return
	}
	p.exchanges.serve(w, r, x)
}

func orAny(host string) string {
	if host == "" {
		return "*"
	}
	return host
}

// A Socket is one end of a TCP connection as its owner sees it.
type Socket struct{ Local, Remote netip.AddrPort }

// socketOf is the proxy's end of the client's connection.
func socketOf(r *http.Request) Socket {
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return Socket{Local: addrPort(local), Remote: plain(remote)}
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return plain(t.AddrPort())
}

// plain is an IPv4 address that a socket for both families gives as one of IPv6.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
