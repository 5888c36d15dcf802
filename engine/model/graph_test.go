package model

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

func TestDiff(t *testing.T) {
	a := Graph{
		Vertices: []Vertex{{ID: "a"}, {ID: "b", Status: "Pending"}, {ID: "c", Labels: map[string]string{"x": "1"}}},
		Edges:    []Edge{{ID: "a->b"}, {ID: "a->c", Ready: true}},
	}
	b := Graph{
		Vertices: []Vertex{{ID: "b", Status: "Running"}, {ID: "c", Labels: map[string]string{"x": "1"}}, {ID: "d"}},
		Edges:    []Edge{{ID: "a->c"}},
	}
	got := a.Diff(b)
	want := Diff{
		Put:         []Vertex{{ID: "b", Status: "Running"}, {ID: "d"}},
		Remove:      []string{"a"},
		PutEdges:    []Edge{{ID: "a->c"}},
		RemoveEdges: []string{"a->b"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !a.Diff(a).Empty() || a.Diff(b).Empty() {
		t.Error("Empty is wrong")
	}
}

// Whatever two graphs are, the diff leads from one to the other and no further
// diff is left.
func TestPatchFollowsDiff(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	graph := func() Graph {
		g := Graph{Vertices: []Vertex{}, Edges: []Edge{}}
		for i := range 20 {
			if random.IntN(3) > 0 {
				g.Vertices = append(g.Vertices, Vertex{ID: fmt.Sprint("v", i), Status: fmt.Sprint(random.IntN(2))})
			}
			if random.IntN(3) > 0 {
				g.Edges = append(g.Edges, Edge{ID: fmt.Sprint("e", i), Ready: random.IntN(2) == 0})
			}
		}
		g.Sort()
		return g
	}
	for range 500 {
		a, b := graph(), graph()
		if got := a.Patch(a.Diff(b)); !reflect.DeepEqual(got, b) {
			t.Fatalf("patching %v led to %v, not %v", a, got, b)
		}
	}
}
