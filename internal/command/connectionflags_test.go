package command

import (
	"log/slog"
	"net/netip"
	"testing"
)

func TestConnections(t *testing.T) {
	for _, c := range []struct {
		args       []string
		files      uint64
		most, each int
	}{
		{nil, 1 << 20, 20_000, 4000},
		{nil, 1024, 256, 128},
		{[]string{"--max-connections", "100"}, 1024, 100, 50},
		{[]string{"--max-connections", "50000", "--max-connections-address", "7"}, 1 << 20, 50_000, 7},
	} {
		people, err := peopleOf(t, append(c.args, "--trusted-proxies", "10.0.0.0/8")...)
		if err != nil {
			t.Fatal(err)
		}
		got := people.connections.config(c.files, people.trusted, slog.New(slog.DiscardHandler))
		if got.Most != c.most || got.Each != c.each || got.Rate.Burst != 4000 {
			t.Errorf("%v with %d files: %+v", c.args, c.files, got)
		}
		if !got.Exempt(netip.MustParseAddr("10.1.2.3")) || got.Exempt(netip.MustParseAddr("192.0.2.1")) {
			t.Errorf("%v: the proxies are not who is one", c.args)
		}
	}
}
