package engine

import (
	"net/netip"

	"github.com/podhop/podhop/engine/hostport"
)

// lead has the ports of a node lead to the pods that are there now.
func (p *pods) lead(node string) error {
	p.leading.Lock()
	defer p.leading.Unlock()
	ns, at := p.network.Node(node), p.leads[node]
	if ns == nil { // switched off, and its rules with it
		delete(p.leads, node)
		return nil
	}
	if at == nil || at.NS() != ns {
		at = hostport.New(ns, p.log)
		p.leads[node] = at
	}
	changed, err := at.Set(p.hostPorts(node))
	if changed {
		p.ruled(node)
	}
	return err
}

// hostPorts are the ports of a node that lead to its pods, by every address of a
// pod whose family is the port's.
func (p *pods) hostPorts(node string) (all []hostport.Mapping) {
	for _, sb := range p.all() {
		if sb.node != node {
			continue
		}
		for _, port := range sb.host {
			for _, ip := range sb.ips {
				if port.HostIP.IsValid() && !port.HostIP.IsUnspecified() && port.HostIP.Is4() != ip.Is4() {
					continue
				}
				all = append(all, hostport.Mapping{Pod: sb.name, Protocol: port.Protocol, HostIP: port.HostIP, HostPort: port.HostPort,
					To: netip.AddrPortFrom(ip, port.Port)})
			}
		}
	}
	return all
}
