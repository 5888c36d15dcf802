package hostport

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/hostport/note"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }

// A lab is two nodes, a client outside, and two pods on the first node and one on
// the other, each of which says its name to who connects, or sends, to port 80.
type lab struct {
	*testing.T
	places map[string]*nsexec.NetNS
	ips    map[string]netip.Addr
	ports  *Ports
}

func newLab(t *testing.T, cni network.CNI) *lab {
	t.Helper()
	n, err := network.Open(network.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	l := &lab{T: t, places: map[string]*nsexec.NetNS{}, ips: map[string]netip.Addr{}}
	desired := network.Desired{CNI: cni, ClientIP: netip.MustParseAddr("172.18.0.100")}
	for i := range 2 {
		desired.Nodes = append(desired.Nodes, network.Node{Name: fmt.Sprintf("node-%d", i+1),
			IP: netip.AddrFrom4([4]byte{172, 18, 0, byte(11 + i)}), PodCIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(i + 1), 0}), 24)})
	}
	if err := n.Set(t.Context(), desired); err != nil {
		t.Fatal(err)
	}
	l.places["client"], l.places["node-1"], l.places["node-2"] = n.Client(), n.Node("node-1"), n.Node("node-2")
	for pod, node := range map[string]string{"web": "node-1", "other": "node-1", "far": "node-2"} {
		s, err := nsexec.NewNetNS()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		a, err := n.Attach(t.Context(), network.Pod{ID: pod, Name: "default/" + pod, Node: node, NS: s})
		if err != nil {
			t.Fatal(err)
		}
		l.places[pod], l.ips[pod] = s, a.IP
		l.answer(pod)
	}
	l.ports = New(l.places["node-1"], slog.New(slog.DiscardHandler))
	return l
}

func (l *lab) answer(pod string) {
	tcp, err := l.places[pod].Listen("tcp", "0.0.0.0:80")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { tcp.Close() })
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, pod)
			c.Close()
		}
	}()
	udp, err := l.places[pod].ListenPacket("udp", l.ips[pod].String()+":80")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { udp.Close() })
	go func() {
		for {
			_, from, err := udp.ReadFrom(make([]byte, 16))
			if err != nil {
				return
			}
			udp.WriteTo([]byte(pod), from)
		}
	}()
}

// ask says who answers, "" for nobody.
func (l *lab) ask(from, protocol, to string) string {
	l.Helper()
	c, err := l.places[from].DialContext(l.Context(), protocol, to)
	if errors.Is(err, unix.ECONNREFUSED) {
		return ""
	}
	if err != nil {
		l.Errorf("%s > %s %s: %v", from, protocol, to, err)
		return ""
	}
	defer c.Close()
	return l.read(c, protocol)
}

// read sends again while there is no answer to a datagram.
func (l *lab) read(c net.Conn, protocol string) string {
	b := make([]byte, 16)
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		c.SetDeadline(time.Now().Add(time.Second))
		if protocol == "udp" {
			if _, err := c.Write([]byte("?")); errors.Is(err, unix.ECONNREFUSED) {
				return ""
			}
		}
		n, err := c.Read(b)
		if err == nil {
			return string(b[:n])
		}
		if errors.Is(err, unix.ECONNREFUSED) {
			return ""
		}
	}
	return "no answer"
}

// localnet tells whether ports can answer at 127.0.0.1: not where /proc/sys is read-only.
func (l *lab) localnet() bool {
	return l.places["node-1"].Do(func() error { return nsexec.Sysctl("net/ipv4/conf/all/route_localnet", "1") }) == nil
}

func (l *lab) set(all ...Mapping) {
	l.Helper()
	if changed, err := l.ports.Set(all); err != nil || !changed {
		l.Fatalf("changed %v, %v", changed, err)
	}
	if changed, err := l.ports.Set(all); err != nil || changed {
		l.Fatalf("a second time: changed %v, %v", changed, err)
	}
}

func (l *lab) mapping(pod, protocol, hostIP string, port uint16) Mapping {
	m := Mapping{Pod: "default/" + pod, Protocol: protocol, HostPort: port, To: netip.AddrPortFrom(l.ips[pod], 80)}
	if hostIP != "" {
		m.HostIP = netip.MustParseAddr(hostIP)
	}
	return m
}

func TestHostPorts(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, network.Bridge, network.VXLAN} {
		t.Run(string(cni), func(t *testing.T) {
			l := newLab(t, cni)
			l.set(l.mapping("web", "tcp", "", 8080), l.mapping("web", "udp", "0.0.0.0", 8080),
				l.mapping("other", "tcp", "127.0.0.1", 8081), l.mapping("web", "tcp", "172.18.0.11", 8081))
			for _, ask := range []struct{ from, protocol, to, want string }{
				{"client", "tcp", "172.18.0.11:8080", "web"},
				{"client", "udp", "172.18.0.11:8080", "web"},
				{"node-2", "tcp", "172.18.0.11:8080", "web"},
				{"far", "tcp", "172.18.0.11:8080", "web"},
				{"far", "udp", "172.18.0.11:8080", "web"},
				{"other", "tcp", "172.18.0.11:8080", "web"},
				{"web", "tcp", "172.18.0.11:8080", "web"}, // itself
				{"node-1", "tcp", "172.18.0.11:8080", "web"},
				{"node-1", "tcp", "127.0.0.1:8080", "web"},
				{"node-1", "tcp", "127.0.0.1:8081", "other"},
				{"client", "tcp", "172.18.0.11:8081", "web"},
				{"client", "tcp", "172.18.0.12:8080", ""}, // another node
				{"client", "tcp", "172.18.0.11:80", ""},
				{"client", "udp", "172.18.0.11:8081", ""},
			} {
				if strings.HasPrefix(ask.to, "127.") && !l.localnet() {
					continue
				}
				if got := l.ask(ask.from, ask.protocol, ask.to); got != ask.want {
					t.Errorf("%s > %s %s: %q, not %q", ask.from, ask.protocol, ask.to, got, ask.want)
				}
			}
			l.set(l.mapping("other", "tcp", "", 8080))
			if got := l.ask("client", "tcp", "172.18.0.11:8080"); got != "other" {
				t.Errorf("after a change: %q", got)
			}
			l.set()
			if got := l.ask("client", "tcp", "172.18.0.11:8080"); got != "" {
				t.Errorf("without any: %q", got)
			}
			if got := l.list(); strings.Contains(got, note.Table) {
				t.Errorf("without any there is still\n%s", got)
			}
		})
	}
}

// Who sends datagrams all the time finds the port once there is one.
func TestPortComesLate(t *testing.T) {
	l := newLab(t, network.Routed)
	u, err := l.places["node-1"].ListenPacket("udp", "172.18.0.11:8080") // takes and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	c, err := l.places["client"].DialContext(t.Context(), "udp", "172.18.0.11:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.ReadFrom(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	l.set(l.mapping("web", "udp", "", 8080))
	if got := l.read(c, "udp"); got != "web" {
		t.Errorf("got %q", got)
	}
}

func (l *lab) list() (out string) {
	l.Helper()
	err := l.places["node-1"].Do(func() error {
		b, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		out = string(b)
		return err
	})
	if err != nil {
		l.Fatal(err, out)
	}
	return out
}

// What nft lists, of both families, is what portmap writes, and one chain more.
func TestListing(t *testing.T) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	l := &lab{T: t, places: map[string]*nsexec.NetNS{"node-1": ns}, ports: New(ns, slog.New(slog.NewTextHandler(os.Stderr, nil)))}
	l.set(
		Mapping{Pod: "default/web", Protocol: "tcp", HostPort: 8080, To: netip.MustParseAddrPort("10.244.1.2:80")},
		Mapping{Pod: "default/web", Protocol: "tcp", HostPort: 8080, To: netip.MustParseAddrPort("[fd00::2]:80")},
		Mapping{Pod: "default/dns", Protocol: "udp", HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 53, To: netip.MustParseAddrPort("10.244.1.3:5353")},
	)
	want := `table inet cni_hostport {
	chain hostip_hostports {
		ip daddr 127.0.0.1 udp dport 53 dnat ip to 10.244.1.3:5353 comment "hostPort of default/dns"
	}
	chain hostports {
		tcp dport 8080 dnat ip to 10.244.1.2:80 comment "hostPort of default/web"
		tcp dport 8080 dnat ip6 to [fd00::2]:80 comment "hostPort of default/web"
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump hostip_hostports
		fib daddr type local jump hostports
	}
	chain output {
		type nat hook output priority dstnat; policy accept;
		jump hostip_hostports
		fib daddr type local jump hostports
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.244.1.3 ip daddr 10.244.1.3 masquerade comment "hostPort of default/dns"
		ip saddr 127.0.0.1 ip daddr 10.244.1.3 masquerade comment "hostPort of default/dns"
		ip saddr 10.244.1.2 ip daddr 10.244.1.2 masquerade comment "hostPort of default/web"
		ip saddr 127.0.0.1 ip daddr 10.244.1.2 masquerade comment "hostPort of default/web"
		ip6 saddr fd00::2 ip6 daddr fd00::2 masquerade comment "hostPort of default/web"
	}
	chain input {
		type filter hook input priority filter; policy accept;
		iifname != "lo" ip daddr 127.0.0.0/8 ct state invalid,new counter packets 0 bytes 0 drop comment "127.0.0.0/8 is for the node alone"
	}
}
`
	tidy := func(s string) []string {
		s = regexp.MustCompile(`meta nfproto ipv[46] |(?m)^\s+|\(|\)`).ReplaceAllString(s, "")
		s = strings.ReplaceAll(s, "priority -100", "priority dstnat") // nft's versions differ
		return slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return l == "" })
	}
	if got := l.list(); !slices.Equal(tidy(got), tidy(want)) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(tidy(got), "\n"), strings.Join(tidy(want), "\n"))
	}
}

// More than fits into one transaction is written all the same, and what is too
// much is refused.
func TestMany(t *testing.T) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	l := &lab{T: t, places: map[string]*nsexec.NetNS{"node-1": ns}, ports: New(ns, slog.New(slog.DiscardHandler))}
	var all []Mapping
	for i := range Most {
		all = append(all, Mapping{Pod: "default/web", Protocol: "tcp", HostPort: uint16(1000 + i), To: netip.MustParseAddrPort("10.244.1.2:80")})
	}
	l.set(all...)
	if n := strings.Count(l.list(), "dnat ip to"); n != Most {
		t.Errorf("%d of %d are there", n, Most)
	}
	if _, err := l.ports.Set(append(all, Mapping{Pod: "default/b", Protocol: "udp", HostPort: 1, To: all[0].To})); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v", err)
	}
	l.set()
}
