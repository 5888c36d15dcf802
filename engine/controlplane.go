package engine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"

	"github.com/podhop/podhop/engine/network"
)

// apiServer is where a session's API server listens on the underlay, as on a node
// of the control plane: what the Service `kubernetes` leads to.
var apiServer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 18, 0, 10}), 6443)

// APIServerNames are what a session's API server is called inside its cluster: the
// names and addresses that its certificate holds for, as kubeadm chooses them.
func APIServerNames() []string {
	return []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"10.96.0.1", apiServer.Addr().String(),
	}
}

// mostInside is how many connections programs of the cluster may have with its API server; others wait
// for their turn. They are descriptors of this process, which all sessions share.
const mostInside = 1000

// openControlPlane serves the session's API to its pods, nodes and client, over
// TLS. Nobody but the session reaches it, and its tokens are the session's: there is
// no path to another's. At rest it is one goroutine that accepts.
func (s *Session) openControlPlane(context.Context, []network.Node) error {
	config := s.engine.cfg.APIServerTLS
	if config == nil {
		return nil
	}
	l, err := s.network.Underlay().Listen("tcp", apiServer.String())
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: s.api, TLSConfig: config.Clone(),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		// Who hangs up in the middle of a handshake is not worth a warning.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.work.Go(func() {
		if err := server.ServeTLS(netutil.LimitListener(l, mostInside), "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.log.Warn("the API server in the cluster", "err", err)
		}
	})
	s.onClose(server.Close)
	return nil
}
