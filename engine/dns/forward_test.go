package dns

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestForward asks a server for names within and outside of the cluster, with a
// resolver outside that knows two names.
func TestForward(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outside := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		a := new(dns.Msg).SetRcode(m, dns.RcodeNameError)
		if name := m.Question[0].Name; name == "example.com." || name == "www.example.com." {
			a.Rcode = dns.RcodeSuccess
			a.Answer = []dns.RR{&dns.A{Hdr: header(name, dns.TypeA), A: net.IPv4(192, 0, 2, 7)}}
		}
		w.WriteMsg(a)
	})}
	go outside.ActivateAndServe()
	t.Cleanup(func() { outside.Shutdown() })
	r := cluster()
	for _, c := range []struct {
		name    string
		address string
		rcode   int
		answers int
	}{
		{"example.com.", l.Addr().String(), dns.RcodeSuccess, 1},
		{"nobody.example.", l.Addr().String(), dns.RcodeNameError, 0},
		{"kubernetes.default.svc.cluster.local.", l.Addr().String(), dns.RcodeSuccess, 1},
		{"example.com.", "", dns.RcodeServerFailure, 0},
		{"foo.default.svc.cluster.local.", l.Addr().String(), dns.RcodeSuccess, 2},
		{"lost.default.svc.cluster.local.", l.Addr().String(), dns.RcodeNameError, 1},
		{"foo.default.svc.cluster.local.", "", dns.RcodeServerFailure, 1},
	} {
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "" {
				return nil, errors.New("nobody there")
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		r.Forward = Forward(dial, c.address)
		for _, network := range []string{"udp", "tcp"} {
			ns := namespace(t)
			s, err := Listen(ns, r)
			if err != nil {
				t.Fatal(err)
			}
			m := new(dns.Msg).SetQuestion(c.name, dns.TypeA)
			a, err := ask(t, ns, network, m)
			s.Close()
			if err != nil {
				t.Fatal(err)
			}
			if a.Id != m.Id || a.Rcode != c.rcode || len(a.Answer) != c.answers || a.Question[0] != m.Question[0] {
				t.Errorf("%s over %s: %v", c.name, network, a)
			}
			if alias, ok := a.Answer, strings.HasPrefix(c.name, "foo."); ok && alias[0].Header().Rrtype != dns.TypeCNAME {
				t.Errorf("%s over %s: the alias does not come first: %v", c.name, network, a)
			}
			if foreign := !strings.HasSuffix(c.name, ".cluster.local."); a.Authoritative == foreign {
				t.Errorf("%s over %s: authoritative %t", c.name, network, a.Authoritative)
			}
		}
	}
}
