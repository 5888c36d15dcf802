package network

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

const (
	guardTable = "podhop-guard"
	guardSet   = "pods"
	masqTable  = "podhop-masq"
)

// nodeRules writes the two tables that every node has beside kube-proxy's; it must
// run in the node's namespace. Whole and in one transaction, so twice is well.
//
// One set for all veths, not a chain a device: attaching a pod adds one element,
// and a spoofed packet is dropped by a rule that a trace can name.
func nodeRules(cluster netip.Prefix) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	guard := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: guardTable})
	key, err := nftables.ConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr)
	if err != nil {
		return err
	}
	pods := &nftables.Set{Table: guard, Name: guardSet, KeyType: key, Concatenation: true}
	if err := c.AddSet(pods, nil); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	pre := c.AddChain(&nftables.Chain{
		Name: "prerouting", Table: guard, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	c.FlushChain(pre)
	// A concatenation is loaded into the 4-byte registers: 16 bytes of name, then the address.
	const nameReg, addrReg = unix.NFT_REG32_00, unix.NFT_REG32_04
	c.AddRule(&nftables.Rule{Table: guard, Chain: pre, UserData: comment("a pod may send from its own address only"), Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("veth")},
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: nameReg},
		&expr.Payload{DestRegister: addrReg, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Lookup{SourceRegister: nameReg, SetName: guardSet, SetID: pods.ID, Invert: true},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})

	masq := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: masqTable})
	post := c.AddChain(&nftables.Chain{
		Name: "postrouting", Table: masq, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	c.FlushChain(post)
	match := func(offset uint32, op expr.CmpOp) []expr.Any {
		n := uint32(cluster.Bits() / 8) // a cluster's prefix ends at a byte
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: n},
			&expr.Cmp{Op: op, Register: 1, Data: cluster.Addr().AsSlice()[:n]},
		}
	}
	exprs := append(match(12, expr.CmpOpEq), match(16, expr.CmpOpNeq)...)
	c.AddRule(&nftables.Rule{Table: masq, Chain: post, UserData: comment("pods leave the cluster with their node's address"),
		Exprs: append(exprs, &expr.Counter{}, &expr.Masq{})})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

func comment(s string) []byte { return userdata.AppendString(nil, userdata.TypeComment, s) }

// guardsOf reads the set back; it must run in the node's namespace.
func guardsOf() ([]guard, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	elems, err := c.GetSetElements(&nftables.Set{
		Table: &nftables.Table{Family: nftables.TableFamilyINet, Name: guardTable}, Name: guardSet,
	})
	if err != nil {
		return nil, fmt.Errorf("nftables: set %s: %w", guardSet, err)
	}
	var out []guard
	for _, e := range elems {
		if len(e.Key) != unix.IFNAMSIZ+4 {
			continue
		}
		ip, _ := netip.AddrFromSlice(e.Key[unix.IFNAMSIZ:])
		out = append(out, guard{unix.ByteSliceToString(e.Key[:unix.IFNAMSIZ]), ip})
	}
	return out, nil
}
