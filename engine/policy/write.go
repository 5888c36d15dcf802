package policy

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
)

// A writer writes one table, and keeps the first error.
type writer struct {
	c     *nftables.Conn
	name  string
	parts bool // it is too much for one transaction
	n     int  // messages since the last flush
	err   error
}

func (w *writer) nft() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: w.name}
}

// room flushes if there is none for n more messages.
func (w *writer) room(n int) {
	if w.parts && w.n > 0 && w.n+n > atOnce {
		w.flush()
	}
	w.n += n
}

func (w *writer) flush() {
	if w.err == nil {
		w.err = w.c.Flush()
	}
	w.n = 0
}

// remove removes tables, whether they are there or not.
func (w *writer) remove(names ...string) {
	for _, name := range names {
		if name == "" {
			continue
		}
		t := &nftables.Table{Family: nftables.TableFamilyINet, Name: name}
		w.room(2)
		w.c.AddTable(t)
		w.c.DelTable(t)
	}
}

func (w *writer) elements(sets []Set) {
	for _, s := range sets {
		n := s.nft(w.nft())
		w.c.FlushSet(n)
		if err := w.c.SetAddElements(n, s.elements()); err != nil && w.err == nil {
			w.err = fmt.Errorf("set %s: %w", s.Name, err)
		}
	}
}

// table writes all, the base chain last and in one piece.
func (w *writer) table(t Table) {
	if len(t.Chains) == 0 {
		return
	}
	w.room(1)
	w.c.AddTable(w.nft())
	for _, ch := range t.Chains[1:] {
		w.room(1)
		w.c.AddChain(&nftables.Chain{Table: w.nft(), Name: ch.Name})
	}
	for _, s := range t.Sets { // after the chains, which maps name
		w.room(s.messages())
		if err := w.c.AddSet(s.nft(w.nft()), s.elements()); err != nil && w.err == nil {
			w.err = fmt.Errorf("set %s: %w", s.Name, err)
		}
	}
	for _, ch := range t.Chains[1:] {
		w.rules(ch)
	}
	base := t.Chains[0]
	w.room(len(base.Rules) + 3) // with the removal of the table before
	w.n -= 2
	accept := nftables.ChainPolicyAccept
	w.c.AddChain(&nftables.Chain{
		Table: w.nft(), Name: base.Name, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	for _, r := range base.Rules {
		w.rule(base.Name, r)
	}
}

func (w *writer) rules(ch Chain) {
	for _, r := range ch.Rules {
		w.room(1)
		w.rule(ch.Name, r)
	}
}

func (w *writer) rule(chain string, r Rule) {
	rule := &nftables.Rule{Table: w.nft(), Chain: &nftables.Chain{Table: w.nft(), Name: chain}, Exprs: r.exprs()}
	if r.Comment != "" {
		rule.UserData = userdata.AppendString(nil, userdata.TypeComment, r.Comment)
	}
	w.c.AddRule(rule)
}
