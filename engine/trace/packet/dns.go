package packet

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// maxAnswers is how many records of an answer a summary names.
const maxAnswers = 3

// A DNSMessage is what one says (RFC 1035), as far as it was captured.
type DNSMessage struct {
	Response   bool
	Type, Name string // of the first question: "A", "web.default.svc.cluster.local"
	Answer     string // "10.96.41.7", "no such name"
}

// String is "DNS A? web.default.svc.cluster.local 10.96.41.7".
func (m DNSMessage) String() string {
	s := "DNS " + m.Type + "? " + m.Name
	if m.Answer != "" {
		s += " " + m.Answer
	}
	return s
}

// DNS decodes a message as UDP carries it; ok is false if it is none, or asks nothing.
func DNS(b []byte) (m DNSMessage, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return m, false
	}
	q, err := p.Question()
	if err != nil {
		return m, false
	}
	m = DNSMessage{Response: h.Response, Type: strings.TrimPrefix(q.Type.String(), "Type"), Name: name(q.Name)}
	if h.Response {
		m.Answer = answers(&p, h, int(b[6])<<8|int(b[7]))
	}
	return m, true
}

func dns(b []byte) string {
	if m, ok := DNS(b); ok {
		return m.String()
	}
	return ""
}

// answers says how a question was answered, with count records.
func answers(p *dnsmessage.Parser, h dnsmessage.Header, count int) string {
	switch h.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return "no such name"
	case dnsmessage.RCodeRefused:
		return "refused"
	case dnsmessage.RCodeServerFailure:
		return "server failure"
	default:
		return fmt.Sprintf("error %d", h.RCode)
	}
	var all []string
	if p.SkipAllQuestions() == nil {
		for len(all) < maxAnswers {
			r, err := p.Answer()
			if err != nil {
				break // the end, or that of what was captured
			}
			all = append(all, answer(r.Body))
		}
	}
	if len(all) < count {
		all = append(all, fmt.Sprintf("%d more", count-len(all)))
	}
	switch {
	case h.Truncated: // RFC 1035, 4.2.1
		all = append(all, "truncated: to be asked again over TCP")
	case count == 0:
		return "no record of this type"
	}
	return strings.Join(all, ", ")
}

// name is without the root's dot.
func name(n dnsmessage.Name) string { return printable([]byte(strings.TrimSuffix(n.String(), "."))) }

func answer(r dnsmessage.ResourceBody) string {
	switch r := r.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(r.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(r.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return "is " + name(r.CNAME)
	case *dnsmessage.PTRResource:
		return name(r.PTR)
	case *dnsmessage.SRVResource:
		return fmt.Sprintf("%s:%d", name(r.Target), r.Port)
	case *dnsmessage.TXTResource:
		return printable([]byte(strings.Join(r.TXT, " ")))
	}
	return "a record"
}
