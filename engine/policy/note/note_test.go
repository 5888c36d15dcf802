package note

import (
	"reflect"
	"strings"
	"testing"
)

func TestNote(t *testing.T) {
	for _, c := range []struct {
		note Note
		want string
	}{
		{Note{Ingress, []string{"default/x"}, 1, 0, "peer app=shop, port 80"}, "default/x ingress rule 1 (peer app=shop, port 80)"},
		{Note{Egress, []string{"a/b.c"}, 12, 1, "peer app in (a,b) in namespace default, any port"}, "a/b.c egress rule 12 to[0] (peer app in (a,b) in namespace default, any port)"},
		{Note{Ingress, []string{"default/deny-all"}, 0, 0, ""}, "no ingress rule of default/deny-all admits it"},
		{Note{Egress, []string{"a/x", "a/y"}, 0, 0, ""}, "no egress rule of a/x, a/y admits it"},
	} {
		if got := c.note.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if got, ok := Parse(c.want); !ok || !reflect.DeepEqual(got, c.note) {
			t.Errorf("%q: %+v", c.want, got)
		}
	}
	for _, s := range []string{"", "a pod may send from its own address only", "x ingress rule 1", "a/b ingress rule 0"} {
		if n, ok := Parse(s); ok {
			t.Errorf("%q: %+v", s, n)
		}
	}
}

// The longest names there can be still make a comment that can be read.
func TestLong(t *testing.T) {
	name := strings.Repeat("n", 63) + "/" + strings.Repeat("p", 253)
	for _, n := range []Note{
		{Ingress, []string{name}, 500, 100, strings.Repeat("d", 300)},
		{Ingress, []string{"a/b"}, 500, 100, strings.Repeat("d", 300)},
		{Egress, []string{name, name}, 0, 0, ""},
	} {
		s := n.String()
		if len(s) > limit || !strings.Contains(s, "...") {
			t.Errorf("%d bytes: %s", len(s), s)
		}
		if back, ok := Parse(s); !ok || back.Rule != n.Rule || back.Peer != n.Peer || back.Direction != n.Direction {
			t.Errorf("%s: %+v", s, back)
		}
	}
}

func TestPath(t *testing.T) {
	for want, n := range map[string]Note{
		"spec.ingress":            {Direction: Ingress, Policies: []string{"a/b"}},
		"spec.egress[0]":          {Direction: Egress, Rule: 1},
		"spec.ingress[1].from[0]": {Direction: Ingress, Rule: 2, Peer: 1},
		"spec.egress[0].to[2]":    {Direction: Egress, Rule: 1, Peer: 3},
	} {
		if got := n.Path(); got != want {
			t.Errorf("%+v: %s, want %s", n, got, want)
		}
	}
}
