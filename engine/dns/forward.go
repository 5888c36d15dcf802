package dns

import (
	"context"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	// patience is how long a resolver outside may take for one question.
	patience = 4 * time.Second
	// maxForwarded bounds the questions of one server that wait for an answer from
	// outside; more are not answered, and asked again.
	maxForwarded = 32
)

// Forward returns a Config.Forward that asks a resolver at address ("ip:port"), over
// TCP and a connection a question: what is dialled may be another network's.
func Forward(dial func(ctx context.Context, network, address string) (net.Conn, error), address string) func(*dns.Msg) (*dns.Msg, error) {
	return func(m *dns.Msg) (*dns.Msg, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn, err := dial(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		q := new(dns.Msg).SetQuestion(m.Question[0].Name, m.Question[0].Qtype)
		q.RecursionDesired = m.RecursionDesired
		a, _, err := new(dns.Client).ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
		return a, err
	}
}

// forwards tells whether a question goes outside, and its answer takes its time.
func (r *Resolver) forwards(question []byte) bool {
	var m dns.Msg
	if r.Forward == nil || m.Unpack(question) != nil || len(m.Question) != 1 || m.Question[0].Qclass != dns.ClassINET {
		return false
	}
	return r.Resolve(m.Question[0]).Outside != ""
}

// forward adds to a what the resolver outside says to the question in m, asked for
// name: that of the question, or the target of an alias that a holds already.
func (r *Resolver) forward(m, a *dns.Msg, name string) {
	q := m.Copy()
	q.Question[0].Name = name
	found, err := r.Forward(q)
	if err != nil {
		a.Rcode = dns.RcodeServerFailure
		return
	}
	a.Rcode, a.RecursionAvailable = found.Rcode, true
	a.Answer, a.Ns = append(a.Answer, found.Answer...), found.Ns
	for _, rr := range found.Extra {
		if rr.Header().Rrtype != dns.TypeOPT { // that is between the two of them
			a.Extra = append(a.Extra, rr)
		}
	}
}
