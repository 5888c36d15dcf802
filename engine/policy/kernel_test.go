package policy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }

// A lab is world() in the kernel: its pods echo UDP datagrams on ports 53 and 54,
// and say which SCTP packets came; on TCP, a reset is as good an answer.
type lab struct {
	t       testing.TB
	network *network.Network
	places  map[string]*nsexec.NetNS // by name in addresses
	kernels map[string]*kernel       // by node
	sctp    sync.Map                 // what came, by its id
	ids     atomic.Uint64
}

func newLab(t testing.TB) *lab { return newLabOf(t, network.Routed, false) }

func newLabOf(t testing.TB, cni network.CNI, dualStack bool) *lab {
	t.Helper()
	n, err := network.Open(network.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	desired := network.Desired{ClientIP: addr("client"), CNI: cni}
	for i, name := range []string{"node-1", "node-2"} {
		desired.Nodes = append(desired.Nodes, network.Node{Name: name, IP: addr(name), PodCIDR: netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", i+1))})
	}
	if dualStack {
		desired.ClientIP6 = six(desired.ClientIP)
		for i := range desired.Nodes {
			desired.Nodes[i].IP6 = six(desired.Nodes[i].IP)
			desired.Nodes[i].PodCIDR6 = netip.PrefixFrom(six(desired.Nodes[i].PodCIDR.Addr()), 64)
		}
	}
	if err := n.Set(t.Context(), desired); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, network: n, kernels: map[string]*kernel{"node-1": {unsure: true}, "node-2": {unsure: true}}}
	l.places = map[string]*nsexec.NetNS{"client": n.Client(), "node-1": n.Node("node-1"), "node-2": n.Node("node-2")}
	for _, p := range world().Pods {
		name := strings.TrimPrefix(p.Namespace+"/"+p.Name, "default/")
		ns, err := nsexec.NewNetNS()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Close() })
		pod := network.Pod{ID: name, Name: name, Node: p.Spec.NodeName, IP: addr(name), NS: ns}
		if dualStack {
			pod.IP6 = six(pod.IP)
		}
		if _, err := n.Attach(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		l.places[name] = ns
	}
	for name, ns := range l.places {
		ips := []netip.Addr{addr(name)}
		if dualStack {
			ips = append(ips, six(addr(name)))
		}
		for _, ip := range ips {
			l.echo(ns, netip.AddrPortFrom(ip, 53))
			l.echo(ns, netip.AddrPortFrom(ip, 54))
		}
		l.hear(ns)
	}
	return l
}

// echo listens at one address, so that this is what the answers come from.
func (l *lab) echo(ns *nsexec.NetNS, at netip.AddrPort) {
	c, err := ns.ListenPacket("udp", at.String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:n], from)
		}
	}()
}

// hear notes the SCTP packets that arrive; few kernels here have the protocol.
func (l *lab) hear(ns *nsexec.NetNS) {
	fd := l.raw(ns)
	done := make(chan struct{})
	l.t.Cleanup(func() {
		unix.Shutdown(fd, unix.SHUT_RDWR)
		<-done
		unix.Close(fd)
	})
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		l.t.Fatal(err)
	}
	stop := l.t.Context().Done()
	go func() {
		defer close(done)
		b := make([]byte, 256)
		for {
			n, _, err := unix.Recvfrom(fd, b, 0)
			if err == nil && n >= 40 {
				l.sctp.Store(binary.BigEndian.Uint64(b[32:]), true)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
}

func (l *lab) raw(ns *nsexec.NetNS) (fd int) {
	l.t.Helper()
	if err := ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		return err
	}); err != nil {
		l.t.Fatal(err)
	}
	return fd
}

// apply writes a plan, and forgets all connections there were.
func (l *lab) apply(plan *Plan) {
	l.t.Helper()
	l.write(plan)
	for node := range l.kernels {
		if err := l.places[node].Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) }); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *lab) write(plan *Plan) {
	l.t.Helper()
	for node, k := range l.kernels {
		if err := l.places[node].Do(func() error { _, err := k.set(plan.Node(node)); return err }); err != nil {
			l.t.Fatal(err)
		}
	}
}

// A probe is one connection that is tried.
type probe struct {
	from, to string
	protocol v1.Protocol
	port     uint16
	six      bool // over IPv6; not of SCTP
	want     Verdict
	arrived  atomic.Bool
}

func (p *probe) String() string {
	return fmt.Sprintf("%s > %s (%s) %s %d", p.from, p.to, p.addr(p.to), p.protocol, p.port)
}

func (p *probe) addr(name string) netip.Addr {
	if p.six {
		return six(addr(name))
	}
	return addr(name)
}

// check tries all connections at once, and compares with the plan. What is to
// arrive is waited for; what is not has as long, and a little more.
func (l *lab) check(plan *Plan, all []*probe) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 15*time.Second)
	defer cancel()
	var allowed, running sync.WaitGroup
	for _, p := range all {
		p.want = plan.Verdict(p.addr(p.from), p.addr(p.to), p.protocol, p.port)
		if p.want.Allowed {
			allowed.Add(1)
		}
		running.Go(func() {
			p.arrived.Store(l.try(ctx, p))
			if p.want.Allowed {
				allowed.Done()
			}
		})
	}
	allowed.Wait()
	time.AfterFunc(150*time.Millisecond, cancel)
	running.Wait()
	for _, p := range all {
		if got := p.arrived.Load(); got != p.want.Allowed {
			l.t.Errorf("%s: arrived %v, but: %s", p, got, p.want.Sentence)
		}
	}
}

// try reports whether a connection's first packet arrived, before ctx is done.
func (l *lab) try(ctx context.Context, p *probe) bool {
	to := netip.AddrPortFrom(p.addr(p.to), p.port).String()
	switch p.protocol {
	case v1.ProtocolTCP:
		c, err := l.places[p.from].DialContext(ctx, "tcp", to)
		if err == nil {
			c.Close()
		}
		return err == nil || errors.Is(err, unix.ECONNREFUSED)
	case v1.ProtocolUDP:
		return l.ask(ctx, p.from, to)
	}
	fd := l.raw(l.places[p.from])
	defer unix.Close(fd)
	id := l.ids.Add(1)
	packet := make([]byte, 12, 20) // the common header; no chunk
	binary.BigEndian.PutUint16(packet, 40000)
	binary.BigEndian.PutUint16(packet[2:], p.port)
	packet = binary.BigEndian.AppendUint64(packet, id)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		unix.Sendto(fd, packet, 0, &unix.SockaddrInet4{Addr: addr(p.to).As4()})
		if _, came := l.sctp.Load(id); came {
			return true
		}
		select {
		case <-ctx.Done():
			_, came := l.sctp.Load(id)
			return came
		case <-tick.C:
		}
	}
}

// ask reports whether a datagram is answered, before ctx is done.
func (l *lab) ask(ctx context.Context, from, to string) bool {
	c, err := l.places[from].DialContext(ctx, "udp", to)
	if err != nil {
		return false
	}
	defer c.Close()
	for ctx.Err() == nil {
		c.Write([]byte("?"))
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(make([]byte, 8)); err == nil {
			return true
		} else if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			return false
		}
	}
	return false
}

// What the plan says of the table's connections, the kernel does.
func TestKernelTable(t *testing.T) {
	l := newLab(t)
	for _, c := range cases {
		in := world()
		in.Policies = policies(t, c.policies)
		plan := Compile(in)
		l.apply(plan)
		var all []*probe
		for _, try := range c.tries {
			p := &probe{}
			p.from, p.to, p.protocol, p.port = parse(t, try.connection)
			if !routed(p.from, p.to) || p.protocol == v1.ProtocolUDP && p.port != 53 {
				continue
			}
			all = append(all, p)
		}
		l.check(plan, all)
		if t.Failed() {
			t.Fatalf("%s:\n%s", c.name, l.list("node-1"))
		}
	}
}

// routed leaves out what no packet can try: pods' addresses are not known outside.
func routed(from, to string) bool { return from != to && from != "client" }

func (l *lab) list(node string) string {
	var out []byte
	l.places[node].Do(func() (err error) {
		out, err = exec.Command("nft", "list", "ruleset").CombinedOutput()
		return err
	})
	return string(out)
}

// The same for policies by chance, between everybody, however pods are joined.
func TestKernelGenerated(t *testing.T) {
	for cni, rounds := range map[network.CNI]int{network.Routed: 12, network.Bridge: 6, network.VXLAN: 6} {
		t.Run(string(cni), func(t *testing.T) { testKernelGenerated(t, cni, rounds) })
	}
}

func testKernelGenerated(t *testing.T, cni network.CNI, rounds int) {
	const seed = 20
	l := newLabOf(t, cni, false)
	r := rand.New(rand.NewPCG(seed, seed))
	admitted, denied := 0, 0
	for round := range rounds {
		in := world()
		in.Policies = generate(r)
		plan := Compile(in)
		l.apply(plan)
		var all []*probe
		for from := range addresses {
			for to := range addresses {
				toPod := to != "client" && !strings.HasPrefix(to, "node")
				if !routed(from, to) || strings.HasPrefix(from, "node") && !toPod {
					continue
				}
				if cni == network.VXLAN && strings.HasPrefix(from, "node") && !slices.ContainsFunc(in.Pods, func(p *v1.Pod) bool {
					return p.Spec.NodeName == from && p.Status.PodIPs[0].IP == addresses[to]
				}) {
					continue // it comes from the tunnel's address
				}
				for _, x := range []struct {
					protocol v1.Protocol
					port     uint16
				}{{v1.ProtocolTCP, 80}, {v1.ProtocolTCP, 8080}, {v1.ProtocolUDP, 53}, {v1.ProtocolUDP, 54}, {v1.ProtocolSCTP, 80}} {
					all = append(all, &probe{from: from, to: to, protocol: x.protocol, port: x.port})
				}
			}
		}
		l.check(plan, all)
		for _, p := range all {
			if p.want.Allowed {
				admitted++
			} else {
				denied++
			}
		}
		if t.Failed() {
			t.Fatalf("round %d:\n%s%s", round, plan.Node("node-1"), plan.Node("node-2"))
		}
	}
	if admitted < 250 || denied < 250 {
		t.Errorf("%d admitted and %d denied: the policies say too little", admitted, denied)
	}
}

func generate(r *rand.Rand) (out []*networking.NetworkPolicy) {
	chance := func(n int) bool { return r.IntN(n) == 0 }
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	selector := func() *metav1.LabelSelector {
		if chance(3) {
			return &metav1.LabelSelector{}
		}
		if chance(3) {
			return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{pick("my-app", "third", "db")}}}}
		}
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": pick("my-app", "allowed-app", "third", "db")}}
	}
	peers := func() (out []networking.NetworkPolicyPeer) {
		for range r.IntN(3) {
			var x networking.NetworkPolicyPeer
			switch r.IntN(4) {
			case 0:
				x.IPBlock = &networking.IPBlock{CIDR: pick("10.244.0.0/16", "0.0.0.0/0", "10.244.1.0/29", "172.18.0.0/24")}
				if chance(2) && x.IPBlock.CIDR != "172.18.0.0/24" {
					x.IPBlock.Except = []string{pick("10.244.1.2/31", "10.244.1.4/32")}
				}
			case 1:
				x.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick("a", "b")}}
			case 2:
				x.NamespaceSelector, x.PodSelector = &metav1.LabelSelector{}, selector()
			default:
				x.PodSelector = selector()
			}
			out = append(out, x)
		}
		return out
	}
	ports := func() (out []networking.NetworkPolicyPort) {
		for range r.IntN(3) {
			protocol := v1.Protocol(pick("TCP", "TCP", "UDP", "SCTP"))
			x := networking.NetworkPolicyPort{Protocol: &protocol}
			switch r.IntN(4) {
			case 0:
				n := intstr.FromInt32(int32([]int{53, 54, 80, 8080}[r.IntN(4)]))
				x.Port = &n
			case 1:
				n, end := intstr.FromInt32(int32(50+r.IntN(5))), int32(54+r.IntN(30))
				x.Port, x.EndPort = &n, &end
			case 2:
				n := intstr.FromString(pick("http", "dns"))
				x.Port = &n
			}
			out = append(out, x)
		}
		return out
	}
	for i := range 1 + r.IntN(4) {
		p := &networking.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: pick("default", "other"), Name: fmt.Sprintf("p%d", i)}}
		p.Spec.PodSelector = *selector()
		if chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeIngress)
			for range r.IntN(3) {
				p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{From: peers(), Ports: ports()})
			}
		}
		if len(p.Spec.PolicyTypes) == 0 || chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeEgress)
			for range r.IntN(3) {
				p.Spec.Egress = append(p.Spec.Egress, networking.NetworkPolicyEgressRule{To: peers(), Ports: ports()})
			}
		}
		out = append(out, p)
	}
	return out
}

// What nft lists is what was planned; comments are whole.
func TestKernelListing(t *testing.T) {
	l := newLab(t)
	in := world()
	in.Policies = policies(t, article)
	l.apply(Compile(in))
	got := l.list("node-1")
	for _, want := range []string{
		`ip saddr @ingress-default/my-network-policy-1-1 tcp dport 80 counter packets 0 bytes 0 accept comment "default/my-network-policy ingress rule 1 from[0] (peer app=allowed-app, port 80)"`,
		`drop comment "no ingress rule of default/my-network-policy admits it"`,
		`ip daddr vmap @into-pods`,
		`elements = { 10.244.1.2 : goto to-default/my-app }`,
		`ct state established,related counter`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not there: %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	l.apply(Compile(world()))
	if got := l.list("node-1"); strings.Contains(got, "table inet podhop-policy") {
		t.Errorf("without policies there is still\n%s", got)
	}
}

// Where only labels change, rules keep their handles; what was open stays open.
func TestKernelChange(t *testing.T) {
	l := newLab(t)
	in := world()
	in.Policies = policies(t, article)
	l.apply(Compile(in))
	c, err := l.places["allowed"].DialContext(t.Context(), "udp4", addresses["third"]+":53")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange := func() {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			c.Write([]byte("?"))
			c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := c.Read(make([]byte, 8)); err == nil {
				return
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	exchange()
	k := l.kernels["node-1"]
	set := func(in Input, node string) (wrote bool) {
		t.Helper()
		if err := l.places[node].Do(func() (err error) {
			wrote, err = l.kernels[node].set(Compile(in).Node(node))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return wrote
	}
	if set(in, "node-1") {
		t.Error("wrote what was there")
	}
	in.Pods[2].Labels["app"] = "allowed-app"
	desired := Compile(in).Node("node-1")
	if p, ok := diff(k.now, desired); !ok || len(p.elements) != 1 || len(p.elements[0].add.Ranges) != 1 || len(p.elements[0].remove.Ranges) != 0 ||
		len(p.added)+len(p.longer)+len(p.changed)+len(p.gone)+len(p.addedSets)+len(p.goneSets) != 0 || !set(in, "node-1") {
		t.Errorf("a label should add one element to one set: %+v", p)
	}
	if got := l.list("node-1"); !strings.Contains(got, "elements = { 10.244.1.3, 10.244.2.2 }") && !strings.Contains(got, "elements = { 10.244.2.2, 10.244.1.3 }") {
		t.Errorf("the set is\n%s", got)
	}
	in.Policies = policies(t, denyAll)
	set(in, "node-1")
	set(in, "node-2")
	exchange()
	l.check(Compile(in), []*probe{{from: "allowed", to: "third", protocol: v1.ProtocolUDP, port: 53}, {from: "allowed", to: "third", protocol: v1.ProtocolTCP, port: 80}})
}

// Policies of many rules, with the buffers that a server in a user namespace gets
// on an ordinary host.
func TestKernelMany(t *testing.T) {
	for _, rules := range []int{500, 1000} {
		l := newLab(t)
		for _, k := range l.kernels {
			k.buffer = 212992 // net.core.wmem_max
		}
		in := world()
		p := policies(t, article)[0]
		for i := range rules - 1 {
			n := intstr.FromInt32(int32(1000 + i))
			p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{
				From:  []networking.NetworkPolicyPeer{{IPBlock: &networking.IPBlock{CIDR: fmt.Sprintf("10.%d.0.0/16", i%256), Except: []string{fmt.Sprintf("10.%d.7.0/24", i%256)}}}},
				Ports: []networking.NetworkPolicyPort{{Port: &n}},
			})
		}
		in.Policies = []*networking.NetworkPolicy{p}
		start := time.Now()
		plan := Compile(in)
		planned := time.Since(start)
		l.apply(plan)
		t.Logf("%d rules: planned in %v, in place after %v", rules, planned, time.Since(start))
		l.check(plan, []*probe{
			{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 1244}, // of 10.244.0.0/16
			{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 1245},
			{from: "allowed", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
		})
		// Another rule, one label, and back to a few: there is one table at all times.
		p.Spec.Ingress = p.Spec.Ingress[:rules-1]
		l.apply(Compile(in))
		in.Pods[2].Labels["app"] = "allowed-app"
		l.apply(Compile(in))
		l.check(Compile(in), []*probe{{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 80}})
		in.Policies = policies(t, article)
		l.apply(Compile(in))
		l.check(Compile(in), []*probe{
			{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
			{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 1244},
		})
		if n := strings.Count(l.list("node-1"), "table inet podhop-policy"); n != 1 {
			t.Errorf("%d rules: then %d tables", rules, n)
		}
	}
}

// One rule of 1,000 peers, whose blocks overlap and repeat.
func TestKernelManyPeers(t *testing.T) {
	l := newLab(t)
	in := world()
	p := policies(t, article)[0]
	for i := range 1000 {
		cidr := []string{"10.0.0.0/8", "10.245.0.0/16", "10.244.2.0/24", "192.168.0.0/16"}[i%4]
		except := []string{"10.244.0.0/15", "10.245.1.0/24", "10.244.2.3/32", "192.168.7.0/24"}[i%4]
		p.Spec.Ingress[0].From = append(p.Spec.Ingress[0].From, networking.NetworkPolicyPeer{IPBlock: &networking.IPBlock{CIDR: cidr, Except: []string{except}}})
	}
	in.Policies = []*networking.NetworkPolicy{p}
	plan := Compile(in)
	l.apply(plan)
	l.check(plan, []*probe{
		{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 80}, // of 10.244.2.0/24
		{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 81},
		{from: "other/allowed", to: "my-app", protocol: v1.ProtocolTCP, port: 80}, // excepted from all
		{from: "other/db", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
		{from: "allowed", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
	})
}

// Both families at once: the same rules, with sets of each.
func TestKernelDualStack(t *testing.T) {
	l := newLab(t)
	in := world()
	for i, p := range in.Pods {
		p.Status.PodIPs = append(p.Status.PodIPs, v1.PodIP{IP: fmt.Sprintf("fd00::%d", i+2)})
	}
	in.Policies = policies(t, article+`---
metadata: {name: out}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: "fd00::/64", except: ["fd00::4/127"]}}], ports: [{port: http}]}]
`)
	plan := Compile(in)
	l.apply(plan)
	got := l.list("node-1")
	for _, want := range []string{
		`ip6 saddr . ip6 daddr @themselves-6`,
		`icmpv6 type 133-137 counter packets 0 bytes 0 accept comment "neighbours find each other"`,
		`ip6 saddr vmap @from-pods-6`,
		`ip6 daddr @egress-default/out-1-1-6 ip6 daddr . tcp dport @egress-default/out-port-1-6`,
		`ip6 saddr @ingress-default/my-network-policy-1-1-6 tcp dport 80`,
		`fd00::6-fd00::ffff:ffff:ffff:ffff`,
		`elements = { fd00::2 . fd00::2 }`,
		`fd00::6 . 8080`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not there: %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	for to, want := range map[string]bool{"fd00::3": true, "fd00::4": false, "fd00::5": false, "10.244.1.3": false} {
		if v := plan.Verdict(netip.MustParseAddr("fd00::2"), netip.MustParseAddr(to), v1.ProtocolTCP, 80); v.Allowed != want {
			t.Errorf("%s: %+v", to, v)
		}
	}
}
