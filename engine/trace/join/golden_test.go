package join

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What was recorded of real packets is joined to the same ways, however the
// sockets' batches overtake each other.
func TestRecordings(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			all := tracetest.Load(t, path)
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			tracetest.Golden(t, golden, joined(all), *update)
			for seed := range uint64(20) {
				tracetest.Golden(t, golden, joined(tracetest.Shuffle(all, rand.New(rand.NewPCG(seed, 0)))), false)
			}
		})
	}
}

func joined(all []record.Batch) string {
	j := New(Config{})
	for _, b := range all {
		j.Add(b, 1)
	}
	var s strings.Builder
	for _, w := range j.Take(1e12) {
		dump(&s, &w)
	}
	for reason, n := range j.Lost() {
		fmt.Fprintf(&s, "lost %d: %s\n", n, reason)
	}
	return s.String()
}

func dump(s *strings.Builder, w *Way) {
	p := w.Steps[0].Packet()
	fmt.Fprintf(s, "%s reply=%v %s id=%d\n", w.Conversation, w.Reply, p.Summary(), p.ID)
	for _, st := range w.Steps {
		p := st.Packet()
		if e := st.Evaluation; e != nil {
			fmt.Fprintf(s, "  %s rules in=%s out=%s %s > %s", e.Namespace, e.In, e.Out, p.Source, p.Destination)
			for _, r := range e.Events {
				fmt.Fprintf(s, "\n    %s %s %d %s %s", r.Table, r.Chain, r.Handle, r.Verdict, r.Target)
			}
		} else {
			fmt.Fprintf(s, "  %s %s %s %s > %s", st.Seen.Namespace, st.Seen.Device.Name, st.Seen.Direction, p.Source, p.Destination)
		}
		if t := st.Translated; t != nil {
			fmt.Fprintf(s, " becomes %s > %s", t.Source, t.Destination)
		}
		if t := st.Origin; t != nil {
			fmt.Fprintf(s, " was %s > %s", t.Source, t.Destination)
		}
		s.WriteByte('\n')
	}
	if a := w.Answer; a != nil {
		fmt.Fprintf(s, "  answered by %s: %s\n", a.By, a.Packet.Summary())
	}
}
