package dns

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/podhop/podhop/internal/nsexec"
)

func namespace(t *testing.T) *nsexec.NetNS {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// ask sends m to the server in ns, over its loopback.
func ask(t *testing.T, ns *nsexec.NetNS, network string, m *dns.Msg) (*dns.Msg, error) {
	t.Helper()
	c, err := ns.DialContext(t.Context(), network, "127.0.0.1:53")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	answer, _, err := (&dns.Client{Timeout: 5 * time.Second}).ExchangeWithConn(m, &dns.Conn{Conn: c, UDPSize: dns.MaxMsgSize})
	return answer, err
}

func TestServer(t *testing.T) {
	ns := namespace(t)
	s, err := Listen(ns, cluster())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	query := func(name string) *dns.Msg { return new(dns.Msg).SetQuestion(name, dns.TypeA) }
	const many = "many.default.svc.cluster.local."
	for _, c := range []struct {
		name, network string
		m             *dns.Msg
		rcode         int
		answers       int // -1: fewer than there are
		truncated, aa bool
	}{
		{"small", "udp", query("kubernetes.default.svc.cluster.local."), dns.RcodeSuccess, 1, false, true},
		{"over TCP", "tcp", query("kubernetes.default.svc.cluster.local."), dns.RcodeSuccess, 1, false, true},
		{"too long", "udp", query(many), dns.RcodeSuccess, -1, true, true},
		{"too long with EDNS", "udp", query(many).SetEdns0(4096, false), dns.RcodeSuccess, -1, true, true},
		{"as long as it is", "tcp", query(many), dns.RcodeSuccess, 200, false, true},
		{"no such name", "udp", query("web.default.svc.cluster.local."), dns.RcodeNameError, 0, false, true},
		{"outside", "udp", query("example.com.").SetEdns0(1232, false), dns.RcodeRefused, 0, false, false},
		{"two questions", "udp", &dns.Msg{Question: append(query("a.").Question, query("b.").Question...)}, dns.RcodeFormatError, 0, false, false},
		{"an update", "udp", new(dns.Msg).SetUpdate("cluster.local."), dns.RcodeNotImplemented, 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := ask(t, ns, c.network, c.m)
			if err != nil {
				t.Fatal(err)
			}
			if a.Rcode != c.rcode || a.Truncated != c.truncated || a.Authoritative != c.aa ||
				c.answers >= 0 && len(a.Answer) != c.answers || c.answers < 0 && (len(a.Answer) == 0 || len(a.Answer) >= 200) {
				t.Errorf("%d answers in\n%s", len(a.Answer), a)
			}
			if c.name == "outside" && !strings.Contains(a.String(), "no way out") {
				t.Errorf("does not say why:\n%s", a)
			}
		})
	}
	t.Run("several on one connection, then bytes that are none", func(t *testing.T) {
		c, err := ns.DialContext(t.Context(), "tcp", "127.0.0.1:53")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn := &dns.Conn{Conn: c}
		for range 3 {
			if _, _, err := new(dns.Client).ExchangeWithConn(query(many), conn); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Write([]byte{0, 3, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("there was an answer")
		}
	})
}

func TestServersFollowWhatIsDesired(t *testing.T) {
	a, b := namespace(t), namespace(t)
	desired := map[string]Namespace{}
	s := NewServers(ServersConfig{Resolver: cluster(), Desired: func() map[string]Namespace { return desired }, Log: slog.New(slog.DiscardHandler)})
	expect := func(inA, inB bool) {
		t.Helper()
		for ns, want := range map[*nsexec.NetNS]bool{a: inA, b: inB} {
			for _, network := range []string{"udp", "tcp"} {
				_, err := ask(t, ns, network, new(dns.Msg).SetQuestion("cluster.local.", dns.TypeSOA))
				if (err == nil) != want {
					t.Errorf("%s: %v, want an answer: %v", network, err, want)
				}
			}
		}
	}
	expect(false, false)
	desired["a"] = a
	s.Sync()
	expect(true, false)
	desired = map[string]Namespace{"a": a, "b": b}
	s.Sync()
	s.Sync()
	expect(true, true)
	s.Stop("a")
	s.Stop("a")
	expect(false, true)
	s.Sync()
	delete(desired, "b")
	s.Sync()
	expect(true, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Sync()
	expect(false, false)
}

func TestStub(t *testing.T) {
	ns := namespace(t)
	s, err := Listen(ns, cluster())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stub := NewStub([]string{"127.0.0.1"}, []string{"default.svc.cluster.local", "svc.cluster.local", "cluster.local"}, []string{"ndots:5"})
	stub.Dial = ns.DialContext
	var asked int
	stub.Asked = func(local, remote netip.AddrPort) {
		if local.Port() != 0 && remote.Port() == 53 {
			asked++
		}
	}
	for _, c := range []struct {
		host, want string
		asked      int
	}{
		{"kubernetes", "10.3.0.1", 1},
		{"kubernetes.default", "10.3.0.1", 2},
		{"kube-dns.kube-system.svc", "10.96.0.10", 3},
		{"near", "10.3.0.1", 1},
		{"web", "127.0.0.1:53 refuses to look up web (REFUSED)", 4},
		{"web.default.svc.cluster.local.", "there is no web.default.svc.cluster.local (NXDOMAIN)", 1},
		{"default.svc.cluster.local.", "has no IPv4 address", 1},
		{"foo.default.svc.cluster.local.", "which is an alias of www.example.com, has no IPv4 address", 1},
		{strings.Repeat("x", 64), "not a host name", 0},
	} {
		asked = 0
		ip, err := stub.Lookup(t.Context(), c.host)
		got := ip.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || asked != c.asked {
			t.Errorf("%s: %s after %d questions, want %s after %d", c.host, got, asked, c.want, c.asked)
		}
	}
	t.Run("with IPv6", func(t *testing.T) {
		six := stub
		six.Six = true
		for host, want := range map[string]string{
			"kubernetes": "10.3.0.1", "dual": "10.3.0.3", "six": "2001:db8::6", "my-pet.headless": "10.3.0.100",
			"nobody.default.svc.cluster.local.": "there is no nobody", "default.svc.cluster.local.": "has no address (NOERROR",
		} {
			ip, err := six.Lookup(t.Context(), host)
			if got := fmt.Sprint(ip, err); !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s", host, got, want)
			}
		}
		if _, err := stub.Lookup(t.Context(), "six.default.svc.cluster.local."); err == nil || !strings.Contains(err.Error(), "six.default.svc.cluster.local has no IPv4 address") {
			t.Error("without IPv6:", err)
		}
		six.Servers = []netip.AddrPort{netip.MustParseAddrPort("[::1]:53")}
		if ip, err := six.Lookup(t.Context(), "six"); err != nil || ip.String() != "2001:db8::6" {
			t.Errorf("over IPv6: %s, %v", ip, err)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		if ip, err := stub.Lookup(t.Context(), "many"); err != nil || !strings.HasPrefix(ip.String(), "10.4.0.") {
			t.Error(ip, err)
		}
	})
	s.Close()
	t.Run("nobody listens", func(t *testing.T) {
		if _, err := stub.Lookup(t.Context(), "kubernetes"); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		silent, err := ns.ListenPacket("udp", "127.0.0.1:53")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := stub.Lookup(ctx, "kubernetes"); err == nil || !strings.Contains(err.Error(), "no answer from 127.0.0.1:53") {
			t.Error(err)
		}
	})
}
