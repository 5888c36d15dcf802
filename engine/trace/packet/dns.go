package packet

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// maxAnswers is how many records of an answer a summary names.
const maxAnswers = 3

// dns is the first question of a DNS message (RFC 1035, 4.1), and how it was answered,
// as far as it was captured.
func dns(b []byte) string {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return ""
	}
	q, err := p.Question()
	if err != nil {
		return ""
	}
	question := "DNS " + strings.TrimPrefix(q.Type.String(), "Type") + "? " + name(q.Name)
	if !h.Response {
		return question
	}
	switch h.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return question + " no such name"
	case dnsmessage.RCodeRefused:
		return question + " refused"
	case dnsmessage.RCodeServerFailure:
		return question + " server failure"
	default:
		return fmt.Sprintf("%s error %d", question, h.RCode)
	}
	count := int(uint16(b[6])<<8 | uint16(b[7]))
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
	switch {
	case count == 0:
		return question + " no record of this type"
	case len(all) < count:
		all = append(all, fmt.Sprintf("%d more", count-len(all)))
	}
	return question + " " + strings.Join(all, ", ")
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
