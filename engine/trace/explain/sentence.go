package explain

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// sentence formats a sentence, and starts it with a capital unless it starts
// with a name: names are what they are (node-1, kube-proxy).
func sentence(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if rest, ok := strings.CutPrefix(s, "the "); ok {
		return "The " + rest
	}
	return s
}

// short is how a sentence calls a vertex.
func short(vertex string) string {
	switch vertex {
	case "client", "underlay":
		return "the " + vertex
	case "":
		return "somebody"
	}
	return vertex[strings.LastIndexByte(vertex, '/')+1:]
}

// service is how a sentence calls a Service's port.
func service(o *model.Object) string {
	s := o.Kind + " " + o.Namespace + "/" + o.Name
	if o.Port != "" {
		s += ", port " + o.Port
	}
	return s
}

// chose says which endpoint a DNAT chose.
func chose(d *model.Decision, to netip.AddrPort, sticky bool) string {
	what := "its endpoint " + to.String()
	if d.Endpoints > 1 || sticky && d.Endpoints > 0 {
		what = fmt.Sprintf("endpoint %d of %d", d.Endpoint, d.Endpoints)
	} else if d.Endpoints == 1 {
		what = "the only endpoint"
	}
	verb := "chose"
	if sticky {
		verb = "kept to"
	}
	s := fmt.Sprintf("kube-proxy %s %s of %s (%s)", verb, what, service(d.Object), to)
	if d.Endpoints == 0 {
		s = fmt.Sprintf("kube-proxy %s %s for %s", verb, what, service(d.Object))
	}
	if sticky {
		s += ", because of its session affinity"
	}
	return s + "."
}

func commented(text string) string {
	if c := comment(text); c != "" {
		return ": " + c
	}
	return ""
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
