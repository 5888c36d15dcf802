package hostport

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nlenc"
	"golang.org/x/sys/unix"
)

// linux/netfilter/nfnetlink_conntrack.h
const (
	ctGet         = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET
	ctDelete      = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2 // IPCTNL_MSG_CT_DELETE
	ctTupleOrig   = 1
	ctFilter      = 25
	ctTupleProto  = 2
	ctProtoNum    = 1
	ctProtoDest   = 3
	ctFilterOrig  = 1
	ctFilterProto = 1<<3 | 1<<5 // CTA_FILTER_F_CTA_PROTO_NUM, CTA_FILTER_F_CTA_PROTO_DST_PORT
	nfgenmsg      = 4           // its size
)

// forget drops what connection tracking knows of UDP at the ports of mappings that
// have just come: who kept on sending there before goes on to nobody else. portmap
// does the same.
func forget(new []Mapping) error {
	done := map[uint16]bool{}
	for _, m := range new {
		if m.Protocol != "udp" || done[m.HostPort] {
			continue
		}
		done[m.HostPort] = true
		if err := forgetUDP(m.HostPort); err != nil {
			return fmt.Errorf("conntrack of UDP port %d: %w", m.HostPort, err)
		}
	}
	return nil
}

func forgetUDP(port uint16) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	filter, err := udpTo(port)
	if err != nil {
		return err
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		_, err := c.Execute(message(ctDelete, netlink.Acknowledge, family, filter))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			err = forgetListed(c, family, filter)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// forgetListed does the same where the kernel does not pick by itself what to forget
// (Debian 12's 6.1), but does what to list.
func forgetListed(c *netlink.Conn, family byte, filter []byte) error {
	all, err := c.Execute(message(ctGet, netlink.Dump, family, filter))
	if err != nil {
		return err
	}
	for _, m := range all {
		if len(m.Data) < nfgenmsg {
			continue
		}
		if _, err := c.Execute(message(ctDelete, netlink.Acknowledge, family, m.Data[nfgenmsg:])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// udpTo are the attributes that pick the connections of UDP to a port.
func udpTo(port uint16) ([]byte, error) {
	e := netlink.NewAttributeEncoder()
	e.Nested(ctTupleOrig, func(e *netlink.AttributeEncoder) error {
		e.Nested(ctTupleProto, func(e *netlink.AttributeEncoder) error {
			e.Uint8(ctProtoNum, unix.IPPROTO_UDP)
			e.Bytes(ctProtoDest, []byte{byte(port >> 8), byte(port)})
			return nil
		})
		return nil
	})
	e.Nested(ctFilter, func(e *netlink.AttributeEncoder) error {
		e.Bytes(ctFilterOrig, nlenc.Uint32Bytes(ctFilterProto))
		return nil
	})
	return e.Encode()
}

// message is a request about connections of a family; of version 0 the kernel ignores that.
func message(kind netlink.HeaderType, flags netlink.HeaderFlags, family byte, attributes []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | flags},
		Data:   append([]byte{family, unix.NFNETLINK_V0 + 1, 0, 0}, attributes...),
	}
}
