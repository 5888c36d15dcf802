package note

import (
	"strings"
	"testing"
)

func TestNote(t *testing.T) {
	for _, c := range []struct {
		comment, namespace, name string
		ok                       bool
	}{
		{Of("default/web"), "default", "web", true},
		{"default/web ingress rule 1", "", "", false},
		{prefix + "nobody", "nobody", "", false},
		{"", "", "", false},
	} {
		if namespace, name, ok := Pod(c.comment); namespace != c.namespace || name != c.name || ok != c.ok {
			t.Errorf("%q: %q %q %v", c.comment, namespace, name, ok)
		}
	}
	if long := Of("default/" + strings.Repeat("x", 253)); len(long) != limit || !strings.HasSuffix(long, "...") {
		t.Errorf("%d: %q", len(long), long)
	}
}
