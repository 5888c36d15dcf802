package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/desk"
	"github.com/podhop/podhop/engine/model"
)

// shellLimits are for the shells of one node, all together.
var shellLimits = container.Resources{Memory: 256 << 20, Pids: 128}

// shells are the nodes' own: a container of the learner's image in the node's network
// namespace, there while a terminal is open to it. The zero value is ready, and safe
// for concurrent use.
type shells struct {
	mu     sync.Mutex // also held while one ends: the next of its node has its name
	closed bool
	byNode map[string]*nodeShell
}

type nodeShell struct {
	desk  *desk.Desk
	users int
}

// nodeDesk is a machine's, for who calls release afterwards.
func (s *Session) nodeDesk(m *machine) (d *desk.Desk, release func(), err error) {
	s.shells.mu.Lock()
	defer s.shells.mu.Unlock()
	sh := s.shells.byNode[m.Name]
	if s.shells.closed {
		return nil, nil, model.ErrClosed
	}
	if sh == nil {
		ns := s.network.Node(m.Name)
		if ns == nil {
			return nil, nil, fmt.Errorf("%w: %s is switched off", model.ErrConflict, m.Name)
		}
		sh = &nodeShell{desk: desk.New(desk.Config{
			ID: "desk-" + m.Name, Containers: s.containers, Users: s.users, Net: ns, Name: m.Name, Image: s.engine.deskImage,
			Capabilities: deskCapabilities, Limits: shellLimits, Mounts: s.nodeMounts(m),
			Home: s.deskHome, Hosts: s.deskHosts, Resolv: deskResolv, Log: s.log,
		})}
		if s.shells.byNode == nil {
			s.shells.byNode = map[string]*nodeShell{}
		}
		s.shells.byNode[m.Name] = sh
	}
	sh.users++
	return sh.desk, sync.OnceFunc(func() { s.leaveShell(m.Name, sh) }), nil
}

// leaveShell ends the shell of a node with its last terminal.
func (s *Session) leaveShell(node string, sh *nodeShell) {
	s.shells.mu.Lock()
	defer s.shells.mu.Unlock()
	if sh.users--; sh.users > 0 || s.shells.byNode[node] != sh {
		return
	}
	delete(s.shells.byNode, node)
	if err := sh.desk.Close(); err != nil {
		s.log.Warn("a node's shell", "node", node, "err", err)
	}
}

// nodeMounts are what a shell of a node sees of its disk.
func (s *Session) nodeMounts(m *machine) (mounts []container.Mount) {
	for _, dir := range []string{"/etc/cni", "/var/log/pods"} {
		from := filepath.Join(s.root(m), dir)
		if _, err := os.Stat(from); err == nil {
			mounts = append(mounts, container.Mount{Source: from, Destination: dir, Readonly: true})
		}
	}
	return mounts
}

// end ends the shell of a node that is switched off.
func (s *shells) end(node string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.byNode[node]
	if sh == nil {
		return nil
	}
	delete(s.byNode, node)
	return sh.desk.Close()
}

// close ends all, and lets none begin any more.
func (s *shells) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, sh := range s.byNode {
		errs = append(errs, sh.desk.Close())
	}
	s.byNode = nil
	return errors.Join(errs...)
}
