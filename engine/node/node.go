package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/cm/resourceupdates"

	"github.com/podhop/podhop/internal/quiet"
)

// Config says what a node is.
type Config struct {
	Name string
	// IP is the node's, in the cluster's network; IP6 is its second, of IPv6, where
	// the cluster has both families.
	IP, IP6 netip.Addr
	// ClientConfig reaches the session's API as the node.
	ClientConfig *rest.Config
	// Runtime and Images are the node's own; Stop does not close them.
	Runtime internalapi.RuntimeService
	Images  internalapi.ImageManagerService
	// Cgroups has the groups of the node's pods, like cri.PodCgroups; nil limits
	// no pod as a whole, and resizes none.
	Cgroups PodCgroups
	// Streams serves the URLs that Runtime answers to Exec, Attach and
	// PortForward; nil dials them.
	Streams http.Handler
	// Root is a folder of this node alone, absolute and without symbolic links;
	// it is made where it is missing, and stays after Stop.
	Root string
	// Dial connects from the node's network, for probes and hooks; the process'
	// own if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ClusterDNS is what pods ask for names; ClusterDomain is cluster.local if empty.
	ClusterDNS    []netip.Addr
	ClusterDomain string
	// Nameservers are the node's own, for pods with dnsPolicy Default.
	Nameservers []netip.Addr
	// Machine is what the node says it has; see Host.
	Machine Machine
	// Mounts makes what volumes want mounted below Root. Nil: volumes are plain
	// folders, and those that cannot be are refused.
	Mounts Mounts
	Logger *slog.Logger
}

// A Node is a running kubelet. Safe for concurrent use.
type Node struct {
	cfg      Config
	kubelet  *kubelet.Kubelet
	recorder record.EventRecorderLogger
	logger   klog.Logger
	handler  func() http.Handler
	updates  chan resourceupdates.Update

	ctx    context.Context
	cancel context.CancelFunc
	events record.EventBroadcaster
	done   chan struct{} // closed when the kubelet's loop has ended
	stop   sync.Once
}

// A notifier tells of each change of a pod at once; other runtimes are looked at
// once a second.
type notifier interface{ OnChange(func(podUID string)) }

// Start starts a kubelet. It answers before the node is Ready: pods may be bound
// to it at once. An existing Node object is adopted, a missing one is made. The
// node ends with Stop, not with ctx.
func Start(ctx context.Context, cfg Config) (n *Node, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if !filepath.IsAbs(cfg.Root) {
		return nil, fmt.Errorf("node %s: root %q is not absolute", cfg.Name, cfg.Root)
	}
	for _, dir := range []string{"kubelet", "logs", "hostfs"} {
		if err := os.MkdirAll(filepath.Join(cfg.Root, dir), 0o755); err != nil {
			return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
		}
	}
	if err := furnish(cfg); err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	// All goroutines of the kubelet inherit the label, so that a profile says whose they are.
	pprof.Do(context.WithoutCancel(ctx), pprof.Labels("node", cfg.Name, "root", cfg.Root), func(ctx context.Context) {
		n, err = start(ctx, cfg)
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	return n, nil
}

func start(ctx context.Context, cfg Config) (*Node, error) {
	conf, err := configuration(cfg)
	if err != nil {
		return nil, err
	}
	as := rest.CopyConfig(cfg.ClientConfig)
	as.UserAgent = "kubelet" // who manages which fields of a pod
	client, err := kubernetes.NewForConfig(as)
	if err != nil {
		return nil, err
	}
	logger := logr.FromSlogHandler(quiet.Handler{Handler: cfg.Logger.With("node", cfg.Name).Handler()})
	n := &Node{cfg: cfg, logger: logger, done: make(chan struct{}), updates: make(chan resourceupdates.Update)}
	n.ctx, n.cancel = context.WithCancel(klog.NewContext(ctx, logger))
	n.events = record.NewBroadcaster(record.WithContext(n.ctx))
	n.events.StartRecordingToSink(&v1core.EventSinkImpl{Interface: client.CoreV1().Events("")})
	n.recorder = recorder{n.ctx, n.events.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: cfg.Name})}

	deps := dependencies(cfg, client, n.recorder, logger)
	deps.ContainerManager = updates{deps.ContainerManager, n.updates}
	n.kubelet, err = newKubelet(n.ctx, cfg, conf, deps)
	if err != nil {
		n.cancel()
		n.events.Shutdown()
		return nil, err
	}
	if r, ok := cfg.Runtime.(notifier); ok {
		r.OnChange(func(uid string) { n.kubelet.RequestPodRelist(logger, types.UID(uid)) })
	}
	n.handler = sync.OnceValue(func() http.Handler { return newHandler(n.ctx, n, conf) })
	n.kubelet.StartGarbageCollection(n.ctx)
	go func() {
		defer close(n.done)
		n.kubelet.Run(n.ctx, deps.PodConfig.Updates())
	}()
	return n, nil
}

// Handler is the kubelet's HTTP API, which the API server asks for logs, exec,
// attach, port-forward and stats. What it would tell of the whole process is
// not there (see handler.go). It authorises nobody: only the API server may reach it.
func (n *Node) Handler() http.Handler { return n.handler() }

// Event records an event about a pod as the kubelet would. A nil node, one that
// has not been started yet, records none.
func (n *Node) Event(namespace, name, uid, eventType, reason, message string) {
	if n == nil {
		return
	}
	ref := &v1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name, UID: types.UID(uid)}
	n.recorder.WithLogger(n.logger).Event(ref, eventType, reason, message)
}

// Stop ends the kubelet and all that it started, not the pods: those end with
// the runtime, which should be closed next. It fails only if ctx ends first.
func (n *Node) Stop(ctx context.Context) error {
	n.stop.Do(func() {
		if r, ok := n.cfg.Runtime.(notifier); ok {
			r.OnChange(nil)
		}
		n.cancel()
	})
	select {
	case <-n.done:
		n.events.Shutdown()
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("node %s: the kubelet did not end", n.cfg.Name), ctx.Err())
	}
}
