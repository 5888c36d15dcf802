package node

import (
	"context"
	"net"
	"net/http"
	"strings"

	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/server"
	"k8s.io/kubernetes/pkg/kubelet/server/stats"
)

// processWide are paths at which a kubelet tells of its whole process: of the
// other sessions, here. In the place of /metrics there is what metrics tells.
var processWide = []string{"/metrics/cadvisor", "/metrics/probes", "/metrics/slis", "/configz", "/debug", "/logs"}

func newHandler(ctx context.Context, n *Node, conf *kubeletconfig.KubeletConfiguration) http.Handler {
	s := server.NewServer(ctx, host{n.kubelet, n.streams()}, stats.NewResourceAnalyzer(ctx, n.kubelet, conf.VolumeStatsAggPeriod.Duration, n.recorder),
		nil, nil, nil, conf)
	own := metrics(n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		if path == "/metrics" {
			own.ServeHTTP(w, r)
			return
		}
		for _, p := range processWide {
			if path == p || (p == "/debug" || p == "/logs") && strings.HasPrefix(path, p+"/") {
				http.NotFound(w, r)
				return
			}
		}
		s.ServeHTTP(w, r)
	})
}

// host is the kubelet, whose runtime's streams are reached in process.
type host struct {
	*kubelet.Kubelet
	streams http.RoundTripper
}

// StreamTransport is what our edit of the kubelet's server asks for.
func (h host) StreamTransport() http.RoundTripper { return h.streams }

func (n *Node) streams() http.RoundTripper {
	if n.cfg.Streams == nil {
		return nil
	}
	return &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return Pipe(n.ctx, n.cfg.Streams), nil
	}}
}

// Dial opens a connection to Handler in process, whatever network and address
// are, for an http.Transport. It ends with the node.
func (n *Node) Dial(_ context.Context, _, _ string) (net.Conn, error) {
	return Pipe(n.ctx, n.Handler()), nil
}
