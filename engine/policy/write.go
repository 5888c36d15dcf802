package policy

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
)

// A writer writes one table, and keeps the first error.
type writer struct {
	c     *nftables.Conn
	name  string
	parts bool // it is too much for one transaction
	n     int  // messages since the last flush
	sets  uint32
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

// patch writes what differs. What is referred to is there before, and nothing
// refers any more to what goes.
func (w *writer) patch(p patch) {
	for _, ch := range p.added {
		w.c.AddChain(&nftables.Chain{Table: w.nft(), Name: ch.Name})
	}
	for _, s := range p.addedSets {
		w.set(s)
	}
	for _, d := range p.elements {
		n := d.add.nft(w.nft())
		if d.flush {
			w.c.FlushSet(n)
		} else if gone := d.remove.elements(); len(gone) > 0 {
			w.try(d.remove, w.c.SetDeleteElements(n, gone))
		}
		w.addElements(d.add)
	}
	for _, ch := range p.changed {
		w.c.FlushChain(&nftables.Chain{Table: w.nft(), Name: ch.Name})
	}
	for _, ch := range slices.Concat(p.added, p.longer, p.changed) {
		w.rules(ch)
	}
	for _, name := range p.gone { // they may refer to each other
		w.c.FlushChain(&nftables.Chain{Table: w.nft(), Name: name})
	}
	for _, s := range p.goneSets { // maps refer to chains
		w.c.DelSet(s.nft(w.nft()))
	}
	for _, name := range p.gone {
		w.c.DelChain(&nftables.Chain{Table: w.nft(), Name: name})
	}
}

// set adds a set. Its ID is the transaction's own: one of none would get it from a variable that
// all of the process write, without a lock.
func (w *writer) set(s Set) {
	w.sets++
	n := s.nft(w.nft())
	n.ID = w.sets
	w.try(s, w.c.AddSet(n, nil))
	w.addElements(s)
}

// addElements adds them in lots that fit into one attribute, of 64 KiB; an even
// number, since an interval is two.
func (w *writer) addElements(s Set) {
	const lot = 256
	for some := range slices.Chunk(s.elements(), lot) {
		w.try(s, w.c.SetAddElements(s.nft(w.nft()), some))
	}
}

func (w *writer) try(s Set, err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("set %s: %w", s.Name, err)
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
		w.set(s)
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
