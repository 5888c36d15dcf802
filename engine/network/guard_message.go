package network

import "golang.org/x/sys/unix"

const nftSubsystem = unix.NFNL_SUBSYS_NFTABLES << 8

// guards appends one nftables transaction that adds or deletes elements, and
// returns the number of the message that is acknowledged.
func (m *message) guards(ops []op) (last uint32) {
	marker := func(typ uint16) {
		at := m.start(typ, 0)
		m.raw(unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES)
		m.end(at)
	}
	marker(unix.NFNL_MSG_BATCH_BEGIN)
	for _, o := range ops {
		typ, flags := uint16(nftSubsystem|unix.NFT_MSG_NEWSETELEM), uint16(unix.NLM_F_CREATE|unix.NLM_F_ACK)
		if o.action == deleteGuard {
			typ, flags = nftSubsystem|unix.NFT_MSG_DELSETELEM, unix.NLM_F_ACK
		}
		at := m.start(typ, flags)
		last = m.seq
		table := byte(unix.NFPROTO_INET)
		if o.guard.mac != "" {
			table = unix.NFPROTO_BRIDGE
		}
		m.raw(table, unix.NFNETLINK_V0, 0, 0)
		m.str(unix.NFTA_SET_ELEM_LIST_TABLE, guardTable)
		m.str(unix.NFTA_SET_ELEM_LIST_SET, pick(familyOf(o.guard.ip), guardSet, guardSet6))
		list := m.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS | unix.NLA_F_NESTED)
		elem := m.nest(unix.NFTA_LIST_ELEM | unix.NLA_F_NESTED)
		key := m.nest(unix.NFTA_SET_ELEM_KEY | unix.NLA_F_NESTED)
		m.attr(unix.NFTA_DATA_VALUE, o.guard.key())
		m.unnest(key)
		m.unnest(elem)
		m.unnest(list)
		m.end(at)
	}
	marker(unix.NFNL_MSG_BATCH_END)
	return last
}
