package packet

import (
	"bytes"
	"fmt"
	"strings"
)

// ProtocolName is the IP protocol's name as people write it.
func ProtocolName(n uint8) string {
	switch n {
	case ICMP:
		return "ICMP"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case ICMPv6:
		return "ICMPv6"
	case SCTP:
		return "SCTP"
	case 2:
		return "IGMP"
	}
	return fmt.Sprintf("IP protocol %d", n)
}

// ProtocolName is that of the packet's protocol.
func (p *Packet) ProtocolName() string {
	if p.Protocol == ARP && p.Version == 0 {
		return "ARP"
	}
	return ProtocolName(p.Protocol)
}

// FlagNames is the names of TCP's flags, SYN, FIN and RST first: "SYN ACK".
func (p *Packet) FlagNames() string {
	if p.Protocol != TCP || p.Fragment {
		return ""
	}
	var s []string
	for _, f := range [...]struct {
		bit  uint8
		name string
	}{{SYN, "SYN"}, {FIN, "FIN"}, {RST, "RST"}, {PSH, "PSH"}, {ACK, "ACK"}, {URG, "URG"}} {
		if p.Flags&f.bit != 0 {
			s = append(s, f.name)
		}
	}
	return strings.Join(s, " ")
}

// Summary says what the packet is, from what was captured of it: "SYN ACK",
// "GET /", "200 OK", "DNS A? web.default.svc.cluster.local 10.96.41.7", "TLS client hello to
// shop.example.com", "Echo request 1".
func (p *Packet) Summary() string {
	switch {
	case p.Fragment || p.More:
		return p.fragment()
	case p.Neighbor != nil:
		return p.Neighbor.summary()
	case p.Protocol == TCP:
		if s := httpLine(p.Payload); s != "" {
			return s
		}
		if s := tls(p.Payload); s != "" {
			return s
		}
		if bytes.HasPrefix(p.Payload, []byte(HTTP2Preface)) {
			return "HTTP/2 preface"
		}
		if p.PayloadLength > 0 {
			if p.Flags&FIN != 0 {
				return fmt.Sprintf("FIN, %d bytes", p.PayloadLength)
			}
			return fmt.Sprintf("%d bytes", p.PayloadLength)
		}
		return p.FlagNames()
	case p.Protocol == UDP:
		if p.Source.Port() == 53 || p.Destination.Port() == 53 {
			if s := dns(p.Payload); s != "" {
				return s
			}
		}
		return fmt.Sprintf("%d bytes", p.PayloadLength)
	case p.Protocol == SCTP:
		return p.sctpSummary()
	case p.Protocol == ICMP:
		return p.icmpSummary()
	case p.Protocol == ICMPv6:
		return p.icmp6Summary()
	}
	return p.ProtocolName()
}

// fragment says which part of what was cut up it is: "Fragment 2 of 3, from byte 1480".
func (p *Packet) fragment() string {
	which := "Fragment"
	switch {
	case p.Parts > 0:
		which = fmt.Sprintf("Fragment %d of %d", p.Part, p.Parts)
	case !p.Fragment:
		which = "First fragment"
	}
	if p.Fragment {
		return fmt.Sprintf("%s, from byte %d", which, p.Offset)
	}
	whole := *p
	whole.More = false
	if p.Protocol == UDP && p.whole > 0 {
		whole.PayloadLength = p.whole
	}
	return whole.Summary() + ", " + strings.ToLower(which[:1]) + which[1:]
}

// httpLine is "GET /path" of a request's first line, "200 OK" of an answer's.
func httpLine(b []byte) string {
	line, _, whole := bytes.Cut(b, []byte("\r\n"))
	text, _, ok := HTTPLine(line, whole)
	if !ok {
		return ""
	}
	return text
}

// HTTP2Preface begins what a client of HTTP/2 says (RFC 9113, 3.4), whose rest is
// binary and needs all that was said before.
const HTTP2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// HTTPLine reads the first line of an HTTP/1 message (RFC 9112, 3 and 4) without its
// end: "GET /path", "200 OK". whole says that there is no more of it.
func HTTPLine(line []byte, whole bool) (text string, response, ok bool) {
	if rest, is := bytes.CutPrefix(line, []byte("HTTP/1.")); is && len(rest) > 2 && rest[1] == ' ' {
		return printable(rest[2:]), true, true
	}
	method, rest, is := bytes.Cut(line, []byte(" "))
	if !is || len(rest) == 0 || !isMethod(string(method)) {
		return "", false, false
	}
	path, version, is := bytes.Cut(rest, []byte(" "))
	if is && !bytes.HasPrefix(version, []byte("HTTP/1.")) && (whole || !bytes.HasPrefix([]byte("HTTP/1."), version)) || !is && whole {
		return "", false, false
	}
	return printable(line[:len(method)+1+len(path)]), false, true
}

func isMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE":
		return true
	}
	return false
}

// Printable is a captured text with nothing but text in it, for a screen.
func Printable(s string) string { return printable([]byte(s)) }

// printable keeps a captured line from carrying anything but text to a screen.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '.'
		}
		return r
	}, string(b))
}

func (p *Packet) icmpSummary() string {
	switch p.Type {
	case EchoRequest:
		return fmt.Sprintf("Echo request %d", p.Sequence)
	case EchoReply:
		return fmt.Sprintf("Echo reply %d", p.Sequence)
	case Unreachable:
		switch p.Code {
		case 0:
			return "Network unreachable"
		case 1:
			return "Host unreachable"
		case 2:
			return "Protocol unreachable"
		case 3:
			return "Port unreachable"
		case 4:
			return "Fragmentation needed"
		case 9, 10, 13:
			return "Administratively prohibited"
		}
		return fmt.Sprintf("Unreachable, code %d", p.Code)
	case TimeExceeded:
		if p.Code == 1 {
			return "Reassembly time exceeded"
		}
		return "Time exceeded"
	case Redirect:
		return "Redirect"
	case ParameterError:
		return "Parameter problem"
	}
	return fmt.Sprintf("ICMP type %d", p.Type)
}

func (p *Packet) icmp6Summary() string {
	switch p.Type {
	case EchoRequestV6:
		return fmt.Sprintf("Echo request %d", p.Sequence)
	case EchoReplyV6:
		return fmt.Sprintf("Echo reply %d", p.Sequence)
	case unreachableV6:
		switch p.Code { // RFC 4443, 3.1, in the words of IPv4's
		case 0:
			return "Network unreachable"
		case 1:
			return "Administratively prohibited"
		case 3:
			return "Host unreachable"
		case 4:
			return "Port unreachable"
		}
		return fmt.Sprintf("Unreachable, code %d", p.Code)
	case 2:
		return "Packet too big"
	case 3:
		if p.Code == 1 {
			return "Reassembly time exceeded"
		}
		return "Time exceeded"
	case 4:
		return "Parameter problem"
	case 133:
		return "Router solicitation"
	case 134:
		return "Router advertisement"
	case 135:
		return "Neighbor solicitation"
	case 136:
		return "Neighbor advertisement"
	}
	return fmt.Sprintf("ICMPv6 type %d", p.Type)
}
