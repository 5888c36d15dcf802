package trace_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/record"
	"github.com/podhop/podhop/internal/nsexec"
)

// A lab is a session's network in small: an underlay, two nodes, a client, and
// pods, with rules as kube-proxy writes them (testdata/kube-proxy.nft).
type lab struct {
	t    testing.TB
	nets map[string]*nsexec.NetNS
	ips  map[netip.Addr]string
	// peers is what is at the other end of a namespace's devices.
	peers map[string]map[string]record.Device
	// local and remote are the addresses of the latest connection.
	local, remote netip.AddrPort
	hidden        string // a source that is not there now
	maxFrames     int
	share         trace.Share
}

func newLab(t testing.TB) *lab {
	l := &lab{t: t, nets: map[string]*nsexec.NetNS{}, ips: map[netip.Addr]string{}, peers: map[string]map[string]record.Device{}}
	t.Cleanup(func() {
		for _, n := range l.nets {
			n.Close()
		}
	})
	l.add("underlay")
	l.run("underlay", "ip link add br0 type bridge; ip addr add 172.18.0.1/24 dev br0; ip link set br0 up; sysctl -qw net.ipv4.ip_forward=1")
	l.host("client", "client", "172.18.0.100")
	for i := 1; i <= 2; i++ {
		node, ip := fmt.Sprintf("node/node-%d", i), fmt.Sprintf("172.18.0.1%d", i)
		l.host(node, fmt.Sprintf("node-%d", i), ip)
		l.run(node, fmt.Sprintf("sysctl -qw net.ipv4.ip_forward=1; ip route add 10.244.%d.0/24 via 172.18.0.1%d", 3-i, 3-i))
		rules, err := os.ReadFile("testdata/kube-proxy.nft")
		if err != nil {
			t.Fatal(err)
		}
		hairpin := ""
		if i == 1 {
			hairpin = "elements = { 10.244.1.3 . 10.244.1.3 . tcp . 8080 }"
		}
		l.nft(node, strings.NewReplacer("NODEIP", ip, "PODCIDR", fmt.Sprintf("10.244.%d.0/24", i), "HAIRPIN", hairpin).Replace(string(rules)))
	}
	l.pod("node/node-1", "pod/default/shop", "10.244.1.2")
	l.pod("node/node-1", "pod/default/web-0", "10.244.1.3")
	l.pod("node/node-2", "pod/default/web-1", "10.244.2.2")
	l.pod("node/node-2", "pod/default/web-2", "10.244.2.3")
	return l
}

func (l *lab) add(vertex string) *nsexec.NetNS {
	n, err := nsexec.NewNetNS()
	if err != nil {
		l.t.Fatal(err)
	}
	l.nets[vertex], l.peers[vertex] = n, map[string]record.Device{}
	return n
}

// host is a namespace with an eth0 at the underlay's bridge.
func (l *lab) host(vertex, port, ip string) {
	n := l.add(vertex)
	l.run("underlay", fmt.Sprintf("ip link add %s type veth peer name eth0 netns %s; ip link set %s master br0 up", port, n.Path(), port))
	l.run(vertex, fmt.Sprintf("ip addr add %s/24 dev eth0; ip link set eth0 up; ip route add default via 172.18.0.1", ip))
	l.peers["underlay"][port] = record.Device{Name: port, Peer: vertex, PeerName: "eth0"}
	l.peers[vertex]["eth0"] = record.Device{Name: "eth0", Peer: "underlay", PeerName: port}
	l.ips[netip.MustParseAddr(ip)] = vertex
}

// pod is a routed pod: a /32, and a veth to its node.
func (l *lab) pod(node, vertex, ip string) {
	n := l.add(vertex)
	veth := "veth-" + vertex[strings.LastIndexByte(vertex, '/')+1:]
	gw := ip[:strings.LastIndexByte(ip, '.')] + ".1"
	l.run(node, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %s; ip addr add %s/32 dev %s; ip link set %s up; ip route add %s/32 dev %s", veth, n.Path(), gw, veth, veth, ip, veth))
	l.run(vertex, fmt.Sprintf("ip addr add %s/32 dev eth0; ip link set eth0 up; ip route add %s dev eth0; ip route add default via %s", ip, gw, gw))
	l.peers[node][veth] = record.Device{Name: veth, Peer: vertex, PeerName: "eth0"}
	l.ips[netip.MustParseAddr(ip)] = vertex
}

func (l *lab) run(vertex, script string) {
	l.t.Helper()
	l.command(vertex, exec.Command("sh", "-ec", script))
}

func (l *lab) nft(vertex, rules string) {
	l.t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	l.command(vertex, cmd)
}

func (l *lab) output(vertex string, command ...string) string {
	l.t.Helper()
	return l.command(vertex, exec.Command(command[0], command[1:]...))
}

func (l *lab) command(vertex string, cmd *exec.Cmd) string {
	l.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := l.nets[vertex].Do(cmd.Run); err != nil {
		l.t.Fatalf("%s: %s: %v\n%s", vertex, cmd, err, out.String())
	}
	return out.String()
}

// sources are the underlay, the client and the nodes.
func (l *lab) sources() []trace.Source {
	var all []trace.Source
	for _, name := range []string{"underlay", "client", "node/node-1", "node/node-2"} {
		if name == l.hidden {
			continue
		}
		n, peers := l.nets[name], l.peers[name]
		all = append(all, trace.Source{Name: name, Net: n, Devices: func(index int) (d record.Device, ok bool) {
			n.Do(func() error {
				i, err := net.InterfaceByIndex(index)
				if err == nil {
					if d, ok = peers[i.Name]; !ok {
						d, ok = record.Device{Name: i.Name}, true
					}
				}
				return nil
			})
			return d, ok
		}})
	}
	return all
}

// serve answers HTTP in a namespace, with its vertex as the body.
func (l *lab) serve(vertex, address string) {
	l.t.Helper()
	li, err := l.nets[vertex].Listen("tcp", address)
	if err != nil {
		l.t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, vertex) })}
	go s.Serve(li)
	l.t.Cleanup(func() { s.Close() })
}

// dial connects over TCP.
func (l *lab) dial(vertex, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l.local, l.remote = netip.AddrPort{}, netip.MustParseAddrPort(address)
	c, err := l.nets[vertex].DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l.local = netip.MustParseAddrPort(c.LocalAddr().String())
	return c, nil
}

// get sends one HTTP request from a namespace, and returns the answer's body.
func (l *lab) get(vertex, address string) (body string, err error) {
	c, err := l.dial(vertex, address)
	if err != nil {
		return "", err
	}
	return request(c)
}

// request sends an HTTP request on a connection, and closes it.
func request(c net.Conn) (body string, err error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// A watch is a tracer that somebody watches, and what it emitted.
type watch struct {
	*trace.Tracer
	l       *lab
	release func()
	mu      sync.Mutex
	all     []model.Journey
	lost    map[string]uint64
	capture []model.Capture
}

func (l *lab) watch() *watch {
	l.t.Helper()
	w := &watch{l: l, lost: map[string]uint64{}}
	tracer, err := trace.New(trace.Config{
		Sources: l.sources,
		Names:   func(a netip.Addr) string { return l.ips[a] },

		MaxFrames: l.maxFrames,
		Share:     l.share,
		Emit: func(j model.Journey) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.all = append(w.all, j)
		},
		Lost: func(n uint64, reason string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lost[reason] += n
		},
		Captured: func(c model.Capture) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.capture = append(w.capture, c)
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { tracer.Close() })
	w.Tracer = tracer
	if w.release, err = tracer.Watch(); err != nil {
		l.t.Fatal(err)
	}
	return w
}

// conversation flushes, and returns the latest connection's journeys.
func (w *watch) conversation() []model.Journey {
	w.l.t.Helper()
	w.flush()
	id := w.Conversation("tcp", w.l.local, w.l.remote)
	if id == "" {
		w.l.t.Fatalf("no conversation of %s > %s; journeys:\n%s", w.l.local, w.l.remote, tracetest.Render(w.journeys(anyJourney)...))
	}
	return w.journeys(func(j model.Journey) bool { return j.Conversation == id })
}

// to flushes, and returns the journeys of all conversations with a destination.
func (w *watch) to(address string) []model.Journey {
	w.l.t.Helper()
	w.flush()
	ids := map[string]bool{}
	for _, j := range w.journeys(anyJourney) {
		if j.Destination == address {
			ids[j.Conversation] = true
		}
	}
	return w.journeys(func(j model.Journey) bool { return ids[j.Conversation] })
}

func anyJourney(model.Journey) bool { return true }

func (w *watch) flush() {
	w.l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := w.Flush(ctx); err != nil {
		w.l.t.Fatal(err)
	}
}

// reset forgets what was emitted so far.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = nil
}

func (w *watch) journeys(want func(model.Journey) bool) []model.Journey {
	w.mu.Lock()
	defer w.mu.Unlock()
	var some []model.Journey
	for _, j := range w.all {
		if want(j) {
			some = append(some, j)
		}
	}
	return some
}

// text is journeys as people read them, with the ports that the kernel chose
// named by their role.
func (l *lab) text(all []model.Journey) string {
	return addressAndPort.ReplaceAllStringFunc(tracetest.Render(all...), func(s string) string {
		a := netip.MustParseAddrPort(s)
		switch a.Port() {
		case 53, 80, 81, 8080, 8081, 9999, 30080, 30081, 30082:
			return s
		case l.local.Port():
			return strings.TrimSuffix(netip.AddrPortFrom(a.Addr(), 0).String(), "0") + "PORT"
		}
		return strings.TrimSuffix(netip.AddrPortFrom(a.Addr(), 0).String(), "0") + "MASQ"
	})
}

var addressAndPort = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+:\d+|\[[0-9a-f:]+\]:\d+`)
