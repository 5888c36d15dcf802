// Package connections bounds how many connections clients have with a server, all together and each
// address, and how often an address opens one: each costs memory, a descriptor and, over TLS, a handshake
// before anybody has asked for anything. It must not know what is served.
package connections

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/podhop/podhop/server/limit"
)

// Config says how many. Zero bounds are none.
type Config struct {
	// Most is of all together, Each of one address; an IPv6 address is its /64.
	Most, Each int
	// Rate is how often one address opens one.
	Rate limit.Rate
	// Exempt are addresses that many come by, as those of proxies, which count among all alone; nil:
	// none are.
	Exempt func(netip.Addr) bool
	// Log is told once a minute that some were refused; nil: it is not.
	Log *slog.Logger
}

// Reasons to refuse a connection.
const (
	All     = "all"     // there are too many
	Address = "address" // too many are from there
	Often   = "often"   // they come too often from there
)

// A Limit counts connections of all its listeners. It is safe for concurrent use.
type Limit struct {
	cfg  Config
	rate *limit.Buckets
	now  func() time.Time

	mu      sync.Mutex
	open    int
	from    map[string]int // by limit.Address; those that have any
	refused map[string]int // by reason
	told    time.Time
}

// New returns a Limit.
func New(cfg Config) *Limit {
	return &Limit{cfg: cfg, rate: limit.New(cfg.Rate), now: time.Now, from: map[string]int{}, refused: map[string]int{All: 0, Address: 0, Often: 0}}
}

// Listener accepts what may be, and resets the rest at once. Connections that are none of TCP are not
// counted. A nil Limit bounds nothing.
func (l *Limit) Listener(next net.Listener) net.Listener {
	if l == nil {
		return next
	}
	return listener{next, l}
}

type listener struct {
	net.Listener
	limit *Limit
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		at, ok := netip.AddrFromSlice(tcp.RemoteAddr().(*net.TCPAddr).IP)
		if !ok { // of an unknown address there is nothing to count
			return c, nil
		}
		key := limit.Address(at)
		if l.limit.cfg.Exempt != nil && l.limit.cfg.Exempt(at.Unmap()) {
			key = ""
		}
		if reason := l.limit.take(key); reason != "" {
			_ = tcp.SetLinger(0) // nothing of it is to be remembered
			_ = tcp.Close()
			l.limit.tell(at, reason)
			continue
		}
		return &conn{TCPConn: tcp, limit: l.limit, key: key}, nil
	}
}

// take counts a connection, or says why it is refused. One without a key counts among all alone.
func (l *Limit) take(key string) (refused string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case key != "" && l.cfg.Each > 0 && l.from[key] >= l.cfg.Each:
		refused = Address
	case limit.Take(l.now(), limit.Claim{From: l.rate, Key: key}) > 0:
		refused = Often
	case l.cfg.Most > 0 && l.open >= l.cfg.Most:
		refused = All
	default:
		l.open++
		if key != "" {
			l.from[key]++
		}
		return ""
	}
	l.refused[refused]++
	return refused
}

func (l *Limit) give(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if key == "" {
		return
	}
	if l.from[key]--; l.from[key] == 0 {
		delete(l.from, key)
	}
}

// tell says that somebody was refused: it may be a proxy that nobody said is one.
func (l *Limit) tell(at netip.Addr, reason string) {
	l.mu.Lock()
	now := l.now()
	due := l.cfg.Log != nil && now.Sub(l.told) >= time.Minute
	if due {
		l.told = now
	}
	open, from := l.open, l.from[limit.Address(at)]
	l.mu.Unlock()
	if due {
		l.cfg.Log.Warn("connections are refused; if they are a proxy's, --trusted-proxies says so", "reason", reason, "address", at, "from", from, "open", open)
	}
}

// A conn counts until it is closed.
type conn struct {
	*net.TCPConn
	limit *Limit
	key   string
	once  sync.Once
}

func (c *conn) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { c.limit.give(c.key) })
	return err
}
