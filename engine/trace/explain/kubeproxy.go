package explain

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
)

// kubeProxyTable is kube-proxy's table; the names of its chains and maps that
// follow are those of k8s.io/kubernetes/pkg/proxy/nftables/proxier.go.
const kubeProxyTable = "kube-proxy"

const (
	servicesChain          = "services"
	masqueradingChain      = "masquerading"
	clusterIPsCheckChain   = "cluster-ips-check"
	serviceIPsMap          = "service-ips"
	serviceNodePortsMap    = "service-nodeports"
	noEndpointServicesMap  = "no-endpoint-services"
	noEndpointNodePortsMap = "no-endpoint-nodeports"
)

// A serviceChain is what the name of one of kube-proxy's chains says.
type serviceChain struct {
	role     string // service, local, external, endpoint, firewall
	object   model.Object
	protocol string
	endpoint string // of an endpoint chain: IP/port
}

// parseServiceChain reads "service-HASH-ns/name/protocol/port" and
// "endpoint-HASH-ns/name/protocol/port__IP/port" (servicePortChainNameBase and
// servicePortEndpointChainNameBase). Names too long for nftables end in "..." and
// still tell namespace and name; the port's name may be cut or empty.
func parseServiceChain(name string) (serviceChain, bool) {
	role, rest, ok := strings.Cut(name, "-")
	if !ok || !slices.Contains([]string{"service", "local", "external", "endpoint", "firewall"}, role) {
		return serviceChain{}, false
	}
	hash, rest, ok := strings.Cut(rest, "-")
	if !ok || len(hash) != 8 {
		return serviceChain{}, false
	}
	c := serviceChain{role: role}
	rest, c.endpoint, _ = strings.Cut(rest, "__")
	parts := strings.Split(rest, "/")
	if len(parts) != 4 {
		return serviceChain{}, false
	}
	c.protocol = parts[2]
	c.object = model.Object{Kind: "Service", Namespace: parts[0], Name: parts[1], Port: strings.TrimSuffix(parts[3], "...")}
	return c, true
}

// parsePortComment reads the comment of an element: "ns/name:port", or "ns/name"
// (proxy.ServicePortName.String).
func parsePortComment(s string) *model.Object {
	namespace, name, ok := strings.Cut(s, "/")
	if !ok {
		return nil
	}
	name, port, _ := strings.Cut(name, ":")
	return &model.Object{Kind: "Service", Namespace: namespace, Name: name, Port: port}
}

// gotoTarget is the chain that a verdict goes to: "goto X", "jump X".
func gotoTarget(verdict string) string {
	for _, v := range []string{"goto ", "jump "} {
		if t, ok := strings.CutPrefix(verdict, v); ok {
			return t
		}
	}
	return ""
}

// lookup finds a destination in a map: by "IP . protocol . port", or, where the
// map holds node ports, by "protocol . port".
func (t *Table) lookup(name string, protocol uint8, to netip.AddrPort) *Element {
	if t == nil || t.Sets[name] == nil {
		return nil
	}
	port := strings.ToLower(packet.ProtocolName(protocol)) + " . " + strconv.Itoa(int(to.Port()))
	full := to.Addr().String() + " . " + port
	for i := range t.Sets[name].Elements {
		if e := &t.Sets[name].Elements[i]; e.Key == full || e.Key == port {
			return e
		}
	}
	return nil
}

// set is a set or map by its name; nil if there is none.
func (t *Table) set(name string) *Set {
	if t == nil {
		return nil
	}
	return t.Sets[name]
}

// service is the Service port that a destination stands for, of ClusterIPs, and
// of node ports if it is the node's own.
func (t *Table) service(protocol uint8, to netip.AddrPort) *model.Object {
	for _, m := range []string{serviceIPsMap, serviceNodePortsMap} {
		if e := t.lookup(m, protocol, to); e != nil {
			if c, ok := parseServiceChain(gotoTarget(e.Value)); ok {
				return &c.object
			}
		}
	}
	for _, m := range []string{noEndpointServicesMap, noEndpointNodePortsMap} {
		if e := t.lookup(m, protocol, to); e != nil {
			return parsePortComment(e.Comment)
		}
	}
	return nil
}

// serviceAt is the Service whose ClusterIP this is, whatever the port; nil if
// none, or if only Services without any endpoints have ports there.
func (t *Table) serviceAt(ip netip.Addr) *model.Object {
	if t == nil || t.Sets[serviceIPsMap] == nil {
		return nil
	}
	for _, e := range t.Sets[serviceIPsMap].Elements {
		if strings.HasPrefix(e.Key, ip.String()+" . ") {
			if c, ok := parseServiceChain(gotoTarget(e.Value)); ok {
				c.object.Port = ""
				return &c.object
			}
		}
	}
	return nil
}

// choices is what a rule's numgen chooses among: "0 : 10.244.1.2 . 8080",
// "1 : goto endpoint-...". Nil if it chooses nothing.
func choices(text string) []string {
	_, rest, ok := strings.Cut(text, "numgen ")
	if !ok {
		return nil
	}
	_, rest, ok = strings.Cut(rest, "map {") // and vmap
	if !ok {
		return nil
	}
	list, _, _ := strings.Cut(rest, "}")
	var all []string
	for _, e := range split(list, ',') {
		if _, v, ok := strings.Cut(e, " : "); ok {
			all = append(all, strings.TrimSpace(v))
		}
	}
	return all
}

// place is where a destination stands among a rule's choices, from 1; 0 if it
// does not.
func place(choices []string, to netip.AddrPort) int {
	want := to.Addr().String() + " . " + strconv.Itoa(int(to.Port()))
	return slices.Index(choices, want) + 1
}

// endpoint is where a destination stands among the endpoints of a Service's
// port, as the rules are now; 0 if it does not.
func (t *Table) endpoint(o *model.Object, protocol uint8, to netip.AddrPort) (n, of int) {
	for name, chain := range t.Chains {
		c, ok := parseServiceChain(name)
		if !ok || c.role != "service" || c.object != *o || c.protocol != strings.ToLower(packet.ProtocolName(protocol)) {
			continue
		}
		for _, r := range chain.Rules {
			if list := choices(r.Text); list != nil {
				n, of = place(list, to), len(list)
			} else if dnatTarget(r.Text) == to {
				n, of = 1, 1
			}
		}
	}
	if n == 0 {
		return 0, 0
	}
	return n, of
}

// dnatTarget is the address of a rule "dnat to IP:port"; invalid if it has none.
func dnatTarget(text string) netip.AddrPort {
	f := strings.Fields(text)
	if i := index(f, "dnat"); i >= 0 {
		for _, w := range f[i+1:] {
			if to, err := netip.ParseAddrPort(w); err == nil {
				return to
			}
		}
	}
	return netip.AddrPort{}
}
