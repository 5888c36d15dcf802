package people

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Address is where a request comes from: who connected, or if that is a trusted proxy, whom it
// says it asks for, as far back as those who say so are trusted. It is invalid if nobody knows.
func (p *People) Address(r *http.Request) netip.Addr {
	at := peer(r)
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0 && p.proxy(at); i-- {
		before, ok := parseAddress(strings.TrimSpace(said[i]))
		if !ok {
			break // what a proxy does not know (RFC 7239's "unknown"), it asks for itself
		}
		at = before
	}
	return at
}

// Unbelieved reports whether a request says that it is asked for somebody else, by whom
// nobody told us to believe: a proxy that --trusted-proxies lacks, or a liar.
func (p *People) Unbelieved(r *http.Request) bool {
	return r.Header.Get("X-Forwarded-For") != "" && !p.proxy(peer(r))
}

func (p *People) proxy(at netip.Addr) bool {
	for _, prefix := range p.cfg.Proxies {
		if prefix.Contains(at) {
			return true
		}
	}
	return false
}

// peer is who connected.
func peer(r *http.Request) netip.Addr {
	at, _ := parseAddress(r.RemoteAddr)
	return at
}

// parseAddress understands addresses with and without a port, as proxies write them.
func parseAddress(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	at, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return at.Unmap().WithZone(""), err == nil
}

// ParseProxies understands a comma-separated list of addresses and prefixes.
func ParseProxies(list string) (all []netip.Prefix, err error) {
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			at, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q: must be an address or a prefix, as 10.0.0.0/8", text)
			}
			prefix = netip.PrefixFrom(at, at.BitLen())
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}
