package route

import (
	"net"
	"strings"
)

// A Host is a pattern of host names. The zero value is every host.
type Host struct {
	// Name is in lower case; of a wildcard it is what follows "*".
	Name string
	// Labels is how many labels the wildcard stands for: none (the name is exact),
	// exactly one, or any number from one.
	Labels Labels
}

// Labels is what a wildcard stands for.
type Labels int

const (
	None Labels = iota
	One
	Many
)

// ParseHost reads a name or "*.name"; "" and "*" are every host. wildcard says
// what the asterisk stands for: one label in an Ingress, any number in a Gateway.
func ParseHost(s string, wildcard Labels) Host {
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	if s == "*" {
		return Host{}
	}
	if rest, ok := strings.CutPrefix(s, "*."); ok {
		return Host{Name: "." + rest, Labels: wildcard}
	}
	return Host{Name: s}
}

func (h Host) String() string {
	switch {
	case h.Name == "":
		return "*"
	case h.Labels != None:
		return "*" + h.Name
	}
	return h.Name
}

// Matches tells whether a name, as Hostname gives it, is one of these.
func (h Host) Matches(name string) bool {
	if h.Name == "" {
		return true
	}
	if h.Labels == None {
		return name == h.Name
	}
	label, ok := strings.CutSuffix(name, h.Name)
	return ok && label != "" && (h.Labels == Many || !strings.Contains(label, "."))
}

// Compare puts the more specific pattern first: exact names, then wildcards, longer
// before shorter, then every host.
func (h Host) Compare(other Host) int {
	rank := func(h Host) int {
		switch {
		case h.Name == "":
			return 0
		case h.Labels != None:
			return len(h.Name)
		}
		return 1<<16 + len(h.Name)
	}
	return rank(other) - rank(h)
}

// Intersect is the pattern of the names that both match; false if there are none.
func (h Host) Intersect(other Host) (Host, bool) {
	switch {
	case h.Name == "":
		return other, true
	case other.Name == "":
		return h, true
	case h.Labels == None:
		return h, other.Matches(h.Name)
	case other.Labels == None:
		return other, h.Matches(other.Name)
	case strings.HasSuffix(h.Name, other.Name):
		return h, true
	}
	return other, strings.HasSuffix(other.Name, h.Name)
}

// Hostname is the name of a Host header field: without port, in lower case.
func Hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}
