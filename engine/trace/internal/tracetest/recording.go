package tracetest

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/podhop/podhop/engine/trace/record"
)

// Load reads a recording: the batches of all sockets, as they came.
func Load(t testing.TB, path string) []record.Batch {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []record.Batch
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Shuffle lets the sockets' batches overtake each other, as they may; those of
// one socket stay in order.
func Shuffle(all []record.Batch, r *rand.Rand) []record.Batch {
	queues := map[string][]record.Batch{}
	var names []string
	for _, b := range all {
		name := socket(b)
		if queues[name] == nil {
			names = append(names, name)
		}
		queues[name] = append(queues[name], b)
	}
	var out []record.Batch
	for len(names) > 0 {
		i := r.IntN(len(names))
		q := queues[names[i]]
		out = append(out, q[0])
		if queues[names[i]] = q[1:]; len(q) == 1 {
			names = append(names[:i], names[i+1:]...)
		}
	}
	return out
}

func socket(b record.Batch) string {
	switch {
	case len(b.Frames) > 0:
		return b.Frames[0].Namespace + " ring"
	case len(b.Rules) > 0:
		return b.Rules[0].Namespace + " events"
	case len(b.Connections) > 0:
		return b.Connections[0].Namespace + " events"
	}
	return ""
}

// Golden compares with a file, or writes it when asked to.
func Golden(t *testing.T, path, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s, got:\n%s", path, got)
	}
}
