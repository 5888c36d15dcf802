package hostport

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/hostport/note"
)

const (
	// buffer is asked for a transaction on its way; the kernel may give less.
	buffer = 8 << 20
	// atOnce is how many rules a transaction has at most, so that it fits into what
	// the kernel gives. More are written in parts.
	atOnce = 100
)

var protocols = map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP}

// write makes the table of this namespace have these chains, or, without any, be gone.
func write(all []chain) error {
	c, err := nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetWriteBuffer(buffer), c.SetReadBuffer(buffer))
	}))
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: note.Table})
	c.DelTable(t) // that it is there is certain now
	n := 0
	if len(all) > 0 {
		c.AddTable(t)
	}
	for _, ch := range all {
		at := c.AddChain(ch.nft(t))
		for _, r := range ch.rules {
			c.AddRule(&nftables.Rule{Table: t, Chain: at, Exprs: r.exprs(), UserData: r.userData()})
			if n++; n%atOnce == 0 {
				if err := c.Flush(); err != nil {
					return fmt.Errorf("nftables: %w", err)
				}
			}
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

func (ch chain) nft(t *nftables.Table) *nftables.Chain {
	n := &nftables.Chain{Table: t, Name: ch.name}
	switch ch.hook {
	case "prerouting":
		n.Type, n.Hooknum, n.Priority = nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest
	case "output":
		n.Type, n.Hooknum, n.Priority = nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest
	case "postrouting":
		n.Type, n.Hooknum, n.Priority = nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource
	case "input":
		n.Type, n.Hooknum, n.Priority = nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter
	}
	return n
}

func (r rule) userData() []byte {
	if r.comment == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, r.comment)
}

// exprs are the rule in the kernel's own terms.
func (r rule) exprs() (out []expr.Any) {
	add := func(e ...expr.Any) { out = append(out, e...) }
	equal := func(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }
	six := r.six || r.source.Is6() || r.to.Is6()
	if r.dnat.IsValid() || r.source.IsValid() || r.to.IsValid() {
		add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal([]byte{family(six)}))
	}
	address := func(a netip.Addr, v4, v6 uint32) {
		if !a.IsValid() {
			return
		}
		load := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: v4, Len: 4}
		if a.Is6() {
			load.Offset, load.Len = v6, 16
		}
		add(load, equal(a.AsSlice()))
	}
	address(r.source, 12, 8)
	address(r.to, 16, 24)
	if r.local {
		add(&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true}, equal(binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)))
	}
	if r.protocol != "" {
		add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{protocols[r.protocol]}),
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, equal(binaryutil.BigEndian.PutUint16(r.port)))
	}
	if r.foreign {
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, "lo")
		add(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: name},
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal([]byte{unix.NFPROTO_IPV4}),
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 1}, equal([]byte{127}),
			&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
				Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitINVALID | expr.CtStateBitNEW), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)})
	}
	switch {
	case r.jump != "":
		add(&expr.Verdict{Kind: expr.VerdictJump, Chain: r.jump})
	case r.dnat.IsValid():
		add(&expr.Immediate{Register: 1, Data: r.dnat.Addr().AsSlice()}, &expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(r.dnat.Port())},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(family(six)), RegAddrMin: 1, RegProtoMin: 2, Specified: true})
	case r.masquerade:
		add(&expr.Masq{})
	case r.drop:
		add(&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	return out
}

func family(six bool) byte {
	if six {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}
