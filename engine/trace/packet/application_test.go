package packet

import (
	"context"
	stdtls "crypto/tls"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestDNS(t *testing.T) {
	name := dnsmessage.MustNewName("web.default.svc.cluster.local.")
	message := func(h dnsmessage.Header, q dnsmessage.Type, bodies ...dnsmessage.ResourceBody) []byte {
		m := dnsmessage.Message{Header: h, Questions: []dnsmessage.Question{{Name: name, Type: q, Class: dnsmessage.ClassINET}}}
		for _, b := range bodies {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: b})
		}
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a := func(last byte) dnsmessage.ResourceBody { return &dnsmessage.AResource{A: [4]byte{10, 96, 0, last}} }
	response := dnsmessage.Header{Response: true}
	for _, c := range []struct {
		message []byte
		want    string
	}{
		{message(dnsmessage.Header{}, dnsmessage.TypeA), "DNS A? web.default.svc.cluster.local"},
		{message(response, dnsmessage.TypeA, a(1)), "DNS A? web.default.svc.cluster.local 10.96.0.1"},
		{message(response, dnsmessage.TypeA, a(1), a(2), a(3), a(4), a(5)), "DNS A? web.default.svc.cluster.local 10.96.0.1, 10.96.0.2, 10.96.0.3, 2 more"},
		{message(response, dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: [16]byte{0xfd, 15: 7}}), "DNS AAAA? web.default.svc.cluster.local fd00::7"},
		{message(response, dnsmessage.TypeAAAA), "DNS AAAA? web.default.svc.cluster.local no record of this type"},
		{message(response, dnsmessage.TypeSRV, &dnsmessage.SRVResource{Port: 80, Target: name}), "DNS SRV? web.default.svc.cluster.local web.default.svc.cluster.local:80"},
		{message(response, dnsmessage.TypeA, &dnsmessage.CNAMEResource{CNAME: name}, a(9)), "DNS A? web.default.svc.cluster.local is web.default.svc.cluster.local, 10.96.0.9"},
		{message(dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeNameError}, dnsmessage.TypeA), "DNS A? web.default.svc.cluster.local no such name"},
		{message(dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeRefused}, dnsmessage.TypeA), "DNS A? web.default.svc.cluster.local refused"},
		{message(dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeServerFailure}, dnsmessage.TypeA), "DNS A? web.default.svc.cluster.local server failure"},
	} {
		if got := dns(c.message); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		for n := range c.message {
			dns(c.message[:n]) // must not fail
		}
	}
	// What was cut off is counted.
	whole := message(response, dnsmessage.TypeA, a(1), a(2))
	if got := dns(whole[:len(whole)-1]); got != "DNS A? web.default.svc.cluster.local 10.96.0.1, 1 more" {
		t.Error(got)
	}
}

// hello is the first segment of a client of TLS.
func hello(t testing.TB, c *stdtls.Config) []byte {
	client, server := net.Pipe()
	defer server.Close()
	go func() { _ = stdtls.Client(client, c).HandshakeContext(context.Background()) }()
	b := make([]byte, 4096)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestTLS(t *testing.T) {
	named := hello(t, &stdtls.Config{ServerName: "shop.example.com"})
	for _, c := range []struct {
		segment []byte
		want    string
	}{
		{named, "TLS client hello to shop.example.com"},
		{named[:200], "TLS client hello to shop.example.com"}, // about what is captured of it
		{named[:60], "TLS client hello"},
		{hello(t, &stdtls.Config{InsecureSkipVerify: true}), "TLS client hello"},
		{[]byte{22, 3, 3, 0, 80, 2, 0, 0, 76}, "TLS server hello"},
		{[]byte{22, 3, 3, 0, 80, 11, 0, 0, 76}, "TLS handshake"},
		{[]byte{23, 3, 3, 0, 80, 1}, "TLS data"},
		{[]byte{21, 3, 3, 0, 2, 2}, "TLS alert"},
		{[]byte("\x16\x05\x01\x00\x00\x01"), ""},
		{[]byte("hello, world"), ""},
		{nil, ""},
	} {
		if got := tls(c.segment); got != c.want {
			t.Errorf("%.12x: got %q, want %q", c.segment, got, c.want)
		}
	}
	for n := range named {
		if got := tls(named[:n]); got != "" && !strings.HasPrefix("TLS client hello to shop.example.com", got) {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}
