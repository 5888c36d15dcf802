package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/podhop/podhop/engine/trace/packet"
	"golang.org/x/sys/unix"
)

// tapTable is our own table. Its owner is a socket: the kernel takes the table
// away when the socket closes, however the process ends.
const tapTable = "podhop-trace"

// A stage is where a packet's rules begin to be traced, of what hook soever.
type stage struct {
	kind     string // of chain
	priority int32
	prefix   string // of the chains' names
}

var (
	// early is before conntrack (-200) and everything else that decides.
	early = stage{"filter", -350, ""}
	// opening is where the destination is chosen, just before whoever chooses (-100). The kernel
	// asks chains of this kind about the first packet of a connection alone (nf_nat_inet_fn): the
	// others, however many they are, cost nothing.
	opening = stage{"nat", -101, "opening-"}
)

const tableOwner = 2 // NFT_TABLE_F_OWNER

// ownerPatience is how long the table of a capture that was closed just now is waited
// for to go: a program that is being started has its socket, too, until it runs.
const ownerPatience = time.Second

// taps asks the kernel to trace packets' rules: table inet podhop-trace, with
// chains at prerouting and output.
type taps struct {
	rate  uint64
	edges bool

	mu   sync.Mutex // what is asked and answered belongs together
	conn *netlink.Conn
}

func openTaps(ns Namespace, rate int) (*taps, error) {
	if rate == 0 {
		rate = 100
	}
	t := &taps{rate: uint64(rate)}
	err := ns.Do(func() (err error) {
		t.conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	for patience := time.Now().Add(ownerPatience); ; time.Sleep(5 * time.Millisecond) {
		err := t.install()
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, unix.EPERM) || time.Now().After(patience) {
			t.conn.Close()
			return nil, err
		}
	}
}

func (t *taps) close() error { return t.conn.Close() }

// tapHooks are where taps are: what comes in, and what the namespace itself sends.
func tapHooks() map[string]uint32 {
	return map[string]uint32{"prerouting": unix.NF_INET_PRE_ROUTING, "output": unix.NF_INET_LOCAL_OUT}
}

func (t *taps) install() error {
	messages, err := t.chains(early)
	if err != nil {
		return err
	}
	return t.transaction(append([]netlink.Message{
		message(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl,
			attribute(unix.NFTA_TABLE_NAME, name(tapTable)),
			attribute(unix.NFTA_TABLE_FLAGS, be32(tableOwner))),
	}, messages...))
}

// edgesOnly traces only packets that open connections; or others, too. It is for one goroutine
// at a time.
func (t *taps) edgesOnly(on bool) error {
	if on == t.edges {
		return nil
	}
	old, next := early, opening
	if !on {
		old, next = opening, early
	}
	messages, err := t.chains(next)
	if err != nil {
		return err
	}
	for hook := range tapHooks() {
		at := []netlink.Attribute{attribute(unix.NFTA_RULE_TABLE, name(tapTable)), attribute(unix.NFTA_RULE_CHAIN, name(old.prefix+hook))}
		messages = append(messages, message(unix.NFT_MSG_DELRULE, 0, at...), // all of the chain
			message(unix.NFT_MSG_DELCHAIN, 0, attribute(unix.NFTA_CHAIN_TABLE, name(tapTable)), attribute(unix.NFTA_CHAIN_NAME, name(old.prefix+hook))))
	}
	if err = t.transaction(messages); err == nil {
		t.edges = on
	}
	return err
}

// chains are those of a stage, with their rules.
func (t *taps) chains(s stage) (messages []netlink.Message, err error) {
	for hook, number := range tapHooks() {
		messages = append(messages, message(unix.NFT_MSG_NEWCHAIN, netlink.Create,
			attribute(unix.NFTA_CHAIN_TABLE, name(tapTable)),
			attribute(unix.NFTA_CHAIN_NAME, name(s.prefix+hook)),
			nested(unix.NFTA_CHAIN_HOOK,
				attribute(unix.NFTA_HOOK_HOOKNUM, be32(number)),
				attribute(unix.NFTA_HOOK_PRIORITY, be32(uint32(s.priority)))),
			attribute(unix.NFTA_CHAIN_TYPE, name(s.kind))))
		rules, err := t.rules(s.prefix + hook)
		if err != nil {
			return nil, err
		}
		messages = append(messages, rules...)
	}
	return messages, nil
}

func (t *taps) rules(chain string) (all []netlink.Message, err error) {
	// Connections that begin have room of their own: it is for their first packet
	// that rules choose.
	for _, exprs := range [][]expr.Any{tunnel(), append(begins(), trace(t.rate)...), trace(t.rate)} {
		rule, err := tapRule(chain, exprs)
		if err != nil {
			return nil, err
		}
		all = append(all, rule)
	}
	return all, nil
}

// begins matches the first packet of TCP connections:
// meta l4proto tcp, tcp flags & (syn|ack) == syn.
func begins() []expr.Any {
	return append(isTCP(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{packet.SYN | packet.ACK}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{packet.SYN}},
	)
}

func isTCP() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{packet.TCP}},
	}
}

func accept() expr.Any { return &expr.Verdict{Kind: expr.VerdictAccept} }

// trace is "limit rate RATE/second burst RATE packets meta nftrace set 1 accept".
func trace(rate uint64) []expr.Any {
	return []expr.Any{
		&expr.Limit{Type: expr.LimitTypePkts, Rate: rate, Unit: expr.LimitTimeSecond, Burst: uint32(rate)},
		&expr.Immediate{Register: 1, Data: []byte{1}},
		&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
		accept(),
	}
}

// tunnel leaves out what encapsulates, "udp dport 8472 accept": its journey is that
// of the packet inside.
func tunnel() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{packet.UDP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, packet.VXLANPort)},
		accept(),
	}
}

func tapRule(chain string, exprs []expr.Any) (netlink.Message, error) {
	var list []netlink.Attribute
	for _, e := range exprs {
		b, err := expr.Marshal(unix.NFPROTO_INET, e)
		if err != nil {
			return netlink.Message{}, err
		}
		list = append(list, attribute(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, b))
	}
	return message(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append,
		attribute(unix.NFTA_RULE_TABLE, name(tapTable)),
		attribute(unix.NFTA_RULE_CHAIN, name(chain)),
		nested(unix.NFTA_RULE_EXPRESSIONS, list...)), nil
}

// transaction sends one nftables batch and waits for its acknowledgements.
func (t *taps) transaction(messages []netlink.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	edge := func(kind netlink.HeaderType) netlink.Message {
		return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request}, Data: []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES}}
	}
	batch := append([]netlink.Message{edge(unix.NFNL_MSG_BATCH_BEGIN)}, messages...)
	if _, err := t.conn.SendMessages(append(batch, edge(unix.NFNL_MSG_BATCH_END))); err != nil {
		return err
	}
	var errs []error
	for range messages {
		if _, err := t.conn.Receive(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("table inet %s: %w", tapTable, errors.Join(errs...))
	}
	return nil
}

// generation is the number of the namespace's last change to its rules.
func (t *taps) generation() (uint32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	replies, err := t.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   make([]byte, 4),
	})
	if err != nil {
		return 0, err
	}
	var n uint32
	for _, m := range replies {
		if len(m.Data) > 4 {
			attributes(m.Data[4:], func(kind uint16, v []byte) {
				if kind == unix.NFTA_GEN_ID {
					n = uint32(number(v))
				}
			})
		}
	}
	return n, nil
}

// Tapped reports whether a namespace has a table of taps, whoever made it.
func Tapped(ns Namespace) (bool, error) {
	var conn *netlink.Conn
	err := ns.Do(func() (err error) {
		conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_, err = conn.Execute(message(unix.NFT_MSG_GETTABLE, 0, attribute(unix.NFTA_TABLE_NAME, name(tapTable))))
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

func message(kind uint16, flags netlink.HeaderFlags, attributes ...netlink.Attribute) netlink.Message {
	data, _ := netlink.MarshalAttributes(attributes) // of attributes that we made: none is too long
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append([]byte{unix.NFPROTO_INET, 0, 0, 0}, data...),
	}
}

func attribute(kind uint16, data []byte) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: data}
}

func nested(kind uint16, inner ...netlink.Attribute) netlink.Attribute {
	data, _ := netlink.MarshalAttributes(inner)
	return attribute(unix.NLA_F_NESTED|kind, data)
}

func name(s string) []byte { return append([]byte(s), 0) }

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
