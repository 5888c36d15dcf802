package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// A Path is one way between two namespaces, to be measured.
type Path struct {
	Name     string
	From, At *nsexec.NetNS
	// Listen is where At listens, Dial what From asks for, where that is something else.
	Listen, Dial netip.AddrPort
}

// A Flow is how fast a Path is, by TCP between two goroutines, and as a ratio to two
// namespaces that a veth joins and nothing else.
type Flow struct {
	Path            string  `json:"path"`
	BytesPerSecond  float64 `json:"bytesPerSecond"`
	RoundTrip       float64 `json:"roundTripMicroseconds"` // of a byte and its answer, median
	Throughput      float64 `json:"throughputRatio"`       // the more the better
	RoundTripsRatio float64 `json:"roundTripRatio"`        // the less the better
}

const (
	flowRounds    = 10
	roundTrips    = 500 // in each round
	flowBuffer    = 256 << 10
	barePath      = "bare veth"
	flowPort      = 5201
	flowLossLimit = 10 * time.Second
)

// MeasureFlows measures each path for about d, in turns with the bare one, so that
// all see the same machine. The bare one comes first in what it returns. It must run
// inside nsexec's namespaces.
func MeasureFlows(ctx context.Context, d time.Duration, paths ...Path) (flows []Flow, err error) {
	bare, end, err := bareNamespaces()
	if err != nil {
		return nil, err
	}
	defer end()
	paths = append([]Path{bare}, paths...)
	talks := make([]*talk, len(paths))
	for i, p := range paths {
		if talks[i], err = p.open(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		defer talks[i].close()
	}
	for range flowRounds {
		for i, t := range talks {
			if err := errors.Join(ctx.Err(), t.stream(d/flowRounds), t.ping(roundTrips)); err != nil {
				return nil, fmt.Errorf("%s: %w", paths[i].Name, err)
			}
		}
	}
	for i, t := range talks {
		slices.Sort(t.trips)
		f := Flow{Path: paths[i].Name, BytesPerSecond: float64(t.bytes) / t.took.Seconds(),
			RoundTrip: float64(t.trips[len(t.trips)/2].Nanoseconds()) / 1000, Throughput: 1, RoundTripsRatio: 1}
		if i > 0 {
			f.Throughput, f.RoundTripsRatio = f.BytesPerSecond/flows[0].BytesPerSecond, f.RoundTrip/flows[0].RoundTrip
		}
		flows = append(flows, f)
	}
	return flows, nil
}

// A talk is an open path: one connection that takes all, one that echoes.
type talk struct {
	sink, echo net.Conn // the sender's ends
	listener   net.Listener
	received   chan int

	bytes int
	took  time.Duration
	trips []time.Duration
}

func (p Path) open(ctx context.Context) (*talk, error) {
	if !p.Dial.IsValid() {
		p.Dial = p.Listen
	}
	ln, err := p.At.Listen("tcp", p.Listen.String())
	if err != nil {
		return nil, err
	}
	t := &talk{listener: ln, received: make(chan int)}
	go t.serve()
	for _, c := range []*net.Conn{&t.sink, &t.echo} {
		if *c, err = p.From.DialContext(ctx, "tcp", p.Dial.String()); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

// serve takes the two connections in the order in which they are made.
func (t *talk) serve() {
	defer close(t.received)
	sink, err := t.listener.Accept()
	if err != nil {
		return
	}
	defer sink.Close()
	if echo, err := t.listener.Accept(); err == nil {
		done := make(chan struct{})
		defer func() { echo.Close(); <-done }()
		go func() { io.Copy(echo, echo); close(done) }()
	}
	buf := make([]byte, flowBuffer)
	for {
		n, err := sink.Read(buf)
		if err != nil {
			return
		}
		t.received <- n
	}
}

// stream sends for d, and counts what came until all has come.
func (t *talk) stream(d time.Duration) error {
	start, sent, done := time.Now(), 0, make(chan error, 1)
	go func() {
		buf := make([]byte, flowBuffer)
		for time.Since(start) < d {
			n, err := t.sink.Write(buf)
			if sent += n; err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	got, lost := 0, time.NewTimer(d+flowLossLimit)
	defer lost.Stop()
	for over := false; !over || got < sent; {
		select {
		case n, ok := <-t.received:
			if !ok {
				return io.ErrUnexpectedEOF
			}
			got += n
		case err := <-done:
			if over = true; err != nil {
				return err
			}
		case <-lost.C:
			return context.DeadlineExceeded
		}
	}
	t.bytes += got
	t.took += time.Since(start)
	return nil
}

func (t *talk) ping(n int) error {
	var b [1]byte
	for range n {
		start := time.Now()
		t.echo.SetDeadline(start.Add(flowLossLimit))
		if _, err := t.echo.Write(b[:]); err != nil {
			return err
		}
		if _, err := io.ReadFull(t.echo, b[:]); err != nil {
			return err
		}
		t.trips = append(t.trips, time.Since(start))
	}
	return nil
}

func (t *talk) close() {
	t.listener.Close()
	for _, c := range []net.Conn{t.sink, t.echo} {
		if c != nil {
			c.Close()
		}
	}
	for range t.received { // until serve has ended
	}
}

// bareNamespaces makes two namespaces that a veth joins.
func bareNamespaces() (p Path, end func(), err error) {
	want, spaces := map[string]*furniture{}, map[string]*space{}
	end = func() {
		for _, s := range spaces {
			s.close()
			s.ns.Close()
		}
	}
	names := []string{"a", "b"}
	for i, name := range names {
		ns, err := nsexec.NewNetNS()
		if err != nil {
			end()
			return p, nil, err
		}
		spaces[name] = &space{ns: ns}
		want[name] = &furniture{sysctls: []sysctl{Desired{}.quiet()}, addrs: []addr{{podIndexes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i)}), 24)}}}
	}
	want["a"].links = []link{{name: "eth0", index: podIndexes, kind: "veth", mac: macOf(want["a"].addrs[0].prefix.Addr()), up: true,
		peer: "b", peerName: "eth0", peerIndex: podIndexes, peerMAC: macOf(want["b"].addrs[0].prefix.Addr())}}
	want["b"].links = []link{{name: "eth0", index: podIndexes, up: true}}
	if err := apply(diff(site{}, names, want, nil), spaces); err != nil {
		end()
		return p, nil, err
	}
	return Path{barePath, spaces["a"].ns, spaces["b"].ns, netip.AddrPortFrom(want["b"].addrs[0].prefix.Addr(), flowPort), netip.AddrPort{}}, end, nil
}

// BenchFlows measures pods, on one node and on two, joined in every way that a CNI
// does it.
func BenchFlows(ctx context.Context, d time.Duration) ([]Flow, error) {
	var paths []Path
	for _, cni := range CNIs() {
		lab, err := newFlowLab(ctx, cni)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cni, err)
		}
		defer lab.close()
		for i, where := range []string{"same node", "other node"} {
			paths = append(paths, Path{
				Name: string(cni) + ", " + where, From: lab.pods[0].NS, At: lab.pods[i+1].NS, Listen: netip.AddrPortFrom(lab.pods[i+1].IP, flowPort),
			})
		}
	}
	return MeasureFlows(ctx, d, paths...)
}

// A flowLab has two pods on its first node, and one on its second.
type flowLab struct {
	network *Network
	pods    []Pod
}

func newFlowLab(ctx context.Context, cni CNI) (l *flowLab, err error) {
	l = &flowLab{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.network, err = Open(Config{}); err != nil {
		return l, err
	}
	d := Desired{CNI: cni, ClientIP: netip.MustParseAddr("172.18.0.100")}
	for i := range byte(2) {
		d.Nodes = append(d.Nodes, Node{Name: fmt.Sprint("node-", i+1), IP: netip.AddrFrom4([4]byte{172, 18, 0, 11 + i}),
			PodCIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, 1 + i, 0}), 24)})
	}
	if err := l.network.Set(ctx, d); err != nil {
		return l, err
	}
	for i, node := range []string{"node-1", "node-1", "node-2"} {
		ns, err := nsexec.NewNetNS()
		if err != nil {
			return l, err
		}
		p := Pod{ID: fmt.Sprint(i), Name: fmt.Sprint("default/pod-", i), Node: node, NS: ns}
		l.pods = append(l.pods, p)
		at, err := l.network.Attach(ctx, p)
		if err != nil {
			return l, err
		}
		l.pods[i].IP = at.IP
	}
	return l, nil
}

func (l *flowLab) close() {
	if l.network != nil {
		l.network.Close()
	}
	for _, p := range l.pods {
		p.NS.Close()
	}
}
