package text

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// nameOf is the name of a vertex, as the page has it: with its namespace where that is
// not the default one.
func nameOf(id string) string {
	parts := strings.SplitN(id, "/", 3)
	if len(parts) == 3 && parts[1] != "default" {
		return parts[1] + "/" + parts[2]
	}
	return parts[len(parts)-1]
}

func objectOf(o *model.Object) string {
	name := o.Name
	if o.Namespace != "" && o.Namespace != "default" {
		name = o.Namespace + "/" + name
	}
	if o.Port != "" {
		name += ":" + o.Port
	}
	return o.Kind + " " + name
}

// placeOf is where a hop happened: "web-0, eth0", "node-1, veth of web-0", "node-1,
// prerouting", "underlay, to node-2".
func placeOf(p model.Place) string {
	where := nameOf(p.Vertex)
	switch {
	case p.Hook != "":
		return where + ", " + p.Hook
	case strings.HasPrefix(p.Vertex, "node/") && strings.HasPrefix(p.Peer, "pod/"):
		return fmt.Sprintf("%s, veth of %s (%s)", where, nameOf(p.Peer), p.Device)
	case p.Vertex == "underlay" && p.Peer != "" && p.Direction == "in":
		return where + ", from " + nameOf(p.Peer)
	case p.Vertex == "underlay" && p.Peer != "":
		return where + ", to " + nameOf(p.Peer)
	case p.Device != "":
		return where + ", " + p.Device
	}
	return where
}

// duration is nanoseconds to two or three digits.
func duration(ns int64) string {
	switch {
	case ns == 0:
		return "0 µs"
	case ns < 1e3:
		return fmt.Sprintf("%d ns", ns)
	case ns < 1e6:
		return digits(float64(ns)/1e3) + " µs"
	case ns < 1e9:
		return digits(float64(ns)/1e6) + " ms"
	}
	return digits(float64(ns)/1e9) + " s"
}

func digits(f float64) string {
	if f < 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
