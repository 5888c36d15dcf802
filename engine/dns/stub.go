package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// attempt is how long one question may stay without an answer. C libraries wait for
// 5 s; that is as long as a whole request may take here.
const attempt = 2 * time.Second

// ErrLookup is wrapped by what a Stub complains of.
var ErrLookup = errors.New("cannot look up")

// A Stub looks names up as the C library of a pod does, by its resolv.conf(5).
type Stub struct {
	Servers []netip.AddrPort
	Search  []string
	// Ndots is how many dots make a name that is tried as it stands first.
	Ndots int
	// Six says that the asker has an address of IPv6: it asks for such ones, too.
	Six bool
	// Dial opens a socket in the asker's network namespace.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Asked, if set, is told of each socket that a question left by.
	Asked func(local, remote netip.AddrPort)
}

// NewStub makes a Stub of what a resolv.conf holds.
func NewStub(servers, search, options []string) Stub {
	s := Stub{Search: search, Ndots: 1}
	for _, server := range servers {
		if ip, err := netip.ParseAddr(server); err == nil {
			s.Servers = append(s.Servers, netip.AddrPortFrom(ip, 53))
		}
	}
	for _, o := range options {
		if value, ok := strings.CutPrefix(o, "ndots:"); ok {
			if n, err := strconv.Atoi(value); err == nil {
				s.Ndots = min(max(n, 0), 15)
			}
		}
	}
	return s
}

// candidates are the names that are asked for, in turn.
func (s Stub) candidates(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var all []string
	for _, domain := range s.Search {
		all = append(all, dns.Fqdn(host+"."+strings.TrimSuffix(domain, ".")))
	}
	if strings.Count(host, ".") >= s.Ndots {
		return append([]string{dns.Fqdn(host)}, all...)
	}
	return append(all, dns.Fqdn(host))
}

// Lookup returns the first address of host: of IPv4, as the C library prefers it to
// IPv6's unique local addresses (RFC 6724, 2.1), else of IPv6. Its errors are for
// the learner.
func (s Stub) Lookup(ctx context.Context, host string) (netip.Addr, error) {
	if len(s.Servers) == 0 {
		return netip.Addr{}, fmt.Errorf("%w %s: the pod's /etc/resolv.conf names no server", ErrLookup, host)
	}
	var why error
	for _, name := range s.candidates(host) {
		if _, ok := dns.IsDomainName(name); !ok {
			return netip.Addr{}, fmt.Errorf("%w %s: not a host name", ErrLookup, host)
		}
		answers, server, err := s.ask(ctx, name)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%w %s: %w", ErrLookup, host, err)
		}
		for _, answer := range answers {
			for _, rr := range answer.Answer {
				if ip := address(rr); ip.IsValid() {
					return ip, nil
				}
			}
		}
		why = s.reason(answers[0], server)
	}
	return netip.Addr{}, fmt.Errorf("%w %s: %w", ErrLookup, host, why)
}

// address is the zero Addr where a record has none.
func address(rr dns.RR) (ip netip.Addr) {
	switch r := rr.(type) {
	case *dns.A:
		ip, _ = netip.AddrFromSlice(r.A.To4())
	case *dns.AAAA:
		ip, _ = netip.AddrFromSlice(r.AAAA)
	}
	return ip
}

// reason says what an answer without an address means.
func (s Stub) reason(m *dns.Msg, server netip.AddrPort) error {
	name := strings.TrimSuffix(m.Question[0].Name, ".")
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			name = fmt.Sprintf("%s, which is an alias of %s,", name, strings.TrimSuffix(c.Target, "."))
		}
	}
	switch m.Rcode {
	case dns.RcodeSuccess:
		kind := "IPv4 address"
		if s.Six {
			kind = "address"
		}
		return fmt.Errorf("%s says that %s has no %s (NOERROR, no answer)", server, name, kind)
	case dns.RcodeNameError:
		return fmt.Errorf("%s says that there is no %s (NXDOMAIN)", server, name)
	case dns.RcodeRefused:
		return fmt.Errorf("%s refuses to look up %s (REFUSED): it is no name of this cluster, and there is no way out of it", server, name)
	}
	return fmt.Errorf("%s answers %s to %s", server, dns.RcodeToString[m.Rcode], name)
}

// ask asks one server after the other until one answers.
func (s Stub) ask(ctx context.Context, name string) (answers []*dns.Msg, server netip.AddrPort, err error) {
	for _, server = range s.Servers {
		answers, err = s.exchange(ctx, "udp", server, name)
		if err == nil && slices.ContainsFunc(answers, func(m *dns.Msg) bool { return m.Truncated }) {
			answers, err = s.exchange(ctx, "tcp", server, name)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return answers, server, err
}

// exchange asks for each kind of address, by one socket, as the C library does.
func (s Stub) exchange(ctx context.Context, network string, server netip.AddrPort, name string) (answers []*dns.Msg, err error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	conn, err := s.Dial(ctx, network, server.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	defer conn.Close()
	if local, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil && s.Asked != nil && network == "udp" {
		s.Asked(local, server)
	}
	types := []uint16{dns.TypeA}
	if s.Six {
		types = append(types, dns.TypeAAAA)
	}
	for _, t := range types {
		q := new(dns.Msg).SetQuestion(name, t)
		m, _, err := new(dns.Client).ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fmt.Errorf("no answer from %s within %s", server, attempt)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", server, err)
		}
		answers = append(answers, m)
	}
	return answers, nil
}
