package model

import (
	"cmp"
	"reflect"
	"slices"
)

// Sort puts vertices and edges in the order that a Graph promises: by ID.
func (g *Graph) Sort() {
	slices.SortFunc(g.Vertices, func(a, b Vertex) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b Edge) int { return cmp.Compare(a.ID, b.ID) })
}

// Diff is what turns g into next. Both must be sorted by ID; the Diff shares
// their memory.
func (g Graph) Diff(next Graph) Diff {
	var d Diff
	d.Put, d.Remove = merge(g.Vertices, next.Vertices, func(v *Vertex) string { return v.ID })
	d.PutEdges, d.RemoveEdges = merge(g.Edges, next.Edges, func(e *Edge) string { return e.ID })
	return d
}

// Patch is g after d, sorted by ID. It is what the page does with a Diff.
func (g Graph) Patch(d Diff) Graph {
	return Graph{
		Vertices: patch(g.Vertices, d.Put, d.Remove, func(v *Vertex) string { return v.ID }),
		Edges:    patch(g.Edges, d.PutEdges, d.RemoveEdges, func(e *Edge) string { return e.ID }),
	}
}

// Empty says that there is nothing to tell.
func (d Diff) Empty() bool {
	return len(d.Put)+len(d.Remove)+len(d.PutEdges)+len(d.RemoveEdges) == 0
}

// merge walks two lists that are sorted by id side by side.
func merge[T any](old, next []T, id func(*T) string) (put []T, remove []string) {
	for len(old) > 0 || len(next) > 0 {
		order := 0
		switch {
		case len(old) == 0:
			order = 1
		case len(next) == 0:
			order = -1
		default:
			order = cmp.Compare(id(&old[0]), id(&next[0]))
		}
		switch {
		case order < 0:
			remove = append(remove, id(&old[0]))
			old = old[1:]
		case order > 0:
			put = append(put, next[0])
			next = next[1:]
		default:
			if !reflect.DeepEqual(old[0], next[0]) {
				put = append(put, next[0])
			}
			old, next = old[1:], next[1:]
		}
	}
	return put, remove
}

func patch[T any](old, put []T, remove []string, id func(*T) string) []T {
	gone := make(map[string]bool, len(put)+len(remove))
	for _, name := range remove {
		gone[name] = true
	}
	for i := range put {
		gone[id(&put[i])] = true
	}
	next := make([]T, 0, len(old)+len(put))
	for i := range old {
		if !gone[id(&old[i])] {
			next = append(next, old[i])
		}
	}
	next = append(next, put...)
	slices.SortFunc(next, func(a, b T) int { return cmp.Compare(id(&a), id(&b)) })
	return next
}
