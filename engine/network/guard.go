package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

const (
	guardTable = "podhop-guard"
	guardSet   = "pods"
	guardSet6  = "pods6"
	masqTable  = "podhop-masq"
	// Numbers of sets within their transaction: the library would count for all at once,
	// and not safely.
	guardID, guardID6, anonymousID = 1, 2, 3

	guardWords = "a pod may send from its own address only"

	etherAddrOffset, etherTypeOffset, sourceOffset, sourceOffset6, arpSourceOffset = 6, 12, 12, 8, 14
)

// A concatenation is loaded into the 4-byte registers, each part from one of its
// own on: 16 bytes of name, 8 for a MAC.
const nameReg, secondReg, thirdReg = unix.NFT_REG32_00, unix.NFT_REG32_04, unix.NFT_REG32_06

// nodeRules writes the tables that every node has beside kube-proxy's; it must run
// in the node's namespace. Whole and in one transaction, so twice is well.
//
// One set for all veths, not a chain a device: attaching a pod adds one element,
// and a spoofed packet is dropped by a rule that a trace can name.
func nodeRules(of clusters) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	guard := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: guardTable})
	pre := chain(c, guard, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	for f, cluster := range of {
		f := family(f)
		set := pick(f, guardSet, guardSet6)
		sources, err := addSet(c, guard, set, nftables.TypeIFName, pick(f, nftables.TypeIPAddr, nftables.TypeIP6Addr))
		if err != nil {
			return err
		}
		match := append(fromVeth(), isProtocol(pick[byte](f, unix.NFPROTO_IPV4, unix.NFPROTO_IPV6))...)
		addRule(c, pre, guardWords, append(match, ifname(), source(f, secondReg), notIn(sources, nameReg), &expr.Counter{}, drop()))
		if !cluster.IsValid() {
			continue
		}
		if err := masquerade(c, f, cluster); err != nil {
			return err
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

// masquerade has pods leave the cluster with their node's address.
func masquerade(c *nftables.Conn, f family, cluster netip.Prefix) error {
	masq := c.AddTable(&nftables.Table{Family: pick(f, nftables.TableFamilyIPv4, nftables.TableFamilyIPv6), Name: masqTable})
	post := chain(c, masq, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	if cluster.Bits()%8 != 0 {
		return fmt.Errorf("cluster CIDR %s: its length must be a multiple of 8", cluster)
	}
	match := func(offset uint32, op expr.CmpOp) []expr.Any {
		n := uint32(cluster.Bits() / 8)
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: n},
			&expr.Cmp{Op: op, Register: 1, Data: cluster.Addr().AsSlice()[:n]},
		}
	}
	from := pick[uint32](f, sourceOffset, sourceOffset6)
	exprs := append(match(from, expr.CmpOpEq), match(from+uint32(cluster.Addr().BitLen()/8), expr.CmpOpNeq)...)
	addRule(c, post, "pods leave the cluster with their node's address", append(exprs, &expr.Counter{}, &expr.Masq{}))
	return nil
}

// portGuardText is what portGuards writes.
const portGuardText = `table bridge ` + guardTable + ` {
	set ` + guardSet + ` { type ifname . ether_addr . ipv4_addr; }
	set ` + guardSet6 + ` { type ifname . ether_addr . ipv6_addr; }
	chain prerouting {
		type filter hook prerouting priority -300;
		iifname "veth*" ether type ip iifname . ether saddr . ip saddr != @` + guardSet + ` counter drop comment "` + guardWords + `"
		iifname "veth*" ether type arp iifname . ether saddr . arp saddr ip != @` + guardSet + ` counter drop comment "` + guardWords + `"
		iifname "veth*" ether type ip6 iifname . ether saddr . ip6 saddr != @` + guardSet6 + ` counter drop comment "` + guardWords + `"
		iifname "veth*" ether type != { ip, arp, ip6 } counter drop comment "a pod may send IP and ARP only"
	}
}`

// portGuards writes the guards of a bridge's ports: the hooks of IP see the bridge,
// not the port, as where a packet came from. Before the bridge learns who sent it, so
// that nobody takes another's place on it. It must run in the node's namespace.
func portGuards() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyBridge, Name: guardTable})
	pre := chain(c, table, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	sets := [2]*nftables.Set{}
	for f, t := range []nftables.SetDatatype{nftables.TypeIPAddr, nftables.TypeIP6Addr} {
		if sets[f], err = addSet(c, table, pick(family(f), guardSet, guardSet6), nftables.TypeIFName, nftables.TypeEtherAddr, t); err != nil {
			return err
		}
	}
	mac := &expr.Payload{DestRegister: secondReg, Base: expr.PayloadBaseLLHeader, Offset: etherAddrOffset, Len: 6}
	claim := func(etherType uint16, set *nftables.Set, address expr.Any) {
		match := append(fromVeth(), etherTypeIs(etherType)...)
		addRule(c, pre, guardWords, append(match, ifname(), mac, address, notIn(set, nameReg), &expr.Counter{}, drop()))
	}
	claim(unix.ETH_P_IP, sets[v4], source(v4, thirdReg))
	claim(unix.ETH_P_ARP, sets[v4], &expr.Payload{DestRegister: thirdReg, Base: expr.PayloadBaseNetworkHeader, Offset: arpSourceOffset, Len: 4})
	claim(unix.ETH_P_IPV6, sets[v6], source(v6, thirdReg))
	known := &nftables.Set{Table: table, ID: anonymousID, Name: "__set%d", Anonymous: true, Constant: true, KeyType: nftables.TypeEtherType}
	var types []nftables.SetElement
	for _, t := range []uint16{unix.ETH_P_IP, unix.ETH_P_ARP, unix.ETH_P_IPV6} {
		types = append(types, nftables.SetElement{Key: bigEndian(t)})
	}
	if err := c.AddSet(known, types); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	addRule(c, pre, "a pod may send IP and ARP only", append(fromVeth(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseLLHeader, Offset: etherTypeOffset, Len: 2}, notIn(known, 1), &expr.Counter{}, drop()))
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables for bridges: %w", err)
	}
	return nil
}

// deletePortGuards is its end.
func deletePortGuards() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyBridge, Name: guardTable})
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

func chain(c *nftables.Conn, t *nftables.Table, name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	ch := c.AddChain(&nftables.Chain{Name: name, Table: t, Type: kind, Hooknum: hook, Priority: priority})
	c.FlushChain(ch)
	return ch
}

func addSet(c *nftables.Conn, t *nftables.Table, name string, types ...nftables.SetDatatype) (*nftables.Set, error) {
	key, err := nftables.ConcatSetType(types...)
	if err != nil {
		return nil, err
	}
	id := map[string]uint32{guardSet: guardID, guardSet6: guardID6}[name]
	s := &nftables.Set{Table: t, ID: id, Name: name, KeyType: key, Concatenation: true}
	if err := c.AddSet(s, nil); err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return s, nil
}

func addRule(c *nftables.Conn, ch *nftables.Chain, comment string, exprs []expr.Any) {
	c.AddRule(&nftables.Rule{Table: ch.Table, Chain: ch, UserData: userdata.AppendString(nil, userdata.TypeComment, comment), Exprs: exprs})
}

func fromVeth() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("veth")},
	}
}

func isProtocol(p byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}}}
}

func etherTypeIs(t uint16) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: bigEndian(t)}}
}

func bigEndian(n uint16) []byte { return []byte{byte(n >> 8), byte(n)} }

func ifname() expr.Any { return &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: nameReg} }

func source(f family, register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader,
		Offset: pick[uint32](f, sourceOffset, sourceOffset6), Len: pick[uint32](f, 4, 16)}
}

func notIn(s *nftables.Set, register uint32) expr.Any {
	return &expr.Lookup{SourceRegister: register, SetName: s.Name, SetID: s.ID, Invert: true}
}

func drop() expr.Any { return &expr.Verdict{Kind: expr.VerdictDrop} }

// key is the element of a guard's set: each part fills up to 4 bytes.
func (g guard) key() []byte {
	key := make([]byte, unix.IFNAMSIZ, unix.IFNAMSIZ+8+16)
	copy(key, g.device)
	if mac, err := net.ParseMAC(g.mac); err == nil {
		key = append(append(key, mac...), 0, 0)
	}
	return append(key, g.ip.AsSlice()...)
}

// guardOf is the guard of a key.
func guardOf(key []byte, withMAC bool) (g guard, ok bool) {
	if len(key) < unix.IFNAMSIZ {
		return g, false
	}
	g.device, key = unix.ByteSliceToString(key[:unix.IFNAMSIZ]), key[unix.IFNAMSIZ:]
	if withMAC && len(key) > 8 {
		g.mac, key = net.HardwareAddr(key[:6]).String(), key[8:]
	}
	g.ip, ok = netip.AddrFromSlice(key)
	return g, ok
}

// guardsOf reads the sets back, and tells whether those of ports are there; it must
// run in the node's namespace.
func guardsOf() (all []guard, ports bool, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, false, fmt.Errorf("nftables: %w", err)
	}
	tables, err := c.ListTables()
	if err != nil {
		return nil, false, fmt.Errorf("nftables: %w", err)
	}
	for _, t := range tables {
		if t.Name != guardTable {
			continue
		}
		bridge := t.Family == nftables.TableFamilyBridge
		ports = ports || bridge
		for _, name := range []string{guardSet, guardSet6} {
			elems, err := c.GetSetElements(&nftables.Set{Table: t, Name: name})
			if err != nil {
				return nil, false, fmt.Errorf("nftables: set %s: %w", name, err)
			}
			for _, e := range elems {
				if g, ok := guardOf(e.Key, bridge); ok {
					all = append(all, g)
				}
			}
		}
	}
	return all, ports, nil
}
