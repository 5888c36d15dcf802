package pcap

import (
	"bytes"
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

// tshark reads a file as Wireshark does: a line a frame.
func tshark(t *testing.T, s *Store, f model.PacketFilter, fields ...string) []string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
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
	lines := tshark(t, s, model.PacketFilter{Journey: "j1"}, "frame.interface_name", "ip.src", "ip.dst", "tcp.flags.syn", "frame.packet_flags_direction", "frame.comment")
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
	if err := s.Write(io.Discard, model.PacketFilter{Journey: "none"}); !errors.Is(err, ErrNothing) {
		t.Error(err)
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
