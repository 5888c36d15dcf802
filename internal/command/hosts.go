package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/journal"
	journaletcd "github.com/podhop/podhop/engine/journal/etcd"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/hosts"
	hostsetcd "github.com/podhop/podhop/server/hosts/etcd"
	"github.com/podhop/podhop/server/hosts/protocol"
)

const (
	// clusterPrefix is where hosts keep what they agree on, below the store's prefix.
	clusterPrefix = "cluster/"
	// sweepEvery is between two looks for sessions whose time is over and which were not opened.
	sweepEvery = 10 * time.Minute
	// reopenAtOnce is how many sessions of a host that is gone are opened at a time.
	reopenAtOnce = 2
)

// A site is the servers that share --store, as one of them sees it.
type site struct {
	cfg     hostConfig
	log     *slog.Logger
	client  *clientv3.Client
	store   *hostsetcd.Store
	peers   net.Listener
	cluster *hosts.Cluster
	engine  *engine.Engine
	forward *hosts.Forward
	reopen  hosts.Reopener
	taking  context.Context // as long as it takes over sessions
	rest    context.CancelFunc
}

// openSite reaches the store and has what all servers must have the same of: the authority of
// the sessions' API servers, which is put in the data folder, where certify looks for it.
func openSite(ctx context.Context, cfg *serveConfig) (*site, error) {
	peers, err := nsexec.Listener("peers")
	if err != nil {
		return nil, err
	}
	client, err := cfg.store.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &site{cfg: cfg.host, log: cfg.engine.Log, client: client, store: hostsetcd.New(client, clusterPrefix), peers: peers}
	s.reopen.Most, s.reopen.Open = reopenAtOnce, s.goOn
	s.taking, s.rest = context.WithCancel(ctx)
	folder := filepath.Join(cfg.engine.Data, "certificates")
	text, err := hosts.Agreed(ctx, s.store, "api-authority", func() (string, error) { return server.Authority(folder) })
	if err == nil {
		err = server.SetAuthority(folder, text)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--store: %w", err), client.Close())
	}
	cfg.engine.Sessions = ""
	keeper := journaletcd.New(journaletcd.Config{Client: client, Fence: s.fence, Log: cfg.engine.Log})
	s.reopen.Last = keeper.Last
	cfg.engine.Keeper = placed{s, keeper}
	return s, nil
}

// join makes this server one of the site's: from now on it takes sessions.
func (s *site) join(eng *engine.Engine, cfg serveConfig, version string) {
	s.engine = eng
	s.cluster = hosts.New(hosts.Config{
		Config: protocol.Config{
			Record: protocol.Record{Name: s.cfg.name, Address: s.cfg.advertised(s.peers), Capacity: cfg.engine.MaxSessions, Version: version},
			TTL:    s.cfg.lease, Beat: s.cfg.lease / 6, Margin: s.cfg.lease / 5, Moves: 4,
		},
		Etcd: s.store, Park: s.park, Taken: s.reopen.Add, Log: s.log,
	})
}

// fence is what the journal compares. A session that has no place yet is new.
func (s *site) fence(ctx context.Context, id string) (journaletcd.Fence, error) {
	if key, created, ok := s.cluster.Fence(id); ok {
		return journaletcd.Fence{Key: s.store.Key(key), Created: created}, nil
	}
	if err := s.cluster.Place(ctx, id); err != nil {
		return journaletcd.Fence{}, fmt.Errorf("%w: %w", journal.ErrFenced, err)
	}
	key, created, ok := s.cluster.Fence(id)
	if !ok {
		return journaletcd.Fence{}, journal.ErrFenced
	}
	return journaletcd.Fence{Key: s.store.Key(key), Created: created}, nil
}

// park lets a session go. One that nobody has asked for here is not open.
func (s *site) park(ctx context.Context, id string) error {
	err := s.engine.Park(ctx, id)
	if errors.Is(err, model.ErrNotFound) || errors.Is(err, model.ErrLost) || errors.Is(err, model.ErrClosed) {
		return nil
	}
	return err
}

// adopt opens a session that this server has.
func (s *site) adopt(ctx context.Context, id string) error {
	_, err := s.engine.Adopt(ctx, id)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return hosts.ErrUnknown
	case err == nil, errors.Is(err, model.ErrLost): // which who asks is told
		return nil
	}
	return fmt.Errorf("%w: %w", hosts.ErrAway, err)
}

// goOn opens a session that this server has taken over, though nobody asks for it. One for which
// there is no room is opened when somebody does.
func (s *site) goOn(ctx context.Context, id string) {
	soon, cancel := context.WithTimeout(ctx, s.cfg.lease)
	defer cancel()
	if here, _, err := s.cluster.Find(soon, id); err != nil || !here {
		return // another has it by now, or it is over
	}
	if plan := s.engine.Capacity(); plan.Room <= 0 {
		s.log.Info("there is no room to open a session that was another server's", "session", id, "binds", plan.Binds)
		return
	}
	switch err := s.adopt(ctx, id); {
	case errors.Is(err, hosts.ErrUnknown): // its time was over
		s.cluster.Finish(id)
	case err != nil:
		s.log.Warn("a session that was another server's cannot be opened now", "session", id, "err", err)
	}
}

// find finds sessions: of a site those that this server has, which it opens if they are not open.
func (s *site) find(eng *engine.Engine) func(id string) (*engine.Session, error) {
	if s == nil {
		return eng.Session
	}
	return func(id string) (*engine.Session, error) {
		if !s.cluster.Serves(id) {
			return eng.Session(id)
		}
		return eng.Adopt(context.Background(), id)
	}
}

// lead has requests answered by whom they concern.
func (s *site) lead(ctx context.Context, srv *server.Server, apiPort int) error {
	authority, err := hosts.Agreed(ctx, s.store, "peer-authority", hosts.NewAuthority)
	if err != nil {
		return fmt.Errorf("--store: %w", err)
	}
	known, err := hosts.Peers(authority)
	if err != nil {
		return err
	}
	s.forward = hosts.NewForward(hosts.ForwardConfig{
		Cluster: s.cluster, Session: srv.SessionOf, Opens: srv.Opens, Ticket: srv.TicketOf, Room: srv.Room, Adopt: s.adopt, Away: srv.Away,
		Peers: known, Dial: nsexec.DialOutside(forHosts), APIPort: apiPort, Log: s.log,
	})
	srv.Share(s.forward)
	server := &http.Server{Handler: s.forward.PeerHandler(srv.Listeners()), TLSConfig: known, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	go func() {
		if err := server.ServeTLS(s.peers, "", ""); ctx.Err() == nil {
			s.log.Error("peers cannot be served", "err", err)
		}
	}()
	context.AfterFunc(ctx, func() { server.Close() })
	go s.sweep(ctx)
	go s.reopen.Run(s.taking)
	return nil
}

// sweep ends sessions that this server has and did not open, when their time is over; and those of
// which there is nothing, at the second time, because they may be being opened at the first.
func (s *site) sweep(ctx context.Context) {
	nothing := map[string]bool{}
	for {
		select {
		case <-time.After(sweepEvery):
		case <-ctx.Done():
			return
		}
		before := nothing
		nothing = map[string]bool{}
		for _, id := range s.cluster.Own() {
			switch _, err := s.engine.Over(ctx, id); {
			case errors.Is(err, model.ErrNotFound) && before[id]:
				s.cluster.Finish(id)
			case errors.Is(err, model.ErrNotFound):
				nothing[id] = true
			case err != nil:
				s.log.Warn("looking whether a session is over", "session", id, "err", err)
			}
		}
	}
}

// closing is how an engine closes: of a site, once the other servers have its sessions, as far
// as there is time.
func (s *site) closing(eng *engine.Engine, within time.Duration) func() error {
	if s == nil {
		return eng.Close
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), within*3/4)
		defer cancel()
		s.rest()
		if err := s.cluster.Leave(ctx); err != nil {
			s.log.Warn("the other servers have not got all sessions yet", "err", err)
		}
		return eng.Close()
	}
}

// ready is what a server of a site needs beside others to be ready.
func (s *site) ready() []server.Check {
	if s == nil {
		return nil
	}
	return []server.Check{{Name: "hosts", Check: func(context.Context) error { return s.cluster.Ready() }}}
}

// close ends what is left.
func (s *site) close() {
	s.rest()
	if s.cluster != nil {
		s.cluster.Close()
	}
	_ = s.client.Close()
}

// placed is a keeper that says when a session is over for good.
type placed struct {
	site *site
	journal.Keeper
}

func (p placed) Create(ctx context.Context, id string, begin journal.State, state func() journal.State, log *slog.Logger) (journal.Writer, error) {
	w, err := p.Keeper.Create(ctx, id, begin, state, log)
	if err != nil {
		return nil, err
	}
	return placedWriter{p.site, id, w.(journal.BatchWriter)}, nil // which those of etcd are
}

func (p placed) Remove(ctx context.Context, id string) error {
	err := p.Keeper.Remove(ctx, id)
	if err == nil {
		p.site.cluster.Finish(id)
	}
	return err
}

type placedWriter struct {
	site *site
	id   string
	journal.BatchWriter
}

func (w placedWriter) Remove() error {
	err := w.BatchWriter.Remove()
	if err == nil {
		w.site.cluster.Finish(w.id)
	}
	return err
}
