package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

// Message types of ctnetlink (enum cntl_msg_types).
const (
	conntrackNew    = 0
	conntrackDelete = 2
)

// decode reads netlink messages; nil if they hold nothing of interest.
func decode(b []byte, namespace string, now int64, device func(int) record.Device) *record.Batch {
	var batch record.Batch
	const head = unix.SizeofNlMsghdr + 4 // and nfgenmsg
	for len(b) >= head {
		n := int(binary.NativeEndian.Uint32(b))
		if n < head || n > len(b) {
			break
		}
		kind, family, body := binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr], b[head:n]
		switch {
		case kind>>8 == unix.NFNL_SUBSYS_NFTABLES && kind&0xff == unix.NFT_MSG_TRACE:
			if r, ok := decodeTrace(body, family, device); ok {
				r.Namespace, r.Heard = namespace, now
				batch.Rules = append(batch.Rules, r)
			}
		case kind>>8 == unix.NFNL_SUBSYS_CTNETLINK && (kind&0xff == conntrackNew || kind&0xff == conntrackDelete):
			if c, ok := decodeConnection(body); ok {
				c.Namespace, c.Gone = namespace, kind&0xff == conntrackDelete
				batch.Connections = append(batch.Connections, c)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if len(batch.Rules) == 0 && len(batch.Connections) == 0 {
		return nil
	}
	return &batch
}

// attributes calls f for each netlink attribute.
func attributes(b []byte, f func(kind uint16, v []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[4:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// decodeTrace reads enum nft_trace_attributes; events of our own table are none.
func decodeTrace(b []byte, family byte, device func(int) record.Device) (record.Rule, bool) {
	r := record.Rule{Family: familyName(family)}
	attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_TRACE_TABLE:
			r.Table = text(v)
		case unix.NFTA_TRACE_CHAIN:
			r.Chain = text(v)
		case unix.NFTA_TRACE_RULE_HANDLE:
			r.Handle = number(v)
		case unix.NFTA_TRACE_TYPE:
			switch number(v) {
			case unix.NFT_TRACETYPE_POLICY:
				r.Type = record.TypePolicy
			case unix.NFT_TRACETYPE_RETURN:
				r.Type = record.TypeReturn
			case unix.NFT_TRACETYPE_RULE:
				r.Type = record.TypeRule
			}
		case unix.NFTA_TRACE_VERDICT:
			attributes(v, func(kind uint16, v []byte) {
				switch kind {
				case unix.NFTA_VERDICT_CODE:
					r.Verdict = verdictName(int32(number(v)))
				case unix.NFTA_VERDICT_CHAIN:
					r.Target = text(v)
				}
			})
		case unix.NFTA_TRACE_POLICY:
			r.Verdict = verdictName(int32(number(v)))
		case unix.NFTA_TRACE_ID:
			r.ID = uint32(number(v))
		case unix.NFTA_TRACE_NETWORK_HEADER:
			r.Network = bytes.Clone(v)
		case unix.NFTA_TRACE_TRANSPORT_HEADER:
			r.Transport = bytes.Clone(v)
		case unix.NFTA_TRACE_IIF:
			r.In = device(int(number(v))).Name
		case unix.NFTA_TRACE_OIF:
			r.Out = device(int(number(v))).Name
		case unix.NFTA_TRACE_MARK:
			r.Mark = uint32(number(v))
		case 18: // NFTA_TRACE_CT_ID, of Linux 6.16
			r.Conntrack = uint32(number(v))
		}
	})
	return r, r.Table != "" && r.Table != tapTable
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// number reads a big-endian number of 1, 2, 4 or 8 bytes.
func number(b []byte) uint64 {
	var n uint64
	for _, c := range b[:min(8, len(b))] {
		n = n<<8 | uint64(c)
	}
	return n
}

func familyName(f byte) string {
	switch f {
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	case unix.NFPROTO_ARP:
		return "arp"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	}
	return ""
}

// verdictName is nft's word for a verdict; a drop may carry an errno above.
func verdictName(v int32) string {
	switch v {
	case 1:
		return "accept"
	case unix.NFT_CONTINUE:
		return "continue"
	case unix.NFT_BREAK:
		return "break"
	case unix.NFT_JUMP:
		return "jump"
	case unix.NFT_GOTO:
		return "goto"
	case unix.NFT_RETURN:
		return "return"
	}
	switch v & 0xff {
	case 0:
		return "drop"
	case 2:
		return "stolen"
	case 3:
		return "queue"
	}
	return ""
}

// decodeConnection reads enum ctattr_type.
func decodeConnection(b []byte) (c record.Connection, ok bool) {
	attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case 1: // CTA_TUPLE_ORIG
			c.Original, c.Protocol, ok = decodeTuple(v)
		case 2: // CTA_TUPLE_REPLY
			c.Reply, _, _ = decodeTuple(v)
		case 12: // CTA_ID
			c.ID = uint32(number(v))
		}
	})
	return c, ok && c.Reply.Source.IsValid()
}

// decodeTuple reads enum ctattr_tuple: CTA_TUPLE_IP and CTA_TUPLE_PROTO.
func decodeTuple(b []byte) (t record.Tuple, protocol uint8, ok bool) {
	var from, to netip.Addr
	var fromPort, toPort uint16
	attributes(b, func(kind uint16, v []byte) {
		attributes(v, func(inner uint16, v []byte) {
			switch {
			case kind == 1 && (inner == 1 || inner == 3): // CTA_IP_V4_SRC, CTA_IP_V6_SRC
				from, _ = netip.AddrFromSlice(v)
			case kind == 1 && (inner == 2 || inner == 4): // CTA_IP_V4_DST, CTA_IP_V6_DST
				to, _ = netip.AddrFromSlice(v)
			case kind != 2 || len(v) == 0:
			case inner == 1: // CTA_PROTO_NUM
				protocol = v[0]
			case inner == 2: // CTA_PROTO_SRC_PORT
				fromPort = uint16(number(v))
			case inner == 3: // CTA_PROTO_DST_PORT
				toPort = uint16(number(v))
			case inner == 4 || inner == 7: // CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID
				fromPort = uint16(number(v))
				toPort = fromPort
			}
		})
	})
	if protocol != packet.TCP && protocol != packet.UDP && protocol != packet.SCTP && protocol != packet.ICMP && protocol != packet.ICMPv6 {
		fromPort, toPort = 0, 0
	}
	t = record.Tuple{Source: netip.AddrPortFrom(from, fromPort), Destination: netip.AddrPortFrom(to, toPort)}
	return t, protocol, from.IsValid() && to.IsValid()
}
