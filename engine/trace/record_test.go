package trace_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/record"
)

var recordings = flag.Bool("record", false, "write join/testdata and explain/testdata anew, from this kernel")

// Recordings are what the pure packages are tested with. This makes them:
//
//	go test ./engine/trace -run TestRecord -record
func TestRecord(t *testing.T) {
	if !*recordings {
		t.Skip("only with -record")
	}
	l := newLab(t)
	for _, p := range []string{"pod/default/web-0", "pod/default/web-1", "pod/default/web-2"} {
		l.serve(p, "0.0.0.0:8080")
	}
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	for _, node := range []string{"node-1", "node-2"} {
		write(t, "explain/testdata/"+node+".ruleset", []byte(l.output("node/"+node, "nft", "-a", "list", "ruleset")))
	}
	for _, r := range []struct {
		name string
		do   func() error
	}{
		{"clusterip", func() error { _, err := l.get("pod/default/shop", "10.96.41.9:80"); return err }},
		{"nodeport", func() error { _, err := l.get("client", "172.18.0.11:30080"); return err }},
		{"node", func() error { _, err := l.get("node/node-1", "10.96.41.9:80"); return err }},
		{"affinity", func() error { _, err := l.get("pod/default/shop", "10.96.41.10:80"); return err }},
		{"hairpin", func() error { _, err := l.get("pod/default/web-0", "10.96.41.11:80"); return err }},
		{"no-endpoints", func() error {
			_, err := l.dialWithin("pod/default/shop", "10.96.41.8:80", 300*time.Millisecond)
			return expectError(err)
		}},
		{"refused", func() error {
			_, err := l.dialWithin("pod/default/shop", "10.244.2.2:9999", 300*time.Millisecond)
			return expectError(err)
		}},
	} {
		write(t, "join/testdata/"+r.name+".json", l.record(r.do))
	}
}

// TestRecordPolicies does the same for the journeys that policies decide, in a
// lab of their own:
//
//	go test ./engine/trace -run TestRecordPolicies -record
func TestRecordPolicies(t *testing.T) {
	if !*recordings {
		t.Skip("only with -record")
	}
	l := newLab(t)
	l.policies()
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	for _, node := range []string{"node-1", "node-2"} {
		write(t, "explain/testdata/policies/"+node+".ruleset", []byte(l.output("node/"+node, "nft", "-a", "list", "ruleset")))
	}
	for _, c := range policyCases {
		write(t, "explain/testdata/policies/"+c.name+".json", l.record(func() error {
			if c.verdict == "delivered" {
				_, err := l.get(c.from, c.to)
				return err
			}
			_, err := l.dialWithin(c.from, c.to, 300*time.Millisecond)
			return expectError(err)
		}))
	}
}

func expectError(err error) error {
	if err == nil {
		return os.ErrExist
	}
	return nil
}

// record captures what do sends, without joining it.
func (l *lab) record(do func() error) []byte {
	l.t.Helper()
	var mu sync.Mutex
	var all []record.Batch
	var captures []*capture.Capture
	for _, s := range l.sources() {
		c, err := capture.Open(capture.Config{Name: s.Name, Net: s.Net, Device: s.Devices, Rules: s.Name == "node/node-1" || s.Name == "node/node-2", Emit: func(b record.Batch) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, b)
		}})
		if err != nil {
			l.t.Fatal(err)
		}
		captures = append(captures, c)
	}
	if err := do(); err != nil {
		l.t.Fatal(err)
	}
	for _, c := range captures {
		if err := c.Flush(context.Background()); err != nil {
			l.t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			l.t.Fatal(err)
		}
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
