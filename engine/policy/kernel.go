package policy

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"

	"github.com/podhop/podhop/engine/policy/note"
)

const (
	// buffer is asked for a transaction on its way; the kernel gives less to who may
	// not ask for more: 416 KiB, where net.core.wmem_max is as usual.
	buffer = 8 << 20
	// atOnce is how many messages a transaction has at most: their
	// acknowledgements, with each rule's echo, must fit into as much. Twice as many
	// still did.
	atOnce = 120
)

// A kernel is one node's table as it was last written. It is not safe for concurrent use.
type kernel struct {
	now  Table
	name string // the table's, of note.Tables
	// unsure is set before the first write, and after one that failed.
	unsure bool
	buffer int // of the socket; as the constant if 0
}

// set makes the node's table be what is desired; it must run in the node's
// namespace. It reports whether anything had to be written. Packets meet either the
// old rules or the new: there is one transaction, of what differs or of all, or,
// where that is too much for one, a second table is filled, and the last transaction
// hooks it in for the first.
func (k *kernel) set(desired Table) (bool, error) {
	if !k.unsure && reflect.DeepEqual(k.now, desired) {
		return false, nil
	}
	c, err := nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		size := cmp.Or(k.buffer, buffer)
		return errors.Join(c.SetWriteBuffer(size), c.SetReadBuffer(size))
	}))
	if err != nil {
		return false, fmt.Errorf("nftables: %w", err)
	}
	w := writer{c: c, name: note.Tables[0]}
	p, ok := diff(k.now, desired)
	switch {
	case !k.unsure && ok && p.messages() <= atOnce:
		// What has not changed stays, and so do its rules' handles.
		w.name = k.name
		w.patch(p)
	case desired.messages() <= atOnce:
		w.remove(note.Tables[:]...)
		w.table(desired)
	default:
		if k.name == w.name {
			w.name = note.Tables[1]
		}
		w.parts = true
		w.remove(w.name)
		w.table(desired)
		w.remove(k.name)
	}
	k.unsure = true
	w.flush()
	if w.err != nil {
		return false, fmt.Errorf("nftables: %w", w.err)
	}
	k.now, k.name, k.unsure = desired, w.name, false
	return true, nil
}

// messages is how much a set is to send, in messages of the size of a rule's.
func (s Set) messages() int {
	return 2 + s.len()/16
}

func (s Set) len() int { return len(s.Ranges) + len(s.Endpoints) + len(s.Gotos) }

func (t Table) messages() (n int) {
	for _, s := range t.Sets {
		n += s.messages()
	}
	for _, c := range t.Chains {
		n += 1 + len(c.Rules)
	}
	return n
}
