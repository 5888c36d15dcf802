package pcap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/explain"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

type rulesets map[string]*explain.Ruleset

func (r rulesets) Ruleset(namespace string) *explain.Ruleset { return r[namespace] }

func (r rulesets) Rule(namespace, family, table string, handle uint64) *explain.Rule {
	if t := r[namespace].Table(family, table); t != nil {
		return t.Rules[handle]
	}
	return nil
}

// recorded is a store of what was recorded of a request to a NodePort.
func recorded(t *testing.T) *Store {
	t.Helper()
	rules := rulesets{}
	for _, node := range []string{"node-1", "node-2"} {
		b, err := os.ReadFile("../explain/testdata/" + node + ".ruleset")
		if err != nil {
			t.Fatal(err)
		}
		rules["node/"+node] = explain.ParseRuleset(string(b))
	}
	j, x := join.New(join.Config{}), explain.New(rules, func(netip.Addr) string { return "" })
	for _, b := range tracetest.Load(t, "../join/testdata/nodeport.json") {
		j.Add(b, 1)
	}
	s := NewStore(1 << 20)
	for i, w := range j.Take(1e12) {
		var frames []record.Frame
		for _, step := range w.Steps {
			if step.Seen != nil {
				frames = append(frames, step.Seen.Frame)
			}
		}
		journey := x.Journey(&w)
		journey.ID = fmt.Sprintf("j%d", i+1)
		s.Add(journey, frames)
	}
	return s
}

func of(id string) model.PacketFilter {
	return model.PacketFilter{Journeys: func(j *model.Journey) bool { return j.ID == id }}
}

// tshark reads a file as Wireshark does: a line a frame.
func tshark(t *testing.T, s *Store, f model.PacketFilter, fields ...string) []string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return read(t, b.Bytes(), fields...)
}

func read(t *testing.T, pcapng []byte, fields ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(file, pcapng, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestWiresharkReads(t *testing.T) {
	s := recorded(t)
	lines := tshark(t, s, of("j1"), "frame.interface_name", "ip.src", "ip.dst", "tcp.flags.syn", "frame.packet_flags_direction", "frame.comment")
	if len(lines) < 5 {
		t.Fatalf("%d frames: %q", len(lines), lines)
	}
	for _, want := range []string{
		"client eth0|172.18.0.100|172.18.0.11|", "node-1 eth0|172.18.0.100|172.18.0.11|",
		"j1 of c1: SYN, ", "chose endpoint", "dnat ip to ",
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("no frame has %q:\n%s", want, strings.Join(lines, "\n"))
		}
	}
	one := tshark(t, s, model.PacketFilter{Vertex: "node/node-1", Device: "eth0"}, "frame.interface_name")
	if all := tshark(t, s, model.PacketFilter{}, "frame.number"); len(one) == 0 || len(one) >= len(all) {
		t.Errorf("%d frames of one device, %d of all", len(one), len(all))
	}
	for _, l := range one {
		if l != "node-1 eth0" {
			t.Errorf("a frame of %s", l)
		}
	}
	if err := s.Write(io.Discard, of("none")); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
}

// What a node, a link or a pod has seen of a journey says which journey it is of, and
// names the device.
func TestSeenWhere(t *testing.T) {
	s := NewStore(1 << 20)
	frame := func(at int64, namespace, device, peer, peerName string) record.Frame {
		return record.Frame{Time: at, Namespace: namespace, Direction: record.In, Data: make([]byte, 60), Device: record.Device{Name: device, Peer: peer, PeerName: peerName}}
	}
	s.Add(model.Journey{ID: "j1", Conversation: "c1", Summary: "SYN", Verdict: "delivered",
		Advice: []model.Advice{{Sentence: "try"}}, Why: &model.Why{Sentence: "so"}, Defect: "ours", Hops: []model.Hop{
			{Place: model.Place{Vertex: "client", Device: "eth0"}, Sentence: "sent"},
			{Place: model.Place{Vertex: "node/node-1", Device: "eth0"}, Sentence: "came"},
			{Place: model.Place{Vertex: "node/node-1", Hook: "prerouting"}, Sentence: "chose", Decision: &model.Decision{Table: "ip kube-proxy", Chain: "x", Rule: "dnat to y"}},
			{Place: model.Place{Vertex: "node/node-1", Device: "veth-web"}, Sentence: "went"},
			{Place: model.Place{Vertex: "pod/default/web", Device: "eth0"}, Sentence: "got"},
		}}, []record.Frame{
		frame(1, "client", "eth0", "underlay", "client"), frame(2, "underlay", "node-1", "node/node-1", "eth0"),
		frame(3, "node/node-1", "eth0", "underlay", "node-1"), frame(4, "node/node-1", "veth-web", "pod/default/web", "eth0"),
	})
	const head, tail = "j1 of c1: SYN, delivered", ",Defect: ours,Why: so,What would help: try"
	for _, c := range []struct {
		filter model.PacketFilter
		want   []string
	}{
		{model.PacketFilter{Vertex: "node/node-1"}, []string{"node-1 eth0|" + head + ",came,chose", "node-1 veth-web|went,got" + tail}},
		{model.PacketFilter{Vertex: "node/node-1", Device: "eth0"}, []string{"node-1 eth0|" + head + ",came,chose" + tail}},
		{model.PacketFilter{Vertex: "pod/default/web"}, []string{"node-1 veth-web|" + head + ",went,got" + tail}},
		{model.PacketFilter{Vertex: "pod/default/web", Device: "eth0"}, []string{"node-1 veth-web|" + head + ",went,got" + tail}},
		{model.PacketFilter{Vertex: "underlay"}, []string{"underlay node-1|" + head + tail}},
	} {
		got := tshark(t, s, c.filter, "frame.interface_name", "frame.comment")
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], `\nip kube-proxy x dnat to y`, "")
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v:\n%q, want\n%q", c.filter, got, c.want)
		}
	}
	for _, f := range []model.PacketFilter{{Vertex: "node/node-2"}, {Vertex: "node/node-1", Device: "lo"}} {
		if err := s.Write(io.Discard, f); !errors.Is(err, ErrNothing) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// A reader that waits in Write is what slow ones are.
type slowly struct {
	bytes.Buffer
	wrote, on chan bool
}

func (s *slowly) Write(b []byte) (int, error) {
	s.wrote <- true
	<-s.on
	return s.Buffer.Write(b)
}

func TestFollow(t *testing.T) {
	const room = 4
	s := NewStore(room * (overhead + 60))
	add := func(n int) {
		s.Add(model.Journey{ID: fmt.Sprint("j", n), Conversation: "c"}, []record.Frame{{Time: int64(n), Namespace: "client", Device: record.Device{Name: fmt.Sprint("eth", n%2)}, Data: make([]byte, 60)}})
	}
	add(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &slowly{wrote: make(chan bool), on: make(chan bool)}
	done := make(chan error, 1)
	go func() {
		done <- s.Follow(ctx, w, model.PacketFilter{Journeys: func(j *model.Journey) bool { return j.ID != "j3" }})
	}()
	<-w.wrote // what is kept
	for n := 2; n <= 11; n++ {
		add(n) // while it is being read: of these ten the first six are forgotten
	}
	w.on <- true
	<-w.wrote
	w.on <- true
	add(12)
	<-w.wrote
	w.on <- true
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	got := read(t, w.Bytes(), "frame.interface_name", "frame.comment")
	want := []string{"client eth1|j1 of c: , ", "client eth0|j8 of c: , ,Before this, up to 6 packets are missing: they were read too slowly.",
		"client eth1|j9 of c: , ", "client eth0|j10 of c: , ", "client eth1|j11 of c: , ", "client eth0|j12 of c: , "}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestStoreForgets(t *testing.T) {
	s := NewStore(10 * (overhead + 100))
	for n := range 100 {
		s.Add(model.Journey{ID: fmt.Sprint(n)}, []record.Frame{{Data: make([]byte, 100)}})
	}
	if len(s.kept) != 10 || s.kept[9].journey.ID != "99" || s.bytes != s.limit {
		t.Errorf("%d journeys, %d bytes", len(s.kept), s.bytes)
	}
	s.Add(model.Journey{}, []record.Frame{{Data: make([]byte, 1<<20)}}) // larger than all: kept alone
	if len(s.kept) != 1 {
		t.Errorf("%d journeys", len(s.kept))
	}
}
