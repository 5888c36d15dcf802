package feed

import "github.com/podhop/podhop/engine/model"

// The sizes are estimates of what a message holds in memory, for the bounds: the
// fixed parts by the size of their types, the strings by their length.

func journeySize(j *model.Journey) int {
	size := 250 + len(j.Summary) + len(j.From) + len(j.To)
	for i := range j.Hops {
		h := &j.Hops[i]
		size += 250 + len(h.Sentence)
		if h.Before != nil {
			size += 120
		}
		if d := h.Decision; d != nil {
			size += 200 + len(d.Rule) + len(d.Sentence)
		}
	}
	return size
}

func diffSize(d *model.Diff) int {
	size := 100
	for i := range d.Put {
		v := &d.Put[i]
		size += 400 + len(v.Message) + 60*(len(v.IPs)+len(v.Ports)+len(v.Labels)) + 120*len(v.Containers)
		for _, step := range v.Wiring {
			size += len(step)
		}
	}
	return size + 100*len(d.PutEdges) + 50*(len(d.Remove)+len(d.RemoveEdges))
}
