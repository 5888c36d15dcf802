package join

import (
	"slices"

	"github.com/podhop/podhop/engine/trace/record"
)

// maxClosure bounds how many tuples one packet is followed through: sender,
// Service, endpoint, masqueraded, each a node or two.
const maxClosure = 16

// A flow is a directed tuple of one protocol. Scope keeps apart the loopback
// addresses of different namespaces, which are different hosts.
type flow struct {
	protocol uint8
	scope    string
	tuple    record.Tuple
}

func flowOf(protocol uint8, namespace string, t record.Tuple) flow {
	f := flow{protocol: protocol, tuple: t}
	if t.Source.Addr().IsLoopback() || t.Destination.Addr().IsLoopback() {
		f.scope = namespace
	}
	return f
}

func (f flow) reverse() flow {
	f.tuple = f.tuple.Reverse()
	return f
}

// connections is the conntrack of all namespaces, by the tuples of both directions.
type connections struct {
	limit   int
	byTuple map[flow][]entry
	gone    []goneConnection
	inOrder []*record.Connection // as they came; some are forgotten already
}

type entry struct {
	connection *record.Connection
	reply      bool // the tuple is the reply's
}

type goneConnection struct {
	at         int64
	connection *record.Connection
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, byTuple: map[flow][]entry{}}
}

// add takes a NEW or DESTROY event. A gone entry stays until forget, because
// packets of its time may not be joined yet. It says false if there was no room: then
// the oldest has been forgotten. That those are gone may not have been heard of.
func (c *connections) add(r record.Connection, now int64) (ok bool) {
	if r.Gone {
		for _, e := range c.byTuple[c.flow(&r, r.Original)] {
			if e.connection.Namespace == r.Namespace && e.connection.ID == r.ID {
				c.gone = append(c.gone, goneConnection{now, e.connection})
			}
		}
		return true
	}
	for ok = true; len(c.byTuple)+2 > c.limit && len(c.inOrder) > 0; {
		had := len(c.byTuple)
		c.remove(c.inOrder[0], c.inOrder[0].Original)
		c.remove(c.inOrder[0], c.inOrder[0].Reply)
		c.inOrder = c.inOrder[1:]
		ok = ok && len(c.byTuple) == had
	}
	if len(c.inOrder) >= c.limit { // most are forgotten already
		c.inOrder = slices.DeleteFunc(c.inOrder, func(r *record.Connection) bool { return !c.has(r) })
	}
	c.put(&r, r.Original, false)
	c.put(&r, r.Reply, true)
	c.inOrder = append(c.inOrder, &r)
	return ok
}

func (c *connections) has(r *record.Connection) bool {
	for _, e := range c.byTuple[c.flow(r, r.Original)] {
		if e.connection == r {
			return true
		}
	}
	return false
}

func (c *connections) flow(r *record.Connection, t record.Tuple) flow {
	return flowOf(r.Protocol, r.Namespace, t)
}

func (c *connections) put(r *record.Connection, t record.Tuple, reply bool) {
	f := c.flow(r, t)
	kept := c.byTuple[f][:0]
	for _, e := range c.byTuple[f] {
		if e.connection.Namespace != r.Namespace || e.reply != reply {
			kept = append(kept, e)
		}
	}
	c.byTuple[f] = append(kept, entry{r, reply})
}

// forget drops the entries that went before the given time.
func (c *connections) forget(before int64) {
	n := 0
	for ; n < len(c.gone) && c.gone[n].at < before; n++ {
		r := c.gone[n].connection
		c.remove(r, r.Original)
		c.remove(r, r.Reply)
	}
	c.gone = c.gone[n:]
}

func (c *connections) remove(r *record.Connection, t record.Tuple) {
	f := c.flow(r, t)
	kept := c.byTuple[f][:0]
	for _, e := range c.byTuple[f] {
		if e.connection != r {
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		delete(c.byTuple, f)
		return
	}
	c.byTuple[f] = kept
}

// find is the namespace's entry for a tuple. Where a tuple is both one entry's
// original and another's reply (a hairpin), the original wins.
func (c *connections) find(namespace string, f flow) (entry, bool) {
	var found entry
	for _, e := range c.byTuple[f] {
		if e.connection.Namespace == namespace && (found.connection == nil || !e.reply) {
			found = e
		}
	}
	return found, found.connection != nil
}

// translate is what the entry makes of a packet with its tuple.
func (e entry) translate() record.Tuple {
	if e.reply {
		return e.connection.Original.Reverse()
	}
	return e.connection.Reply.Reverse()
}

// closure is every tuple that packets of a flow have somewhere on their way:
// before and behind all NAT that any namespace does to it.
func (c *connections) closure(flows ...flow) []flow {
	all := make([]flow, 0, len(flows)+2)
	add := func(f flow) {
		for _, g := range all {
			if g == f {
				return
			}
		}
		if len(all) < maxClosure {
			all = append(all, f)
		}
	}
	for _, f := range flows {
		add(f)
	}
	for i := 0; i < len(all); i++ {
		f := all[i]
		for _, e := range c.byTuple[f] {
			add(flowOf(f.protocol, e.connection.Namespace, e.translate()))
		}
		// A packet that has been translated already is the reverse of its answer.
		for _, e := range c.byTuple[f.reverse()] {
			add(flowOf(f.protocol, e.connection.Namespace, e.translate().Reverse()))
		}
	}
	return all
}

// knows reports whether any namespace has an entry for the flow.
func (c *connections) knows(f flow) bool {
	return len(c.byTuple[f]) > 0 || len(c.byTuple[f.reverse()]) > 0
}

// direction says of a flow whether conntrack knows it as an answer.
func (c *connections) direction(flows []flow) (reply, known bool) {
	for _, f := range flows {
		for _, e := range c.byTuple[f] {
			return e.reply, true
		}
		for _, e := range c.byTuple[f.reverse()] {
			return !e.reply, true
		}
	}
	return false, false
}
