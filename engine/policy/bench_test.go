package policy

import (
	"fmt"
	"testing"
)

func TestBench(t *testing.T) {
	for _, rules := range []int{10, 200, 1000} {
		r, err := Bench(t.Context(), rules)
		if err != nil {
			t.Fatal(err)
		}
		if r.Whole <= 0 || r.Pod <= 0 || r.Rule <= 0 || r.Policies != rules/10 {
			t.Errorf("%+v", r)
		}
		t.Logf("%+v", r)
	}
}

// Planning alone, of many pods and policies.
func BenchmarkCompile(b *testing.B) {
	for _, rules := range []int{10, 200, 1000} {
		in := benchInput(rules)
		b.Run(fmt.Sprint(rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan := Compile(in)
				for _, node := range []string{"node-1", "node-2", "node-3"} {
					plan.Node(node)
				}
			}
		})
	}
}
