package engine

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"

	"k8s.io/client-go/kubernetes"
	componentversion "k8s.io/component-base/version"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/judge"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/topology"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/pcap"
	"github.com/podhop/podhop/engine/trace/record"
	"github.com/podhop/podhop/engine/why"
)

// packetsKept is how many bytes of packets a session keeps.
const packetsKept = 4 << 20

const arch = runtime.GOARCH

// vertexControlPlane is the API server on the map. It lives in the underlay's
// namespace, at an address of its own.
const vertexControlPlane = "control-plane"

func kubernetesVersion() string { return componentversion.Get().GitVersion }

// openFeed joins what the API and the kernel say into the session's stream.
func (s *Session) openFeed(_ context.Context, nodes []network.Node) (err error) {
	config := feed.Config{Watched: s.watched}
	if s.birth.kept != nil {
		config.First = uint64(time.Now().UnixMicro()) // those who were there come back with a number of before
	}
	s.feed = feed.New(config, s.Info())
	s.onClose(func() error { s.feed.Close(); return nil })

	judge := judge.New(func() (*policy.Plan, time.Time) { return s.policies.Plan() }) // nobody watches before they are there
	s.why = s.reasons()
	recent := why.NewRecent(s.why, time.Now)
	s.packets = pcap.NewStore(packetsKept)
	s.tracer, err = trace.New(trace.Config{
		Sources: s.sources, Names: s.vertexOf, Route: s.network.Route, Log: s.log,
		Frames: func(j *model.Journey, frames []record.Frame) {
			judge.Look(j)
			j.Why = recent.Packet(j)
			s.packets.Add(*j, frames)
		},
		Emit: func(j model.Journey) {
			s.engine.counts.journeys.Add(1)
			s.feed.Journey(&j)
		},
		Lost:     func(n uint64, reason string) { s.feed.Lost(n, reason) },
		Captured: func(c model.Capture) { s.feed.SetCapture(c) },
		Share:    s.api.Share().Another(), // who looks on is not to keep the learner waiting
	})
	if err != nil {
		return err
	}
	s.onClose(s.tracer.Close)

	places := []model.Vertex{
		{ID: network.VertexClient, Kind: "Client", Name: "client", IPs: []string{clientIP.String()}, Status: "Ready", Ready: true},
		{ID: network.VertexUnderlay, Kind: "Underlay", Name: "underlay", IPs: []string{"172.18.0.0/24"}, Status: "Ready", Ready: true},
	}
	if s.options.DualStack {
		places[0].IPs = append(places[0].IPs, clientIP6.String())
		places[1].IPs = append(places[1].IPs, "fd00:172:18::/64")
	}
	if s.engine.cfg.APIServerTLS != nil {
		places = append(places, model.Vertex{ID: vertexControlPlane, Kind: "ControlPlane", Name: "control-plane",
			IPs: []string{apiServer.Addr().String()}, Status: "Ready", Ready: true})
	}
	watcher, err := topology.NewWatcher(topology.WatcherConfig{
		Factory: s.api.Informers(),
		Network: func() topology.Network { return s.joined(topology.Network{Places: places}) },
		Changed: s.feed.SetGraph,
	})
	if err != nil {
		return err
	}
	s.topology, s.pods.changed = watcher, watcher.Touch
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return err
	}
	s.api.Informers().StartWithContext(s.ctx)
	s.work.Go(func() { watcher.Run(s.ctx) })
	s.work.Go(func() { topology.Events(s.ctx, client, s.feed.Event) })
	return nil
}

// watched turns the capture on with the first viewer and off with the last.
func (s *Session) watched(on bool) {
	if on {
		s.engine.desk() // who looks may type
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		if s.watching != nil {
			s.watching()
			s.watching = nil
		}
		return
	}
	release, err := s.tracer.Watch()
	if err != nil {
		s.log.Warn("watching", "err", err)
		s.feed.Lost(1, fmt.Sprintf("part of the network cannot be watched: %v", err))
	}
	s.watching = release
}

// sources are the namespaces that packets pass.
func (s *Session) sources() []trace.Source {
	var all []trace.Source
	add := func(name string, ns netns) {
		all = append(all, trace.Source{Name: name, Net: ns, Devices: func(index int) (record.Device, bool) {
			return s.device(name, index)
		}})
	}
	add(network.VertexClient, s.network.Client())
	add(network.VertexUnderlay, s.network.Underlay())
	for _, n := range s.nodes.on() {
		if ns := s.network.Node(n.Name); ns != nil {
			add(network.NodeVertex(n.Name), ns)
		}
	}
	return all
}

// netns is what a capture needs of a namespace.
type netns interface{ Do(func() error) error }

// device names a device, and what is at its other end.
func (s *Session) device(vertex string, index int) (record.Device, bool) {
	d, ok := s.network.Device(vertex, index)
	return record.Device{Name: d.Name, Peer: d.Peer, PeerName: d.PeerName, Bridge: d.Bridge}, ok
}

// vertexOf names who has an address.
func (s *Session) vertexOf(ip netip.Addr) string {
	switch ip {
	case clientIP, clientIP6:
		return network.VertexClient
	case apiServer.Addr():
		return vertexControlPlane
	}
	for _, n := range s.nodes.list() {
		for _, own := range []netip.Addr{
			n.IP, n.PodCIDR.Masked().Addr(), n.PodCIDR.Masked().Addr().Next(),
			n.IP6, n.PodCIDR6.Masked().Addr(), n.PodCIDR6.Masked().Addr().Next(),
		} {
			if own == ip {
				return network.NodeVertex(n.Name)
			}
		}
	}
	return s.pods.vertex(ip)
}

// Graph is the topology as viewers have it.
func (s *Session) Graph() model.Graph { return s.feed.Graph() }

// WritePackets writes the latest packets as pcapng; it fails with model.ErrNotFound if
// none is kept that the filter lets through.
func (s *Session) WritePackets(w io.Writer, f model.PacketFilter) error { return s.packets.Write(w, f) }

// FollowPackets writes them and those that come until ctx is done, or with
// model.ErrClosed the session. Meanwhile it is a viewer.
func (s *Session) FollowPackets(ctx context.Context, w io.Writer, f model.PacketFilter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(model.ErrClosed) })()
	defer s.feed.Subscribe(0).Close()
	if err := s.packets.Follow(ctx, w, f); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// Journeys are the recent ones, oldest first.
func (s *Session) Journeys() []model.Journey { return s.feed.Journeys() }

// Journey finds one of the recent ones.
func (s *Session) Journey(id string) (model.Journey, bool) { return s.feed.FindJourney(id) }

// Subscribe starts a viewer; see feed.Feed.
func (s *Session) Subscribe(after uint64) *feed.Subscription { return s.feed.Subscribe(after) }
