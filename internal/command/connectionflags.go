package command

import (
	"flag"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/podhop/podhop/server/connections"
	"github.com/podhop/podhop/server/limit"
)

// connectionsConfig is what flags say of how many connections clients may have.
type connectionsConfig struct {
	most, each int
	rate       limit.Rate
}

const (
	// filesEach is the part of the files that the server may have open, the rest being sessions'.
	filesEach = 4
	// mostConnections and mostOfAddress are the most unless flags say otherwise: a thousand who look on
	// from one address have three each.
	mostConnections, mostOfAddress = 20_000, 4_000
)

func (c *connectionsConfig) register(fs *flag.FlagSet) {
	c.rate = limit.Rate{PerSecond: 200, Burst: 4000}
	fs.IntVar(&c.most, "max-connections", 0, "`number` of connections that clients may have at a time with the page and the Kubernetes API (default a quarter of the files that the server may have open, 20000 at most)")
	fs.IntVar(&c.each, "max-connections-address", 0, "the same `number` of one address, those of --trusted-proxies excepted (default half of it, 4000 at most); an IPv6 address is its /64 here")
	fs.Var(&c.rate, "limit-connections", "`rate` at which an address opens connections, as --limit-open has it")
}

func (c *connectionsConfig) check() error {
	switch {
	case c.most < 0:
		return fmt.Errorf("--max-connections %d: must not be negative", c.most)
	case c.each < 0:
		return fmt.Errorf("--max-connections-address %d: must not be negative", c.each)
	}
	return nil
}

// config bounds them, for a server that may have so many files open.
func (c *connectionsConfig) config(files uint64, proxies []netip.Prefix, log *slog.Logger) connections.Config {
	to := connections.Config{Most: c.most, Each: c.each, Rate: c.rate, Log: log, Exempt: func(at netip.Addr) bool {
		for _, p := range proxies {
			if p.Contains(at) {
				return true
			}
		}
		return false
	}}
	if to.Most == 0 {
		to.Most = int(min(files/filesEach, mostConnections))
	}
	if to.Each == 0 {
		to.Each = min(to.Most/2, mostOfAddress)
	}
	return to
}
