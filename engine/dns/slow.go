package dns

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A Fault makes servers slow, or has them answer some questions not at all, on purpose.
type Fault struct {
	// Delay is how long each answer is held.
	Delay time.Duration
	// Loss is how many of a thousand questions by UDP get none.
	Loss int
}

// A Spoiled is a question that a Fault had its effect on.
type Spoiled struct {
	Protocol string // udp or tcp
	Client   netip.AddrPort
	Fault    Fault
	// Lost says that there will be no answer, else it is sent now.
	Lost bool
	Time time.Time
}

// maxHeld bounds the answers of one server that wait; what is asked beyond is lost.
const maxHeld = 1024

// spoiling is what the servers of a session share of it.
type spoiling struct {
	fault atomic.Pointer[Fault]
	told  func(key string, s Spoiled) // may be nil
}

// SetFault has all servers do so from the next question on; the zero Fault ends it.
func (s *Servers) SetFault(f Fault) { s.spoiling.fault.Store(&f) }

// now is the fault that there is.
func (s *spoiling) now() Fault {
	if s == nil {
		return Fault{}
	}
	if f := s.fault.Load(); f != nil {
		return *f
	}
	return Fault{}
}

func (s *spoiling) tell(key string, of Spoiled) {
	if s.told != nil {
		of.Time = time.Now()
		s.told(key, of)
	}
}

// spoilUDP does what the fault does to a question, and reports whether it is done with it.
func (s *Server) spoilUDP(question []byte, from net.Addr) bool {
	f := s.spoiling.now()
	if f == (Fault{}) {
		return false
	}
	of := Spoiled{Protocol: "udp", Client: clientOf(from), Fault: f}
	if f.Loss > 0 && rand.IntN(1000) < f.Loss {
		of.Lost = true
		s.spoiling.tell(s.key, of)
		return true
	}
	if f.Delay <= 0 {
		return false
	}
	select {
	case s.held <- struct{}{}:
		question := slices.Clone(question)
		s.work.Go(func() {
			defer func() { <-s.held }()
			if s.wait(f.Delay) {
				s.spoiling.tell(s.key, of)
				s.answerUDP(question, from)
			}
		})
	default:
	}
	return true
}

// spoilTCP holds an answer by TCP, and reports whether the server still runs.
func (s *Server) spoilTCP(from net.Addr) bool {
	f := s.spoiling.now()
	if f.Delay <= 0 {
		return true
	}
	if !s.wait(f.Delay) {
		return false
	}
	s.spoiling.tell(s.key, Spoiled{Protocol: "tcp", Client: clientOf(from), Fault: f})
	return true
}

func (s *Server) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.quit:
		return false
	}
}

func clientOf(a net.Addr) netip.AddrPort {
	p, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
