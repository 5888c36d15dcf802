package network

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// A space is a namespace with the sockets that change it.
type space struct {
	ns *nsexec.NetNS
	rt *socket // rtnetlink
	nf *socket // nfnetlink: nodes only
}

// open makes the sockets, by a function that is to run in the namespace.
func (s *space) open(withRules bool) (err error) {
	if s.rt, err = newSocket(unix.NETLINK_ROUTE); err != nil || !withRules {
		return err
	}
	s.nf, err = newSocket(unix.NETLINK_NETFILTER)
	return err
}

func (s *space) close() {
	s.rt.close()
	s.nf.close()
}

// apply carries operations out, those of one vertex that follow each other in one
// batch. It goes on after a refused one, as the kernel does within a batch, and
// returns all errors.
func apply(ops []op, spaces map[string]*space) error {
	var errs []error
	all := ops
	for len(ops) > 0 {
		n := 1
		for n < len(ops) && ops[n].vertex == ops[0].vertex {
			n++
		}
		s := spaces[ops[0].vertex]
		if s == nil {
			return fmt.Errorf("%s: no namespace", ops[0].vertex)
		}
		if err := s.apply(ops[:n], spaces); err != nil {
			errs = append(errs, err)
		}
		ops = ops[n:]
	}
	if len(errs) == 0 {
		errs = append(errs, activate(all, spaces), settle(all, spaces))
	}
	return errors.Join(errs...)
}

// activate has veths ready to send when it returns, that are new or up again. An end that is up before
// its peer drops what it is to send until the kernel's link watch has had its turn,
// after the peer is up; on a busy machine that is late enough to cost a connection's
// first packet, and so a second. Asking for a device gives it its turn at once
// (rtnl_getlink, since Linux 6.8; before that it only answers).
func activate(ops []op, spaces map[string]*space) error {
	const most = 32 // answers that are sure to fit a socket's buffer
	devices := map[string][]int{}
	for _, o := range ops {
		if o.link.kind != "veth" || o.action != addLink && o.action != setUp && o.action != setMaster {
			continue
		}
		devices[o.vertex] = append(devices[o.vertex], o.link.index)
		if o.action == setUp && spaces[o.link.peer] != nil {
			devices[o.link.peer] = append(devices[o.link.peer], o.link.peerIndex)
		}
	}
	for _, o := range ops { // a bridge is up when one of its ports is
		if d := devices[o.vertex]; o.link.kind == "veth" && o.link.master != 0 && d != nil && !slices.Contains(d, o.link.master) {
			devices[o.vertex] = append(d, o.link.master)
		}
	}
	for v, indexes := range devices {
		for some := range slices.Chunk(indexes, most) {
			var m message
			for _, i := range some {
				m.getLink(i, unix.NLM_F_ACK)
			}
			refused, err := spaces[v].rt.do(&m, m.seq)
			if err == nil && len(refused) > 0 {
				err = refused[0].err
			}
			if err != nil {
				return fmt.Errorf("%s: new links: %w", v, err)
			}
		}
	}
	return nil
}

func (s *space) apply(ops []op, spaces map[string]*space) error {
	var inside, links, guards, after []op
	for _, o := range ops {
		switch o.action {
		case setSysctl, addPortGuard:
			inside = append(inside, o)
		case deletePortGuard, addFlaw, deleteFlaw:
			after = append(after, o)
		case addGuard, deleteGuard:
			guards = append(guards, o)
		default:
			links = append(links, o)
		}
	}
	if err := s.inside(inside); err != nil {
		return err
	}
	var m message
	for i, o := range links {
		flags, peer := uint16(0), -1
		if i == len(links)-1 {
			flags = unix.NLM_F_ACK
		}
		if o.action == addLink && o.link.kind == "veth" {
			p := spaces[o.link.peer]
			if p == nil {
				return fmt.Errorf("%s: no namespace %s", o, o.link.peer)
			}
			peer = p.ns.FD()
		}
		m.encode(o, flags, peer)
	}
	err := s.send(s.rt, &m, m.seq, links, 1)
	if len(guards) > 0 {
		var m message
		last := m.guards(guards)
		err = errors.Join(err, s.send(s.nf, &m, last, guards, 2))
	}
	return errors.Join(err, s.inside(after))
}

// inside does what must be done in the namespace, and opens a pod's socket there.
func (s *space) inside(ops []op) error {
	if s.rt != nil && len(ops) == 0 {
		return nil
	}
	return s.ns.Do(func() error {
		if s.rt == nil {
			if err := s.open(false); err != nil {
				return err
			}
		}
		for _, o := range ops {
			var err error
			switch o.action {
			case setSysctl:
				if err = nsexec.Sysctl(o.sysctl.name, o.sysctl.value); errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			case addPortGuard:
				err = portGuards()
			case deletePortGuard:
				err = deletePortGuards()
			case addFlaw:
				err = o.flaw.add()
			case deleteFlaw:
				err = o.flaw.remove()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", o, err)
			}
		}
		return nil
	})
}

// send has a batch carried out; the message numbered first is that of ops[0].
func (s *space) send(sock *socket, m *message, last uint32, ops []op, first uint32) error {
	if len(ops) == 0 {
		return nil
	}
	refused, err := sock.do(m, last)
	errs := []error{err}
	for _, f := range refused {
		i := int(f.seq) - int(first)
		if i < 0 || i >= len(ops) {
			errs = append(errs, f.err)
			continue
		}
		o := ops[i]
		switch o.action {
		case deleteRoute, deleteGuard, deleteLink, deleteAddr, deleteNeigh, deleteFDB:
			// Gone with its device, or its namespace.
			if slices.ContainsFunc([]error{unix.ESRCH, unix.ENOENT, unix.ENODEV, unix.EADDRNOTAVAIL}, func(gone error) bool { return errors.Is(f.err, gone) }) {
				continue
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", o, f.err))
	}
	return errors.Join(errs...)
}
