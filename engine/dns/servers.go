package dns

import (
	"errors"
	"log/slog"
	"sync"
)

// ServersConfig is what NewServers needs.
type ServersConfig struct {
	Resolver *Resolver
	// Desired are the namespaces to listen in, by any key. A namespace must stay open
	// until Stop has returned for a key that Desired does not have any more.
	Desired func() map[string]Namespace
	// Spoiled is told what a Fault did, and in which namespace, before it is seen. May be nil.
	Spoiled func(key string, s Spoiled)
	Log     *slog.Logger
}

// Servers are the DNS servers of one session. They are safe for concurrent use.
type Servers struct {
	cfg ServersConfig

	mu      sync.Mutex
	running map[string]*Server
	closed  bool

	spoiling spoiling
}

// NewServers returns none yet.
func NewServers(c ServersConfig) *Servers {
	return &Servers{cfg: c, running: map[string]*Server{}, spoiling: spoiling{told: c.Spoiled}}
}

// Sync has servers in the desired namespaces, and in no others. One that cannot
// listen is tried again with the next Sync.
func (s *Servers) Sync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	desired := s.cfg.Desired() // asked under the lock, so that Stop comes before or after
	for key := range s.running {
		if desired[key] == nil {
			s.stop(key)
		}
	}
	for key, ns := range desired {
		if s.running[key] != nil || s.closed {
			continue
		}
		server, err := listen(ns, s.cfg.Resolver, key, &s.spoiling)
		if err != nil {
			s.cfg.Log.Warn("DNS in a pod", "pod", key, "err", err)
			continue
		}
		s.running[key] = server
	}
}

// Stop ends one server at once, whose namespace is about to go.
func (s *Servers) Stop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(key)
}

func (s *Servers) stop(key string) {
	if server := s.running[key]; server != nil {
		delete(s.running, key)
		if err := server.Close(); err != nil {
			s.cfg.Log.Warn("DNS in a pod", "pod", key, "err", err)
		}
	}
}

// Close ends all servers; there will be no more.
func (s *Servers) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	for key, server := range s.running {
		err = errors.Join(err, server.Close())
		delete(s.running, key)
	}
	return err
}
