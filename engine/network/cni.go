package network

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// Nobody runs CNI's plugins here: this is what they would be told, and what they
// would answer, for what the network did itself. Words are of the CNI specification
// 1.1.0 and of the plugins' documentation (cni.dev/plugins, flannel-io/cni-plugin).

const (
	// ConflistPath is where a kubelet's container runtime reads its network from.
	ConflistPath = "/etc/cni/net.d/10-podhop.conflist"
	// subnetPath is what flannel's daemon tells its plugin by.
	subnetPath = "/run/flannel/subnet.env"
	cniName    = "podhop"
	cniDir     = "/opt/cni/bin"
)

// An Add is one call of CNI's ADD.
type Add struct {
	// Env are the parameters: CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME,
	// CNI_ARGS and CNI_PATH.
	Env map[string]string `json:"env"`
	// Plugin is the program, and Config what it reads from its standard input.
	Plugin string          `json:"plugin"`
	Config json.RawMessage `json:"config"`
	// Result is what it answers.
	Result json.RawMessage `json:"result"`
}

// conf is the part of plugins' configurations that is used here.
type conf struct {
	CNIVersion       string    `json:"cniVersion,omitempty"`
	Name             string    `json:"name,omitempty"`
	Type             string    `json:"type,omitempty"`
	Bridge           string    `json:"bridge,omitempty"`
	IsDefaultGateway bool      `json:"isDefaultGateway,omitempty"`
	HairpinMode      bool      `json:"hairpinMode,omitempty"`
	PortIsolation    bool      `json:"portIsolation,omitempty"`
	IPMasq           bool      `json:"ipMasq,omitempty"`
	MTU              int       `json:"mtu,omitempty"`
	IPAM             *ipamConf `json:"ipam,omitempty"`
	Delegate         *conf     `json:"delegate,omitempty"`

	Capabilities map[string]bool `json:"capabilities,omitempty"`
}

type ipamConf struct {
	Type   string         `json:"type"`
	Ranges [][]ipamRange  `json:"ranges"`
	Routes []*types.Route `json:"routes,omitempty"`
}

type ipamRange struct {
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
}

type confList struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Plugins    []conf `json:"plugins"`
}

// Conflist is the network configuration list that would join pods to a node in the
// way that is desired. Isolated says that ports of a bridge are, as where the kernel
// has no br_netfilter. It is pure.
func Conflist(d Desired, n Node, isolated bool) string {
	b, err := json.MarshalIndent(confList{types100.ImplementedSpecVersion, cniName, []conf{plugin(d, n, isolated), portmap()}}, "", "  ")
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return string(b) + "\n"
}

// portmap is what makes host ports, beside what joins pods.
func portmap() conf {
	return conf{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}}
}

func plugin(d Desired, n Node, isolated bool) conf {
	ipam := &ipamConf{Type: "host-local"}
	for _, f := range d.families() {
		ipam.Ranges = append(ipam.Ranges, []ipamRange{{n.pods(f).String(), n.gateway(f).String()}})
		ipam.Routes = append(ipam.Routes, &types.Route{Dst: ipNet(anywhere(f))})
	}
	switch d.CNI {
	case Bridge:
		return conf{Type: "bridge", Bridge: bridgeName, IsDefaultGateway: true, HairpinMode: true, PortIsolation: isolated, MTU: d.mtu(), IPAM: ipam}
	case VXLAN:
		// Its addresses and MTU are in a file of its daemon's.
		return conf{Type: "flannel", Delegate: &conf{IsDefaultGateway: true, HairpinMode: true, PortIsolation: isolated}}
	}
	return conf{Type: "ptp", MTU: d.mtu(), IPAM: ipam}
}

// subnetEnv is what flannel's daemon writes for its plugin.
func subnetEnv(d Desired, n Node, of clusters) string {
	var b strings.Builder
	for _, f := range d.families() {
		six := pick(f, "", "IPV6_")
		fmt.Fprintf(&b, "FLANNEL_%sNETWORK=%s\nFLANNEL_%sSUBNET=%s\n", six, of[f], six, netip.PrefixFrom(n.gateway(f), n.pods(f).Bits()))
	}
	fmt.Fprintf(&b, "FLANNEL_MTU=%d\nFLANNEL_IPMASQ=true\n", d.mtu())
	return b.String()
}

// NodeFiles are the files of a node that say how its pods are joined, by path.
func (n *Network) NodeFiles(name string) map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spaces[NodeVertex(name)] == nil {
		return nil
	}
	node := n.node(name)
	out := map[string]string{ConflistPath: Conflist(n.desired, node, n.site.noFilter)}
	if n.desired.CNI == VXLAN {
		out[subnetPath] = subnetEnv(n.desired, node, n.site.cluster)
	}
	return out
}

// CNI is the ADD that would have joined an attached pod, as the network is now.
func (n *Network) CNI(id string) (Add, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.pods[id]
	if !ok {
		return Add{}, false
	}
	return add(n.site, n.layout(nil), n.node(p.Node), p.placed), true
}

func add(s site, l layout, n Node, p placed) Add {
	namespace, name, _ := strings.Cut(p.Name, "/")
	a := Add{Env: map[string]string{
		"CNI_COMMAND": "ADD", "CNI_CONTAINERID": p.ID, "CNI_NETNS": netnsPath(p.vertex()), "CNI_IFNAME": "eth0", "CNI_PATH": cniDir,
		"CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + namespace + ";K8S_POD_NAME=" + name + ";K8S_POD_INFRA_CONTAINER_ID=" + p.ID,
	}}
	c := plugin(l.Desired, n, s.noFilter)
	c.CNIVersion, c.Name, a.Plugin = types100.ImplementedSpecVersion, cniName, c.Type
	a.Config = marshal(c)
	a.Result = marshal(result(s, l, n, p))
	return a
}

// netnsPath is where `ip netns` keeps what it calls by that name.
func netnsPath(vertex string) string { return "/var/run/netns/" + netnsName(vertex) }

// result reads from the plan what a plugin would say that it did.
func result(s site, l layout, n Node, p placed) *types100.Result {
	node, pod := &furniture{}, &furniture{}
	furnishPod(s, l, n, p, node, pod)
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion}
	if l.bridged() {
		r.Interfaces = append(r.Interfaces, &types100.Interface{Name: bridgeName, Mac: macOf(n.gateway(v4)), Mtu: l.mtu()})
	}
	veth, eth0 := node.links[0], pod.links[0]
	r.Interfaces = append(r.Interfaces,
		&types100.Interface{Name: veth.name, Mac: veth.mac, Mtu: veth.mtu},
		&types100.Interface{Name: eth0.name, Mac: eth0.mac, Mtu: eth0.mtu, Sandbox: netnsPath(p.vertex())})
	of := len(r.Interfaces) - 1
	for _, a := range pod.addrs {
		r.IPs = append(r.IPs, &types100.IPConfig{
			Interface: &of, Address: ipNet(a.prefix), Gateway: n.gateway(familyOf(a.prefix.Addr())).AsSlice(),
		})
	}
	for _, x := range pod.routes {
		if len(x.via) == 1 {
			r.Routes = append(r.Routes, &types.Route{Dst: ipNet(x.dst), GW: x.via[0].AsSlice()})
		}
	}
	return r
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // addresses and strings alone
	}
	return b
}
