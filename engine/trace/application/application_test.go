package application

import (
	"bytes"
	"context"
	stdtls "crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/podhop/podhop/engine/trace/packet"
)

// A side is one end of a TCP connection.
type side struct {
	reply bool
	port  uint16
	seq   uint32
}

// says is the packet of the side's next segment, of which so much was captured; all if 0.
func (s *side) says(text string, captured int) *packet.Packet {
	client, server := netip.MustParseAddrPort("10.244.1.2:4000"), netip.AddrPortFrom(netip.MustParseAddr("10.244.2.2"), s.port)
	p := &packet.Packet{Version: 4, Protocol: packet.TCP, Flags: packet.ACK, Source: client, Destination: server, Seq: s.seq, PayloadLength: len(text), Payload: []byte(text)}
	if s.reply {
		p.Source, p.Destination = server, client
	}
	if captured > 0 {
		p.Payload = p.Payload[:captured]
	}
	s.seq += uint32(len(text))
	return p
}

// A line is "> text", said by the client, or "< text", by the server; "> 20:text" if
// only 20 bytes of it were captured, "> -:text" if none were seen at all.
func talk(r *Reader, port uint16, lines ...string) string {
	client, server := &side{false, port, 100}, &side{true, port, 900}
	var told strings.Builder
	for _, l := range lines {
		s := client
		if l[0] == '<' {
			s = server
		}
		text, captured := l[2:], 0
		if n, rest, ok := strings.Cut(text, ":"); ok && n == "-" {
			s.seq += uint32(len(rest))
			continue
		} else if size, err := strconv.Atoi(n); ok && err == nil {
			captured, text = size, rest
		}
		for _, m := range r.Read("c1", s.reply, s.says(text, captured)) {
			fmt.Fprintf(&told, "%c %s %s", l[0], m.Protocol, m.Text)
			if m.About != "" {
				fmt.Fprintf(&told, " (%s)", m.About)
			}
			if m.Answer != s.reply {
				told.WriteString(" THE WRONG WAY")
			}
			told.WriteByte('\n')
		}
	}
	return told.String()
}

func TestHTTP(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"one", []string{"> GET /a HTTP/1.1\r\nHost: web\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, "> HTTP GET /a\n< HTTP 200 OK\n"},
		{"a head in pieces", []string{"> GE", "> T /lo", "> ng HTT", "> P/1.1\r", "> \nHost: web\r\n\r\n", "< HTTP/1.1 20", "< 4 No Content\r\n\r\n"}, "> HTTP GET /long\n< HTTP 204 No Content\n"},
		{"pipelined", []string{"> GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c", ">  HTTP/1.1\r\n\r\n",
			"< HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "< HTTP/1.1 500 No\r\n\r\n"},
			"> HTTP GET /a\n> HTTP GET /b\n> HTTP GET /c\n< HTTP 200 OK\n< HTTP 404 Not Found\n< HTTP 500 No\n"},
		{"a body that looks like a request", []string{"> POST /a HTTP/1.1\r\nContent-Length: 40\r\n\r\n", "> GET /not HTTP/1.1\r\nHost: web\r\n\r\n12345678", "> GET /b HTTP/1.1\r\n\r\n"},
			"> HTTP POST /a\n> HTTP GET /b\n"},
		{"an answer to HEAD has no body", []string{"> HEAD / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 404 Not Found\r\n\r\n"},
			"> HTTP HEAD /\n< HTTP 200 OK\n> HTTP GET /\n< HTTP 404 Not Found\n"},
		{"chunks", []string{"> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "< 0\r\n\r\n", "< HTTP/1.1 404 Not Found\r\n\r\n"},
			"> HTTP GET /\n< HTTP 200 OK\n< HTTP 404 Not Found\n"},
		{"cut by the capture", []string{"> 20:GET /a HTTP/1.1\r\nHost: web\r\n\r\n", "> 10:GET /long/path/to HTTP/1.1\r\n\r\n", "> GET /c HTTP/1.1\r\n\r\n"}, "> HTTP GET /a\n> HTTP GET /long/…\n> HTTP GET /c\n"},
		{"a body that was not captured", []string{"> POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n", "> -:ten bytes.", "> ten bytes.", "> 3:ten bytes.", "> PUT /b HTTP/1.1\r\n\r\n"}, "> HTTP POST /\n> HTTP PUT /b\n"},
		{"a gap in a head", []string{"> GET /a HT", "> -:TP/1.1\r\n\r\n", "> GET /b HTTP/1.1\r\n\r\n"}, "> HTTP GET /b\n"},
		{"seen from the middle on", []string{"> e: nothing\r\n\r\n", "> GET /b HTTP/1.1\r\n\r\n"}, "> HTTP GET /b\n"},
		{"an upgrade", []string{"> GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "< HTTP/1.1 101 Switching Protocols\r\n\r\n", "> GET /frames HTTP/1.1\r\n\r\n"}, "> HTTP GET /chat\n< HTTP 101 Switching Protocols\n"},
		{"interim answers", []string{"> POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "< HTTP/1.1 100 Continue\r\n\r\n", "> x", "< HTTP/1.1 200 OK\r\n\r\n"}, "> HTTP POST /\n< HTTP 100 Continue\n< HTTP 200 OK\n"},
		{"not HTTP", []string{"> SSH-2.0-x\r\n", "< GETTING there\r\n", "> GET out of here\r\n"}, ""},
		{"control characters", []string{"> GET /\x1b[2J HTTP/1.1\r\n\r\n"}, "> HTTP GET /.[2J\n"},
	} {
		if got := talk(NewReader(), 80, test.lines...); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
}

// What is sent again says nothing new, and a new connection begins anew.
func TestAgain(t *testing.T) {
	r := NewReader()
	c := &side{false, 80, 100}
	first := c.says("GET /a HTTP/1.1\r\n\r\n", 0)
	overlap := c.says("GET /b HTTP/1.1\r\n\r\n", 0)
	overlap.Seq -= 6
	overlap.Payload, overlap.PayloadLength = append([]byte("1\r\n\r\n\n"), overlap.Payload...), overlap.PayloadLength+6
	for i, p := range []*packet.Packet{first, first, overlap, first} {
		want := i == 0 || i == 2
		if got := r.Read("c1", false, p); (len(got) == 1) != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	syn := &packet.Packet{Version: 4, Protocol: packet.TCP, Flags: packet.SYN, Seq: 99}
	if got := r.Read("c1", false, syn); got != nil || len(r.Read("c1", false, first)) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDNS(t *testing.T) {
	message := func(h dnsmessage.Header, answers ...[4]byte) string {
		name := dnsmessage.MustNewName("web.default.svc.cluster.local.")
		b := dnsmessage.NewBuilder(nil, h)
		b.EnableCompression()
		b.StartQuestions()
		b.Question(dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET})
		b.StartAnswers()
		for _, a := range answers {
			b.AResource(dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, dnsmessage.AResource{A: a})
		}
		b.StartAdditionals()
		var edns dnsmessage.ResourceHeader
		edns.SetEDNS0(1232, dnsmessage.RCodeSuccess, false)
		b.OPTResource(edns, dnsmessage.OPTResource{})
		m, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return string(m)
	}
	framed := func(m string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(m)))) + m }
	question, answer := message(dnsmessage.Header{ID: 7}), message(dnsmessage.Header{ID: 7, Response: true}, [4]byte{10, 96, 3, 4})
	const asked, told = "> DNS A web.default.svc.cluster.local\n", "< DNS 10.96.3.4 (A web.default.svc.cluster.local)\n"
	q, a := framed(question), framed(answer)
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"> " + q, "< " + a}, asked + told},
		{[]string{"> " + q[:1], "> " + q[1:20], "> " + q[20:] + q, "< " + a[:30], "< " + a[30:]}, asked + asked + told},
		{[]string{"> 50:" + q, "> " + q}, asked + asked}, // the second begins where the first ended
	} {
		if got := talk(NewReader(), 53, test.lines...); got != test.want {
			t.Errorf("got\n%swant\n%s", got, test.want)
		}
	}
	p := &packet.Packet{Version: 4, Protocol: packet.UDP, Source: netip.MustParseAddrPort("10.96.0.10:53"), Payload: []byte(message(dnsmessage.Header{Response: true, Truncated: true}))}
	got := NewReader().Read("c1", true, p)
	if len(got) != 1 || got[0].Text != "truncated: to be asked again over TCP" || got[0].Summary != "DNS A? web.default.svc.cluster.local truncated: to be asked again over TCP" {
		t.Errorf("%+v", got)
	}
}

func TestHTTP2(t *testing.T) {
	var client, server bytes.Buffer
	c, s := http2.NewFramer(&client, nil), http2.NewFramer(&server, nil)
	var block bytes.Buffer
	fields := func(e *hpack.Encoder, all ...string) []byte {
		block.Reset()
		for i := 0; i < len(all); i += 2 {
			e.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
		}
		return bytes.Clone(block.Bytes())
	}
	ce, se := hpack.NewEncoder(&block), hpack.NewEncoder(&block)
	client.WriteString(http2.ClientPreface)
	c.WriteSettings()
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: fields(ce, ":method", "POST", ":path", "/shop.Cart/Add", ":scheme", "http", "x-trace", "abc")})
	c.WriteData(1, true, make([]byte, 100))
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, PadLength: 5, BlockFragment: fields(ce, ":method", "POST", ":path", "/shop.Cart/Add", ":scheme", "http", "x-trace", "abc")})
	s.WriteSettings()
	s.WriteSettingsAck()
	s.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, BlockFragment: fields(se, ":status", "404")})
	s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: fields(se, ":status", "200")})
	s.WriteData(1, false, make([]byte, 30))
	s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: fields(se, "grpc-status", "0")})
	const want = "> HTTP/2 connection preface\n> HTTP/2 POST /shop.Cart/Add\n> HTTP/2 POST /shop.Cart/Add\n< HTTP/2 404 (POST /shop.Cart/Add)\n< HTTP/2 200 (POST /shop.Cart/Add)\n"
	for _, size := range []int{1, 7, 50, 4000} {
		var lines []string
		for _, side := range []struct{ who, all string }{{"> ", client.String()}, {"< ", server.String()}} {
			for all := side.all; len(all) > 0; all = all[min(size, len(all)):] {
				lines = append(lines, side.who+all[:min(size, len(all))])
			}
		}
		if got := talk(NewReader(), 8080, lines...); got != want {
			t.Errorf("in segments of %d: got\n%swant\n%s", size, got, want)
		}
	}
	if got := talk(NewReader(), 8080, "> "+client.String(), "< HTTP/1.1 400 Bad Request\r\n\r\n"); !strings.HasSuffix(got, "< HTTP 400 Bad Request\n") {
		t.Error(got)
	}
	// What follows a gap cannot be read, and is not guessed.
	all := client.String()
	if got := talk(NewReader(), 8080, "> "+all[:60], "> -:"+all[60:70], "> "+all[70:]); got != "> HTTP/2 connection preface\n" {
		t.Error(got)
	}
}

func TestTLS(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		c := &stdtls.Config{ServerName: "shop.example.com", NextProtos: []string{"h2", "http/1.1"}}
		_ = stdtls.Client(client, c).HandshakeContext(context.Background())
	}()
	b := make([]byte, 8192)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	hello := string(b[:n])
	const want = "> TLS hello to shop.example.com, for h2 or http/1.1, TLS 1.3\n"
	if got := talk(NewReader(), 443, "> "+hello); got != want {
		t.Error(got)
	}
	if got := talk(NewReader(), 443, "> "+hello[:2], "> "+hello[2:100], "> "+hello[100:], "> "+hello); got != want {
		t.Error(got)
	}
	if got := talk(NewReader(), 443, "> 200:"+hello); got != "> TLS hello to shop.example.com\n" && got != "> TLS hello to shop.example.com, for h2 or http/1.1\n" {
		t.Error(got)
	}
}

// However many connections there are, and however long their heads, memory is bounded.
func TestBounds(t *testing.T) {
	r := NewReader()
	for i := range 3 * maxConnections {
		s := &side{false, 80, 1}
		for range 3 {
			r.Read(fmt.Sprint("c", i), false, s.says("GET /"+strings.Repeat("long", 400), 0))
		}
	}
	if len(r.byID) != maxConnections || len(r.inOrder) != maxConnections {
		t.Errorf("%d connections", len(r.byID))
	}
	for _, c := range r.byID {
		if len(c.opening.buffer) > maxBuffer {
			t.Fatalf("%d bytes are kept", len(c.opening.buffer))
		}
	}
}

// FuzzRead takes any segments of any conversation, both ways, with gaps and cuts. What
// it tells must be text, and not more than its bounds.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\x00\x00GET /a HTTP/1.1\r\n\r\n"), uint16(80))
	f.Add([]byte("\x40\x00\x00HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), uint16(80))
	f.Add([]byte("\x20\x00\x00PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), uint16(80))
	f.Add([]byte("\x00\x00\x00\x00\x1d\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x07default\x00\x00\x01\x00\x01"), uint16(53))
	f.Add([]byte("\x00\x00\x00\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03"), uint16(443))
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		r := NewReader()
		client, server := &side{false, port, 1}, &side{true, port, 1}
		for n := 0; len(b) > 3 && n < 256; n++ {
			size, s := min(1+int(b[0]&0x3f), len(b)-3), client
			if b[0]&0x40 != 0 {
				s = server
			}
			text := strings.Repeat(string(b[3:3+size]), 1+int(b[2]>>5))
			captured := 0
			switch {
			case b[0]&0x80 != 0:
				captured = min(1+int(b[1]), len(text))
			case b[1] == 1:
				s.seq += uint32(b[2]) // a gap
			case b[1] == 2:
				s.seq -= uint32(b[2]) // sent again
			}
			p := s.says(text, captured)
			all := r.Read("c", s.reply, p)
			if len(all) > maxMessages {
				t.Fatalf("%d messages of one packet", len(all))
			}
			for _, m := range all {
				if m.Text == "" || m.Protocol == "" || m.Summary == "" || strings.ContainsFunc(m.Text+m.About+m.Summary, func(r rune) bool { return r < ' ' || r == 0x7f }) {
					t.Fatalf("%+q", fmt.Sprint(m))
				}
			}
			for _, c := range r.byID {
				if len(c.opening.buffer) > maxBuffer || len(c.answering.buffer) > maxBuffer || len(c.waiting) > maxWaiting || len(c.asked) > maxAsked {
					t.Fatalf("%d and %d bytes are kept, %d and %d requests", len(c.opening.buffer), len(c.answering.buffer), len(c.waiting), len(c.asked))
				}
			}
			b = b[3+size:]
		}
	})
}
