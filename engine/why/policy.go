package why

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// unasked is a question to DNS that the asker's own policies hold up.
func (c *failure) unasked() *model.Why {
	to, ok := c.destination(c.last)
	d := c.decision
	if !ok || to.Port() != 53 || d.Path != "spec.egress" || d.Object == nil {
		return nil
	}
	who := strings.TrimPrefix(c.j.From, "pod/")
	w := &model.Why{Trap: TrapDNSEgress,
		Sentence: fmt.Sprintf("This is a question to DNS, and NetworkPolicy %s/%s lets no such question out of %s: it finds no name, not even of whom it may reach.", d.Object.Namespace, d.Object.Name, who),
	}
	if s, _, at := c.through("UDP"); s != nil {
		w.Seen = append(w.Seen, c.seen(at))
	}
	w.Seen = append(w.Seen, c.seen(c.last))
	return w
}
