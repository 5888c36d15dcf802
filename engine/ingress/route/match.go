package route

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// A Value is a pattern of a header field or a query parameter.
type Value struct {
	Name  string
	Value string
	// Pattern, if set, must match the whole value in Value's place.
	Pattern *regexp.Regexp
}

func (v *Value) matches(value string) bool {
	if v.Pattern != nil {
		return v.Pattern.MatchString(value)
	}
	return v.Value == value
}

// A Request is what rules are compared with.
type Request struct {
	Host   string // as Hostname gives it
	Path   string // as Clean gives it
	Method string
	Header http.Header
	Query  url.Values
}

// Matches tells whether the rule is for a request.
func (r *Rule) Matches(q *Request) bool {
	if !r.Host.Matches(q.Host) || !r.Path.Matches(q.Path) || r.Method != "" && r.Method != q.Method {
		return false
	}
	for i := range r.Headers {
		// Several fields of one name are one list (RFC 9110, 5.3).
		values := q.Header.Values(r.Headers[i].Name)
		if len(values) == 0 || !r.Headers[i].matches(joined(values)) {
			return false
		}
	}
	for i := range r.Query {
		values := q.Query[r.Query[i].Name]
		if len(values) == 0 || !r.Query[i].matches(values[0]) {
			return false
		}
	}
	return true
}

func joined(values []string) string {
	s := values[0]
	for _, v := range values[1:] {
		s += "," + v
	}
	return s
}

// Listener is the one that a host belongs to, nil if there is none.
func (p *Port) Listener(host string) *Listener {
	for i := range p.Listeners {
		if p.Listeners[i].Host.Matches(host) {
			return &p.Listeners[i]
		}
	}
	return nil
}

// Rule is the first that matches, nil if none does.
func (l *Listener) Rule(q *Request) *Rule {
	for i := range l.Rules {
		if l.Rules[i].Matches(q) {
			return &l.Rules[i]
		}
	}
	return nil
}

// Sort puts listeners and rules in the order of precedence that Ingress and
// HTTPRoute (sigs.k8s.io/gateway-api/apis/v1 HTTPRouteRule.Matches) have in common:
// the more specific host, an exact path, the longer path, a method, more header
// fields, more query parameters. Equal rules keep their order.
func (p *Port) Sort() {
	slices.SortStableFunc(p.Listeners, func(a, b Listener) int { return a.Host.Compare(b.Host) })
	for i := range p.Listeners {
		slices.SortStableFunc(p.Listeners[i].Rules, func(a, b Rule) int { return a.compare(&b) })
	}
}

func (r *Rule) compare(other *Rule) int {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(flag(r.Fallback), flag(other.Fallback)),
		r.Host.Compare(other.Host),
		cmp.Compare(other.Path.Kind, r.Path.Kind),
		cmp.Compare(len(other.Path.Value), len(r.Path.Value)),
		cmp.Compare(flag(other.Method != ""), flag(r.Method != "")),
		cmp.Compare(len(other.Headers), len(r.Headers)),
		cmp.Compare(len(other.Query), len(r.Query)),
	)
}

// Pick chooses a backend by weight; n is a number from 0 to 1 (exclusive). Nil if
// there is none with a weight.
func (r *Rule) Pick(n float64) *Backend {
	total := 0
	for i := range r.Backends {
		total += r.Backends[i].Weight
	}
	at := int(n * float64(total))
	for i := range r.Backends {
		if at < r.Backends[i].Weight {
			return &r.Backends[i]
		}
		at -= r.Backends[i].Weight
	}
	return nil
}

// Certificate is what a listener offers to a client that asks for a name, nil to
// refuse.
func (l *Listener) Certificate(name string) *Certificate {
	var best *Certificate
	var fits Host
	for i := range l.Certificates {
		for _, h := range l.Certificates[i].Hosts {
			if h.Matches(name) && (best == nil || h.Compare(fits) < 0) {
				best, fits = &l.Certificates[i], h
			}
		}
	}
	if best == nil && l.Default != nil {
		best = &Certificate{Certificate: l.Default}
	}
	return best
}
