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

// TestDialNamed reaches what has a name that whoever started the supervisor has named, and no other.
func TestDialNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	name := net.JoinHostPort("localhost", port)
	if conn, err := dialFor("tcp4 "+name, SuperviseConfig{DialAlso: []string{name}}.mayDial); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if _, err := dialFor("tcp4 "+name, SuperviseConfig{DialAlso: []string{"etcd:" + port}}.mayDial); !errors.Is(err, ErrNotPublic) {
		t.Errorf("a name that was not given: %v", err)
	}
}

// dialStage says what a connection made outside has to say.
func dialStage(w io.Writer, address string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := DialOutside(ctx, "tcp", address)
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
	s := startStageAs(t, "dial anywhere")
	// Each is a socket of its own: a second must work like the first.
	for range 2 {
		if got := s.say(t, "dial "+l.Addr().String()); got != "hello from outside" {
			t.Errorf("got %q", got)
		}
	}
	l.Close()
	if got := s.say(t, "dial "+l.Addr().String()); !strings.Contains(got, "connection refused") {
		t.Errorf("nobody listens: %q", got)
	}
	if got := startStage(t).say(t, "dial "+l.Addr().String()); !strings.Contains(got, "not a public address") {
		t.Errorf("the host's own loopback: %q", got)
	}
}

func TestMayDial(t *testing.T) {
	cfg := SuperviseConfig{DialAlso: []string{"192.168.1.1:53", "etcd:2379"}}
	for address, want := range map[string]bool{
		"1.1.1.1:443": true, "192.168.1.1:53": true, "192.168.1.1:80": false, "192.168.1.2:53": false, "rubbish": false,
		"etcd:2379": true, "etcd:2380": false, "localhost:2379": false,
	} {
		if got := cfg.mayDial(address); got != want {
			t.Errorf("%s: %v", address, got)
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
