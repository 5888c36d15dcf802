package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corelisters "k8s.io/client-go/listers/core/v1"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/engine/api/informer"
	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/ingress/proxy"
	"github.com/podhop/podhop/engine/ingress/route"
)

const (
	// settle is how long a burst of changes is given to end before it is planned.
	settle = 3 * time.Millisecond
	// retry is when what failed is tried again.
	retry = 200 * time.Millisecond
)

// Config is what Start needs.
type Config struct {
	// ClientConfig must be allowed everything, as system:masters is.
	ClientConfig *restclient.Config
	// Informers are the session's. The controller adds to them and starts them.
	Informers *informer.Factory
	// Presence tells which kinds the session has objects of: nothing runs before
	// there is something to serve.
	Presence informer.Presence
	// Pods are the network namespaces of all pods by a key of the caller's. One must
	// stay open until Leaving has returned for it.
	Pods func() map[string]Pod
	// Runs tells whether a pod is one that the proxy answers in.
	Runs func(*corev1.Pod) bool
	// Relayed, if set, is told which connection belongs to which.
	Relayed func(pod string, r proxy.Relay)
	// HostsChanged, if set, is told when Hosts has others to answer.
	HostsChanged func()
	// Gateways, if set, is told how to list the objects of the Gateway API, when they
	// begin to be watched and after each change. It must be quick; list may be called
	// from anywhere.
	Gateways func(list func() plan.GatewayObjects)
	Log      *slog.Logger
}

// A Pod is where a proxy may serve.
type Pod struct {
	Namespace, Name string
	Net             proxy.Namespace
}

// Controller is the running controller of one session. It is safe for concurrent use.
type Controller struct {
	cfg     Config
	client  kubernetes.Interface
	proxies *proxy.Proxies
	dirty   chan struct{} // holds one token if there is something to plan
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu    sync.Mutex
	hosts []Host

	// of the goroutine that plans
	list      func() plan.Objects
	pods      func(namespace, name string) *corev1.Pod
	teller    *teller
	fallback  route.Certificate
	installed bool
	gateways  *gateways // nil until there is an object of the Gateway API
	spaces    corelisters.NamespaceLister
}

// Start waits, at the cost of one goroutine, until there is something to serve, and
// serves it until Close.
func Start(ctx context.Context, cfg Config) (*Controller, error) {
	c := &Controller{cfg: cfg, dirty: make(chan struct{}, 1)}
	clients := restclient.CopyConfig(cfg.ClientConfig)
	clients.UserAgent = Name
	var err error
	if c.client, err = kubernetes.NewForConfig(clients); err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	c.proxies = proxy.NewProxies(proxy.ProxiesConfig{Desired: c.places, Relayed: cfg.Relayed, Log: cfg.Log})
	ctx, c.cancel = context.WithCancel(ctx)
	c.done.Go(func() { c.run(ctx) })
	return c, nil
}

// Close ends the controller and its proxies, and waits for them.
func (c *Controller) Close() error {
	c.cancel()
	c.done.Wait()
	return c.proxies.Close()
}

// Touch has everything looked at anew: pods have come or gone. It never waits.
func (c *Controller) Touch() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// Leaving ends the proxy in a pod whose namespace is about to go.
func (c *Controller) Leaving(pod string) { c.proxies.Stop(pod) }

// run waits for something to serve, and then plans after every burst of changes.
func (c *Controller) run(ctx context.Context) {
	for !c.wanted() {
		more := c.cfg.Presence.More()
		if c.wanted() {
			break
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
	if err := c.begin(ctx); err != nil {
		if ctx.Err() == nil {
			c.cfg.Log.Error("the Ingress controller does not start", "err", err)
		}
		return
	}
	c.Touch()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		var more <-chan struct{} // until there are Gateways too
		if c.gateways == nil {
			more = c.cfg.Presence.More()
			if c.gatewaysWanted() {
				if err := c.beginGateways(ctx, c.spaces); err != nil {
					if ctx.Err() == nil {
						c.cfg.Log.Error("the Gateway controller does not start", "err", err)
					}
					return
				}
				more = nil
				c.Touch()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-more:
			continue
		case <-c.dirty:
			timer.Reset(settle)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			select { // what came since is in this plan
			case <-c.dirty:
			default:
			}
		case <-timer.C:
		}
		again, err := c.sync(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.Log.Debug("ingress: to be tried again", "err", err)
			again = retry
		}
		timer.Stop()
		if again > 0 {
			timer.Reset(again)
		}
	}
}

func (c *Controller) wanted() bool {
	return c.gatewaysWanted() || c.cfg.Presence.Has(schema.GroupResource{Group: networkingv1.GroupName, Resource: "ingresses"})
}

// begin starts informers and events, and waits until the caches are filled.
func (c *Controller) begin(ctx context.Context) (err error) {
	if c.fallback, err = plan.SelfSigned(time.Now()); err != nil {
		return err
	}
	view, release := c.cfg.Informers.View()
	if err := c.watch(view); err != nil {
		return err
	}
	release()
	c.cfg.Informers.StartWithContext(ctx)
	if err := view.Synced(ctx); err != nil {
		return err
	}
	c.teller = newTeller(ctx, c.client, scheme.Scheme)
	return nil
}

// watch adds handlers and listers.
func (c *Controller) watch(f *informer.Factory) error {
	core, networking := f.Core().V1(), f.Networking().V1()
	slices := f.Discovery().V1().EndpointSlices()
	for _, i := range []cache.SharedIndexInformer{
		networking.Ingresses().Informer(), networking.IngressClasses().Informer(), core.Services().Informer(),
		slices.Informer(), core.Secrets().Informer(), core.Pods().Informer(), core.Namespaces().Informer(),
	} {
		if _, err := i.AddEventHandler(c.handler()); err != nil {
			return err
		}
	}
	c.spaces = core.Namespaces().Lister()
	c.list = objects(networking.Ingresses().Lister(), networking.IngressClasses().Lister(), core.Services().Lister(),
		slices.Lister(), core.Secrets().Lister())
	pods := core.Pods().Lister()
	c.pods = func(namespace, name string) *corev1.Pod {
		pod, err := pods.Pods(namespace).Get(name)
		if err != nil {
			return nil
		}
		return pod
	}
	return nil
}

// handler has everything planned anew after any change.
func (c *Controller) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { c.Touch() },
		UpdateFunc: func(any, any) { c.Touch() },
		DeleteFunc: func(any) { c.Touch() },
	}
}

// sync makes everything be as the objects say. It returns when to come again even
// if nothing changes, 0 for not at all.
func (c *Controller) sync(ctx context.Context) (again time.Duration, err error) {
	o := c.list()
	p := plan.Ingresses(&o, c.fallback)
	if len(p.Served) > 0 && !c.installed {
		if err := install(ctx, c.client); err != nil {
			return 0, err
		}
		c.installed = true
	}
	tables := map[string]*route.Table{ingressTable: p.Table}
	var gateways *plan.GatewayPlan
	if c.gateways != nil {
		gateways, err = c.gateways.plan(ctx, &o, tables)
	}
	c.proxies.Set(tables)
	for _, i := range p.Served {
		p.Notes = append(p.Notes, plan.Note{Object: i, Reason: "Sync", Message: "Scheduled for sync"})
	}
	again = c.teller.tell(p.Notes, time.Now())
	hosts, serr := c.status(ctx, &o, &p)
	err = errors.Join(err, serr)
	if gateways != nil {
		more, gerr := c.gateways.status(ctx, &o, gateways)
		hosts, err = append(hosts, more...), errors.Join(err, gerr)
	}
	c.mu.Lock()
	changed := !slices.Equal(c.hosts, hosts)
	c.hosts = hosts
	c.mu.Unlock()
	if changed && c.cfg.HostsChanged != nil {
		c.cfg.HostsChanged()
	}
	return again, err
}

// ingressTable is the name of the one table of all Ingresses.
const ingressTable = "ingress"

// places are the pods that serve.
func (c *Controller) places() map[string]proxy.Place {
	places := map[string]proxy.Place{}
	for key, pod := range c.cfg.Pods() {
		if p := c.pods(pod.Namespace, pod.Name); p != nil && c.cfg.Runs(p) {
			table := ingressTable
			if name := p.Labels[gatewayLabel]; name != "" {
				table = gatewayTable(p.Namespace, name)
			}
			places[key] = proxy.Place{Namespace: pod.Net, Table: table}
		}
	}
	return places
}
