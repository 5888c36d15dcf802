package command

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// hostConfig is what a server is among those that share --store.
type hostConfig struct {
	name, advertise, listen string
	peers                   string
	lease                   time.Duration

	at       netip.AddrPort // advertise
	prefixes []netip.Prefix // peers
}

func registerHost(fs *flag.FlagSet, c *hostConfig) {
	fs.StringVar(&c.advertise, "advertise", "", "`address`, IP:PORT, at which the other servers of --store reach this one")
	fs.StringVar(&c.listen, "peer-listen", "", "`address` on which they do, over TLS with certificates of their own authority, which --store keeps (default --advertise)")
	fs.StringVar(&c.name, "host-name", "", "`name` of this server among those of --store (default this machine's)")
	fs.StringVar(&c.peers, "peers", "", "`addresses` and prefixes, comma-separated, at which the other servers are (default the /24 of --advertise, or the /64)")
	fs.DurationVar(&c.lease, "host-lease", 10*time.Second, "how long the other servers of --store wait for a sign of life before they take over the sessions of this one; the same for all")
}

// complete checks the flags of a server that shares --store, and fills in what is left out.
func (c *hostConfig) complete() (err error) {
	if i := strings.LastIndex(c.advertise, ":"); i > 0 { // as $(POD_IP):8444 is, without brackets
		if ip, err := netip.ParseAddr(c.advertise[:i]); err == nil {
			c.advertise = net.JoinHostPort(ip.String(), c.advertise[i+1:])
		}
	}
	if c.at, err = netip.ParseAddrPort(c.advertise); err != nil || c.at.Addr().IsUnspecified() {
		return fmt.Errorf("--advertise %q: must be the IP address and port at which the other servers of --store reach this one", c.advertise)
	}
	if c.lease < 2*time.Second || c.lease > time.Hour {
		return fmt.Errorf("--host-lease %v: must be between 2s and 1h", c.lease)
	}
	if c.listen == "" {
		c.listen = c.advertise
	}
	if c.name == "" {
		if c.name, err = os.Hostname(); err != nil {
			return errors.Join(errors.New("--host-name is needed"), err)
		}
	}
	if c.peers == "" {
		bits := 24
		if c.at.Addr().Is6() {
			bits = 64
		}
		prefix, err := c.at.Addr().Prefix(bits)
		c.prefixes = []netip.Prefix{prefix}
		return err
	}
	for _, text := range names(c.peers) {
		prefix, err := netip.ParsePrefix(text)
		if ip, ierr := netip.ParseAddr(text); ierr == nil {
			prefix, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return fmt.Errorf("--peers %s: must be addresses or prefixes, such as 10.1.0.0/16", text)
		}
		c.prefixes = append(c.prefixes, prefix.Masked())
	}
	return nil
}

// advertised is the address with the port that the listener really got.
func (c *hostConfig) advertised(l net.Listener) string {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && c.at.Port() == 0 {
		return netip.AddrPortFrom(c.at.Addr(), uint16(tcp.Port)).String()
	}
	return c.at.String()
}
