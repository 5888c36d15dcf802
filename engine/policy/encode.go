package policy

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

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

// The first and the last type of neighbour discovery's ICMPv6 messages.
const routerSolicitation, redirect = 133, 137

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
	if r.Neighbours {
		// A bridge forwards it, and conntrack takes none of it for an answer (RFC 4861, 4).
		add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
			&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{routerSolicitation}, ToData: []byte{redirect}})
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
