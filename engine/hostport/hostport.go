package hostport

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/podhop/podhop/internal/nsexec"
)

// Most is how many ports a node may lead to its pods.
const Most = 1024

// ErrTooMany is returned where a node would have more than Most.
var ErrTooMany = errors.New("too many host ports on one node")

// A Mapping leads a port of a node to a pod.
type Mapping struct {
	// Pod is namespace/name, for people to read.
	Pod string
	// Protocol is tcp, udp or sctp.
	Protocol string
	// HostIP is the only address of the node at which the port is; any, if it is the
	// zero Addr or unspecified (0.0.0.0, ::).
	HostIP   netip.Addr
	HostPort uint16
	// To is the pod's address and port.
	To netip.AddrPort
}

// Ports keeps the table of one node. It is not safe for concurrent use. The
// namespace must outlive it.
type Ports struct {
	ns  *nsexec.NetNS
	log *slog.Logger
	now []Mapping
	// unsure is set after a write that failed.
	unsure bool
	// open says that the node's own processes reach ports at 127.0.0.1.
	open bool
}

// New makes no table yet. The node has none of this name.
func New(ns *nsexec.NetNS, log *slog.Logger) *Ports { return &Ports{ns: ns, log: log} }

// NS is the node's namespace.
func (p *Ports) NS() *nsexec.NetNS { return p.ns }

// Set has the node lead these ports, and no others. It reports whether anything
// had to be written. Connections that were led already stay as they are.
func (p *Ports) Set(desired []Mapping) (changed bool, err error) {
	desired = sorted(desired)
	if !p.unsure && slices.Equal(p.now, desired) {
		return false, nil
	}
	if len(desired) > Most {
		return false, fmt.Errorf("%d: %w", len(desired), ErrTooMany)
	}
	err = p.ns.Do(func() error {
		if len(desired) > 0 && !p.open {
			p.open = true
			// What the node sends from 127.0.0.1 leaves it, once its destination is rewritten.
			if err := nsexec.Sysctl("net/ipv4/conf/all/route_localnet", "1"); err != nil {
				p.log.Warn("host ports do not answer at 127.0.0.1", "err", err)
			}
		}
		p.unsure = true
		if err := write(chains(desired)); err != nil {
			return err
		}
		if err := forget(added(p.now, desired)); err != nil {
			p.log.Warn("who sent to a new host port before may have to begin again", "err", err)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("host ports: %w", err)
	}
	p.now, p.unsure = desired, false
	return true, nil
}

// added are the mappings that were not there before.
func added(before, now []Mapping) []Mapping {
	return slices.DeleteFunc(slices.Clone(now), func(m Mapping) bool { return slices.Contains(before, m) })
}

// sorted is a copy in an order of its own.
func sorted(all []Mapping) []Mapping {
	all = slices.Clone(all)
	slices.SortFunc(all, Mapping.compare)
	return all
}
