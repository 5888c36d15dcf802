package loadbalancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/cloud-provider/controllers/service"
	featuregates "k8s.io/component-base/featuregate"
	controllersmetrics "k8s.io/component-base/metrics/prometheus/controllers"
)

// Config is what Start needs.
type Config struct {
	// ClientConfig must be allowed what a cloud controller manager may.
	ClientConfig *restclient.Config
	// Informers are the session's; Start starts those that it needs and that run not yet.
	Informers informers.SharedInformerFactory
	// Pools are the addresses to hand out, at most one prefix a family.
	Pools []netip.Prefix
	// Announce makes the client send to each address by the named nodes, and to no
	// address that is not there: the whole truth each time.
	Announce func(context.Context, map[netip.Addr][]string) error
	// Dial asks nodes for their health, from where a load balancer would.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *slog.Logger // slog.Default() if nil
}

// A Controller gives the Services of one session their load balancers. Until the
// first Service asks for one it is an event handler and nothing else.
type Controller struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	first  sync.Once
	unhook func() error
}

// Start has load balancers made until ctx is done or Close. It does not wait.
func Start(ctx context.Context, cfg Config) (*Controller, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Controller{cfg: cfg}
	c.ctx, c.cancel = context.WithCancel(ctx)
	services := cfg.Informers.Core().V1().Services().Informer()
	begin := func(o any) {
		if s, ok := o.(*corev1.Service); ok && s.Spec.Type == corev1.ServiceTypeLoadBalancer {
			c.first.Do(func() { c.work.Go(c.run) })
		}
	}
	reg, err := services.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: begin, UpdateFunc: func(_, o any) { begin(o) },
	})
	if err != nil {
		c.cancel()
		return nil, fmt.Errorf("informer: %w", err)
	}
	c.unhook = func() error { return services.RemoveEventHandler(reg) }
	cfg.Informers.Start(ctx.Done())
	return c, nil
}

// Close ends it and waits. Addresses stay announced.
func (c *Controller) Close() error {
	err := c.unhook() // no first Service any more
	c.first.Do(func() {})
	c.cancel()
	c.work.Wait()
	return err
}

// run is upstream's service controller, and what its cloud does beside.
func (c *Controller) run() {
	clients := restclient.CopyConfig(c.cfg.ClientConfig)
	clients.UserAgent = "cloud-controller-manager"
	client, err := kubernetes.NewForConfig(clients)
	if err != nil {
		c.cfg.Log.Error("load balancers", "err", err)
		return
	}
	a := newAnnouncer(&c.cfg)
	a.cloud = newCloud(c.cfg.Pools, a.mark)
	core := c.cfg.Informers.Core().V1()
	unhook, err := a.watchNodes(core.Nodes())
	if err != nil {
		c.cfg.Log.Error("load balancers", "err", err)
		return
	}
	upstream, err := service.New(a.cloud, client, core.Services(), core.Nodes(), "podhop", featuregates.NewFeatureGate())
	if err != nil {
		c.cfg.Log.Error("load balancers", "err", errors.Join(err, unhook()))
		return
	}
	c.cfg.Informers.Start(c.ctx.Done())
	c.work.Go(func() { a.run(c.ctx) })
	upstream.Run(c.ctx, 1, controllersmetrics.NewControllerManagerMetrics("cloud-controller-manager"))
	if err := unhook(); err != nil {
		c.cfg.Log.Warn("load balancers", "err", err)
	}
}
