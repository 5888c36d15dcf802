package connections

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/podhop/podhop/server/limit"
)

// listen serves who is let in: it says so, and closes when they do.
func listen(t *testing.T, l *Limit) string {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { at.Close() })
	limited := l.Listener(at)
	go func() {
		for {
			c, err := limited.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Write([]byte("x"))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return at.Addr().String()
}

// from connects from an address of this machine's, and reports whether it is let in.
func from(t *testing.T, address, to string) (c net.Conn, in bool) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: time.Minute}
	c, err := d.Dial("tcp", to)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err = c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return c, err == nil
}

// leave closes a connection, and waits until the server has seen it.
func leave(t *testing.T, l *Limit, c net.Conn, open int) {
	t.Helper()
	c.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		n := l.open
		l.mu.Unlock()
		if n == open {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d are open, want %d", n, open)
		}
	}
}

func TestEach(t *testing.T) {
	l := New(Config{Each: 2})
	one, two := listen(t, l), listen(t, l) // which count together
	first, in := from(t, "127.0.0.1", one)
	_, also := from(t, "127.0.0.1", two)
	if !in || !also {
		t.Fatal("two are not let in")
	}
	if _, in := from(t, "127.0.0.1", one); in {
		t.Error("a third is let in")
	}
	if _, in := from(t, "127.0.0.2", one); !in {
		t.Error("another is not let in")
	}
	leave(t, l, first, 2)
	if _, in := from(t, "127.0.0.1", two); !in {
		t.Error("it is not let in when another has left")
	}
	const want = `# HELP podhop_connections Connections that clients have with the page and the Kubernetes API.
# TYPE podhop_connections gauge
podhop_connections 3
# HELP podhop_connections_refused_total Connections that were refused, by why: all, there were too many; address, too many from one; often, one opened them too fast.
# TYPE podhop_connections_refused_total counter
podhop_connections_refused_total{reason="address"} 1
podhop_connections_refused_total{reason="all"} 0
podhop_connections_refused_total{reason="often"} 0
`
	if err := testutil.CollectAndCompare(l, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestMost(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.9")
	l := New(Config{Most: 4, Each: 1, Rate: limit.Rate{PerSecond: 1, Burst: 1}, Exempt: func(at netip.Addr) bool { return at == proxy }})
	at := listen(t, l)
	for range 3 {
		if _, in := from(t, "127.0.0.9", at); !in {
			t.Fatal("a proxy is bounded as one address")
		}
	}
	last, in := from(t, "127.0.0.1", at)
	if !in {
		t.Fatal("the fourth is not let in")
	}
	for _, address := range []string{"127.0.0.2", "127.0.0.9"} {
		if _, in := from(t, address, at); in {
			t.Errorf("%s is let in beyond all bounds", address)
		}
	}
	leave(t, l, last, 3)
	if _, in := from(t, "127.0.0.3", at); !in {
		t.Error("nobody is let in when another has left")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.from) != 1 {
		t.Errorf("it remembers %v", l.from)
	}
}

func TestRate(t *testing.T) {
	l := New(Config{Rate: limit.Rate{PerSecond: 1, Burst: 2}})
	now := time.Unix(1e9, 0)
	l.now = func() time.Time { return now }
	at := listen(t, l)
	for range 2 {
		c, in := from(t, "127.0.0.1", at)
		if !in {
			t.Fatal("the first are not let in")
		}
		leave(t, l, c, 0)
	}
	if _, in := from(t, "127.0.0.1", at); in {
		t.Error("a third is let in at once")
	}
	c, in := from(t, "127.0.0.2", at)
	if !in {
		t.Fatal("another is not let in")
	}
	leave(t, l, c, 0)
	l.mu.Lock()
	now = now.Add(time.Second)
	l.mu.Unlock()
	if _, in := from(t, "127.0.0.1", at); !in {
		t.Error("it is not let in a second later")
	}
}
