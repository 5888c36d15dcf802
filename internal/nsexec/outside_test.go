package nsexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestDialNamed reaches what has a name that whoever started the supervisor has named for that, and
// no other.
func TestDialNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	name := net.JoinHostPort("localhost", port)
	reach := map[string]Reach{"store": {Named: []string{name}}, "images": {Public: true}, "hosts": {Named: []string{"etcd:" + port}}}
	if conn, err := dialFor("store tcp4 "+name, reach); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	for request, want := range map[string]error{
		"images tcp4 " + name:                   ErrNotPublic, // for another purpose
		"images tcp4 127.0.0.1:" + port:         ErrNotPublic,
		"hosts tcp4 " + name:                    ErrNotNamed,
		"store tcp4 127.0.0.1:" + port:          ErrNotNamed, // by another name
		"nothing tcp4 " + name:                  ErrNotNamed,
		"images tcp4 127.0.0.1:1 store " + name: ErrNotPublic, // what comes behind the address is nothing
	} {
		if conn, err := dialFor(request, reach); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", request, conn, err, want)
		}
	}
}

// dialStage says what a connection made outside has to say.
func dialStage(w io.Writer, address string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	purpose, address, _ := strings.Cut(address, " ")
	c, err := DialOutside(purpose)(ctx, "tcp", address)
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	defer c.Close()
	io.Copy(w, c)
}

func TestDialOutside(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "hello from outside")
			c.Close()
		}
	}()
	s := startStage(t)
	// Each is a socket of its own: a second must work like the first.
	for range 2 {
		if got := s.say(t, "dial host "+l.Addr().String()); got != "hello from outside" {
			t.Errorf("got %q", got)
		}
	}
	l.Close()
	if got := s.say(t, "dial host "+l.Addr().String()); !strings.Contains(got, "connection refused") {
		t.Errorf("nobody listens: %q", got)
	}
	for purpose, want := range map[string]string{"public": "not a public address", "other": "not an address for this"} {
		if got := s.say(t, "dial "+purpose+" "+l.Addr().String()); !strings.Contains(got, want) {
			t.Errorf("the host's own loopback, for what is %s: %q", purpose, got)
		}
	}
}

func TestReach(t *testing.T) {
	own := Reach{Named: []string{"192.168.1.1:53", "etcd:2379", "[fd00::1]:53"}}
	and := Reach{Public: true, Named: own.Named, Within: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for address, want := range map[string][2]bool{
		"1.1.1.1:443": {false, true}, "192.168.1.1:53": {true, true}, "192.168.1.1:80": {}, "192.168.1.2:53": {}, "rubbish": {}, "": {},
		"etcd:2379": {true, true}, "ETCD:2379": {true, true}, "etcd:2380": {}, "localhost:2379": {}, "example.org:443": {}, // a name's addresses tell
		"[fd00:0::1]:53": {true, true}, "[::ffff:192.168.1.1]:53": {true, true}, "10.1.2.3:1": {false, true}, "[::ffff:10.1.2.3]:1": {false, true}, "10.2.0.1:1": {},
	} {
		if got := [2]bool{own.may(address), and.may(address)}; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
		if (Reach{}).may(address) {
			t.Errorf("%s is reached by what may reach nothing", address)
		}
	}
}

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"1.1.1.1": true, "2606:4700::1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "fd00::1": false, "fe80::1": false,
		"0.0.0.0": false, "224.0.0.1": false, "::ffff:10.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: public %v", addr, got)
		}
	}
}
