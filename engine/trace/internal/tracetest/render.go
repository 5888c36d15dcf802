// Package tracetest writes journeys as text, for the golden tests of trace and
// the packages below it.
package tracetest

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// Render is journeys as people read them: without IDs and times, which differ
// from run to run.
func Render(all ...model.Journey) string {
	var b strings.Builder
	for _, j := range all {
		render(&b, j)
	}
	return b.String()
}

func render(b *strings.Builder, j model.Journey) {
	way := "request"
	if j.Reply {
		way = "reply"
	}
	fmt.Fprintf(b, "%s %s: %s to %s, %s, %s > %s\n", j.Protocol, j.Summary, j.From, j.To, way, j.Source, j.Destination)
	for _, h := range j.Hops {
		fmt.Fprintf(b, "  %s", h.Place.Vertex)
		for _, s := range []string{h.Place.Device, h.Place.Direction, h.Place.Hook} {
			if s != "" {
				b.WriteString(" " + s)
			}
		}
		if h.Before != nil {
			fmt.Fprintf(b, " [%s > %s]", h.Before.Source, h.Before.Destination)
		}
		fmt.Fprintf(b, " %s > %s", h.Header.Source, h.Header.Destination)
		if d := h.Decision; d != nil {
			b.WriteString(" " + d.Kind)
			if d.Object != nil {
				fmt.Fprintf(b, " %s/%s:%s", d.Object.Namespace, d.Object.Name, d.Object.Port)
			}
			if d.Endpoints > 0 {
				fmt.Fprintf(b, " %d/%d", d.Endpoint, d.Endpoints)
			}
			if d.Chain != "" {
				fmt.Fprintf(b, " {%s %s: %s}", d.Table, d.Chain, d.Rule)
			}
		}
		fmt.Fprintf(b, "\n    %s\n", h.Sentence)
	}
	fmt.Fprintf(b, "  => %s\n", j.Verdict)
}
