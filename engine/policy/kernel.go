package policy

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"

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
// old rules or the new: there is one transaction, or, where that is too much for
// one, a second table is filled, and the last transaction hooks it in for the first.
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
	changed := k.changed(desired)
	switch {
	case changed != nil:
		// Only who is who has changed: the rules stay, and so do their handles.
		w.name = k.name
		w.elements(changed)
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

// changed are the sets that differ from what was written, if a table differs in
// elements alone and they are not too many; else nil.
func (k *kernel) changed(desired Table) (out []Set) {
	if k.unsure || len(desired.Chains) == 0 || len(k.now.Sets) != len(desired.Sets) || !reflect.DeepEqual(k.now.Chains, desired.Chains) {
		return nil
	}
	messages := 0
	for i, s := range desired.Sets {
		was := k.now.Sets[i]
		if was.Name != s.Name || was.Type != s.Type {
			return nil
		}
		if !reflect.DeepEqual(was, s) {
			out = append(out, s)
			messages += s.messages()
		}
	}
	if messages > atOnce {
		return nil
	}
	return out
}

// messages is how much a set is to send, in messages of the size of a rule's.
func (s Set) messages() int {
	return 2 + (len(s.Ranges)+len(s.Endpoints)+len(s.Gotos))/16
}

func (t Table) messages() (n int) {
	for _, s := range t.Sets {
		n += s.messages()
	}
	for _, c := range t.Chains {
		n += 1 + len(c.Rules)
	}
	return n
}

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

func (s Set) nft(t *nftables.Table) *nftables.Set {
	address := nftables.TypeIPAddr
	if s.Six {
		address = nftables.TypeIP6Addr
	}
	n := &nftables.Set{Table: t, Name: s.Name, KeyType: address}
	switch s.Type {
	case Blocks:
		n.Interval = true
	case Pairs:
		n.KeyType, n.Concatenation = nftables.MustConcatSetType(address, address), true
	case Endpoints:
		n.KeyType, n.Concatenation = nftables.MustConcatSetType(address, nftables.TypeInetService), true
	case Gotos:
		n.IsMap, n.DataType = true, nftables.TypeVerdict
	}
	return n
}

func (s Set) elements() (out []nftables.SetElement) {
	for _, r := range s.Ranges {
		first := r.First.AsSlice()
		switch s.Type {
		case Pairs:
			out = append(out, nftables.SetElement{Key: append(first, first...)})
		case Blocks:
			out = append(out, nftables.SetElement{Key: first})
			// An interval ends before its end; that of the last address has none.
			if end := r.Last.Next(); end.IsValid() {
				out = append(out, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
			}
		default:
			out = append(out, nftables.SetElement{Key: first})
		}
	}
	for _, e := range s.Endpoints {
		// Each part of a concatenation fills up to 4 bytes.
		out = append(out, nftables.SetElement{Key: append(append(e.Addr().AsSlice(), binaryutil.BigEndian.PutUint16(e.Port())...), 0, 0)})
	}
	for _, g := range s.Gotos {
		out = append(out, nftables.SetElement{Key: g.Addr.AsSlice(), VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: g.Chain}})
	}
	return out
}

var protocols = map[v1.Protocol]byte{v1.ProtocolTCP: unix.IPPROTO_TCP, v1.ProtocolUDP: unix.IPPROTO_UDP, v1.ProtocolSCTP: unix.IPPROTO_SCTP}

// exprs are the rule in the kernel's own terms. Register 1 and NFT_REG32_00 begin
// at the same place.
func (r Rule) exprs() (out []expr.Any) {
	add := func(e ...expr.Any) { out = append(out, e...) }
	family, source, destination, size := byte(unix.NFPROTO_IPV4), uint32(12), uint32(16), uint32(4)
	if r.Six {
		family, source, destination, size = unix.NFPROTO_IPV6, 8, 24, 16
	}
	second := uint32(unix.NFT_REG32_00) + size/4
	address := func(register, offset uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}
	}
	port := func(register uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	}
	lookup := func(set string) expr.Any {
		return &expr.Lookup{SourceRegister: 1, SetName: set, IsDestRegSet: r.Verdict == "vmap"}
	}
	if r.Established {
		add(&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
				Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)})
	}
	if r.Source != "" || r.Destination != "" || r.Pair != "" || r.Endpoint != "" {
		add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}})
	}
	if r.Source != "" {
		add(address(1, source), lookup(r.Source))
	}
	if r.Destination != "" {
		add(address(1, destination), lookup(r.Destination))
	}
	if r.Pair != "" {
		add(address(1, source), address(second, destination), lookup(r.Pair))
	}
	if r.Protocol != "" {
		add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocols[r.Protocol]}})
	}
	switch {
	case r.Endpoint != "":
		add(address(1, destination), port(second), lookup(r.Endpoint))
	case r.Last == 0:
	case r.First == r.Last:
		add(port(1), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(r.First)})
	default:
		add(port(1), &expr.Range{Op: expr.CmpOpEq, Register: 1,
			FromData: binaryutil.BigEndian.PutUint16(r.First), ToData: binaryutil.BigEndian.PutUint16(r.Last)})
	}
	switch r.Verdict {
	case "accept":
		add(&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
	case "drop":
		add(&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
	case "jump":
		add(&expr.Verdict{Kind: expr.VerdictJump, Chain: r.Target})
	case "goto":
		add(&expr.Verdict{Kind: expr.VerdictGoto, Chain: r.Target})
	}
	return out
}
