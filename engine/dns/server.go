package dns

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxUDP is how much fits into a datagram that nobody takes apart (the DNS flag
	// day of 2020); without EDNS it is 512 bytes.
	maxUDP = 1232
	// maxTCP bounds the connections of one server; more are closed at once.
	maxTCP = 32
	// idle is how long a connection may say nothing.
	idle = 5 * time.Second
)

// A Namespace is where a server listens: that of a pod.
type Namespace interface {
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// A Server answers on port 53 of one namespace, UDP and TCP.
type Server struct {
	resolver *Resolver
	udp      net.PacketConn
	tcp      net.Listener
	work     sync.WaitGroup
	// forwarding holds a token for each question that waits for an answer from outside.
	forwarding chan struct{}
	// What a Fault does; see slow.go.
	key      string
	spoiling *spoiling     // nil if there can be none
	held     chan struct{} // a token for each answer that waits
	quit     chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
}

// Listen starts a server; it can be asked when Listen has returned. Close it:
// its sockets keep the namespace.
func Listen(ns Namespace, r *Resolver) (*Server, error) { return listen(ns, r, "", nil) }

func listen(ns Namespace, r *Resolver, key string, sp *spoiling) (*Server, error) {
	s := &Server{resolver: r, conns: map[net.Conn]struct{}{}, forwarding: make(chan struct{}, maxForwarded),
		key: key, spoiling: sp, held: make(chan struct{}, maxHeld), quit: make(chan struct{})}
	var err error
	if s.udp, err = ns.ListenPacket("udp", ":53"); err != nil {
		return nil, err
	}
	if s.tcp, err = ns.Listen("tcp", ":53"); err != nil {
		s.udp.Close()
		return nil, err
	}
	s.work.Go(s.serveUDP)
	s.work.Go(s.serveTCP)
	return s, nil
}

// Close ends the server and waits for it.
func (s *Server) Close() error {
	err := errors.Join(s.udp.Close(), s.tcp.Close())
	s.mu.Lock()
	if s.conns != nil {
		close(s.quit)
	}
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.work.Wait()
	return err
}

// serveUDP answers one question after the other: all that is to be known is in
// memory, and who floods a server takes no more than one core.
func (s *Server) serveUDP() {
	buf := make([]byte, maxUDP)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error for an earlier answer
		}
		if s.spoilUDP(buf[:n], from) {
			continue
		}
		if !s.resolver.forwards(buf[:n]) {
			s.answerUDP(buf[:n], from)
			continue
		}
		select { // the answer comes from far away: others need not wait for it
		case s.forwarding <- struct{}{}:
			question := slices.Clone(buf[:n])
			s.work.Go(func() {
				defer func() { <-s.forwarding }()
				s.answerUDP(question, from)
			})
		default:
		}
	}
}

func (s *Server) answerUDP(question []byte, from net.Addr) {
	if answer := s.answer(question, false); answer != nil {
		_, _ = s.udp.WriteTo(answer, from) // who does not get it asks again
	}
}

func (s *Server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.conns == nil || len(s.conns) >= maxTCP {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.conns[c] = struct{}{}
		s.work.Go(func() { s.converse(c) })
		s.mu.Unlock()
	}
}

// converse answers the questions of one connection in turn.
func (s *Server) converse(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	conn := dns.Conn{Conn: c}
	for {
		if err := c.SetDeadline(time.Now().Add(idle)); err != nil {
			return
		}
		var header dns.Header
		question, err := conn.ReadMsgHeader(&header)
		if err != nil && !errors.As(err, new(*dns.Error)) || errors.Is(err, io.EOF) {
			return
		}
		answer := s.answer(question, true)
		if answer == nil || !s.spoilTCP(c.RemoteAddr()) {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// answer is the message that answers a message, nil if there is none to give.
func (s *Server) answer(question []byte, tcp bool) []byte {
	var m dns.Msg
	err := m.Unpack(question)
	if len(question) < 12 || m.Response { // an answer to an answer would go on for ever
		return nil
	}
	answer := s.resolver.reply(&m, err)
	size := dns.MaxMsgSize
	if !tcp {
		size = dns.MinMsgSize
	}
	if o := m.IsEdns0(); o != nil && !tcp {
		size = min(max(int(o.UDPSize()), dns.MinMsgSize), maxUDP)
	}
	answer.Truncate(size)
	b, err := answer.Pack()
	if err != nil {
		return nil
	}
	return b
}

// reply makes the answer to m, which could be read but for err.
func (r *Resolver) reply(m *dns.Msg, err error) *dns.Msg {
	a := new(dns.Msg)
	switch {
	case err != nil:
		return a.SetRcodeFormatError(m)
	case m.Opcode != dns.OpcodeQuery:
		return a.SetRcode(m, dns.RcodeNotImplemented)
	case len(m.Question) != 1:
		return a.SetRcodeFormatError(m)
	}
	found := r.Resolve(m.Question[0])
	a.SetRcode(m, found.Rcode)
	a.Authoritative = found.Rcode != dns.RcodeRefused
	a.Answer, a.Ns, a.Extra = found.Answer, found.Authority, found.Additional
	if found.Outside != "" && r.Forward != nil {
		r.forward(m, a, found.Outside)
		found.Rcode = a.Rcode
	}
	if len(a.Answer) > 0 && a.Answer[0].Header().Rrtype != dns.TypeCNAME {
		// Whoever takes the first gets each in turn, as with CoreDNS' loadbalance.
		rand.Shuffle(len(a.Answer), func(i, j int) { a.Answer[i], a.Answer[j] = a.Answer[j], a.Answer[i] })
	}
	if m.IsEdns0() != nil {
		o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		o.SetUDPSize(maxUDP)
		if found.Rcode == dns.RcodeRefused {
			o.Option = append(o.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotAuthoritative,
				ExtraText: "this cluster has no way out: only names under " + r.zone + " are known here"})
		}
		a.Extra = append(a.Extra, o)
	}
	return a
}
