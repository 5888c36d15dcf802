package proxy

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/podhop/podhop/engine/ingress/route"
)

// ProxiesConfig is what NewProxies needs.
type ProxiesConfig struct {
	// Desired are the places to serve in, by any key. A namespace must stay open until
	// Stop has returned for a key that Desired does not have any more.
	Desired func() map[string]Place
	Relayed func(key string, r Relay)
	Log     *slog.Logger
}

// A Place is a pod that serves, and the name of the table that it goes by.
type Place struct {
	Namespace Namespace
	Table     string
}

// Proxies are those of one session. They are safe for concurrent use.
type Proxies struct {
	cfg ProxiesConfig

	mu      sync.Mutex
	tables  map[string]*route.Table
	running map[string]*Proxy
	closed  bool
}

// NewProxies returns none yet.
func NewProxies(c ProxiesConfig) *Proxies {
	return &Proxies{cfg: c, running: map[string]*Proxy{}}
}

// Set makes these the tables, and has a proxy in each place, and in no other.
func (s *Proxies) Set(tables map[string]*route.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables = tables
	desired := s.cfg.Desired() // asked under the lock, so that Stop comes before or after
	for key := range s.running {
		if _, ok := desired[key]; !ok {
			s.stop(key)
		}
	}
	if s.closed {
		return
	}
	for key, place := range desired {
		p := s.running[key]
		if p == nil {
			p = New(Config{Namespace: place.Namespace, Log: s.cfg.Log.With("pod", key), Relayed: func(r Relay) {
				if s.cfg.Relayed != nil {
					s.cfg.Relayed(key, r)
				}
			}})
			s.running[key] = p
		}
		table := tables[place.Table]
		if table == nil {
			table = &route.Table{}
		}
		if err := p.Set(table); err != nil {
			s.cfg.Log.Warn("proxy in a pod", "pod", key, "err", err)
		}
	}
}

// Stop ends one proxy at once, whose namespace is about to go.
func (s *Proxies) Stop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(key)
}

func (s *Proxies) stop(key string) {
	if p := s.running[key]; p != nil {
		delete(s.running, key)
		if err := p.Close(); err != nil {
			s.cfg.Log.Warn("proxy in a pod", "pod", key, "err", err)
		}
	}
}

// Close ends all proxies; there will be no more.
func (s *Proxies) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	for key, p := range s.running {
		err = errors.Join(err, p.Close())
		delete(s.running, key)
	}
	return err
}
