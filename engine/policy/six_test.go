package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/network"
)

// six is the address of IPv6 that stands beside one of IPv4.
func six(a netip.Addr) netip.Addr {
	b := a.As4()
	if b[0] == 10 {
		return netip.MustParseAddr(fmt.Sprintf("fd00:10:244:%d::%d", b[2], b[3]))
	}
	return netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%d", b[3]))
}

func sixCIDR(cidr string) string {
	switch p := netip.MustParsePrefix(cidr); {
	case p.Bits() == 0:
		return "::/0"
	case p.Bits() == 16:
		return "fd00:10:244::/48"
	case p.Bits() == 24:
		return netip.PrefixFrom(six(p.Addr()), 64).String()
	default:
		return netip.PrefixFrom(six(p.Addr()), 96+p.Bits()).String()
	}
}

// sixBlocks has some of the policies' blocks be of IPv6.
func sixBlocks(r *rand.Rand, all []*networking.NetworkPolicy) {
	turn := func(peers []networking.NetworkPolicyPeer) {
		for _, p := range peers {
			if b := p.IPBlock; b != nil && r.IntN(3) > 0 {
				b.CIDR = sixCIDR(b.CIDR)
				for i := range b.Except {
					b.Except[i] = sixCIDR(b.Except[i])
				}
			}
		}
	}
	for _, p := range all {
		for _, x := range p.Spec.Ingress {
			turn(x.From)
		}
		for _, x := range p.Spec.Egress {
			turn(x.To)
		}
	}
}

// dualWorld is world with two addresses each.
func dualWorld() Input {
	in := world()
	for _, p := range in.Pods {
		p.Status.PodIPs = append(p.Status.PodIPs, v1.PodIP{IP: six(netip.MustParseAddr(p.Status.PodIPs[0].IP)).String()})
		p.Status.HostIPs = append(p.Status.HostIPs, v1.HostIP{IP: six(netip.MustParseAddr(p.Status.HostIPs[0].IP)).String()})
	}
	return in
}

// What plans say of packets of both families, the kernel does, however pods are joined.
func TestKernelGeneratedDualStack(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, "bridge"} {
		t.Run(string(cni), func(t *testing.T) { generatedDualStack(t, cni) })
	}
}

func generatedDualStack(t *testing.T, cni network.CNI) {
	const seed, rounds = 46, 5
	l := newLabOf(t, cni, true)
	r := rand.New(rand.NewPCG(seed, seed))
	admitted, denied := 0, 0
	for round := range rounds {
		in := dualWorld()
		in.Policies = generate(r)
		sixBlocks(r, in.Policies)
		plan := Compile(in)
		l.apply(plan)
		var all []*probe
		for from := range addresses {
			for to := range addresses {
				toPod := to != "client" && !strings.HasPrefix(to, "node")
				if !routed(from, to) || strings.HasPrefix(from, "node") && !toPod {
					continue
				}
				for _, port := range []uint16{80, 8080} {
					all = append(all, &probe{from: from, to: to, protocol: v1.ProtocolTCP, port: port, six: true})
				}
				all = append(all, &probe{from: from, to: to, protocol: v1.ProtocolUDP, port: 53, six: true},
					&probe{from: from, to: to, protocol: v1.ProtocolTCP, port: 80})
			}
		}
		l.check(plan, all)
		for _, p := range all {
			if p.six && p.want.Allowed {
				admitted++
			} else if p.six {
				denied++
			}
		}
		if t.Failed() {
			t.Fatalf("round %d:\n%s%s", round, plan.Node("node-1"), plan.Node("node-2"))
		}
	}
	if admitted < 100 || denied < 100 {
		t.Errorf("%d admitted and %d denied: the policies say too little", admitted, denied)
	}
}

// Pods of one bridge ask each other for their addresses there, where the network has
// not told them: a policy that admits a port has not cut that off.
func TestKernelNeighbours(t *testing.T) {
	l := newLabOf(t, "bridge", true)
	in := dualWorld()
	in.Policies = policies(t, `
metadata: {name: web-only}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Ingress, Egress]
  egress: [{ports: [{port: 80}]}]
`)
	plan := Compile(in)
	l.apply(plan)
	for of, other := range map[string]string{"my-app": "allowed", "allowed": "my-app"} {
		if err := l.places[of].Do(exec.Command("ip", "-6", "neigh", "del", six(addr(other)).String(), "dev", "eth0").Run); err != nil {
			t.Fatalf("%s knows %s: %v", of, other, err)
		}
	}
	l.check(plan, []*probe{
		{from: "my-app", to: "allowed", protocol: v1.ProtocolTCP, port: 80, six: true},
		{from: "my-app", to: "allowed", protocol: v1.ProtocolTCP, port: 81, six: true},
	})
}
