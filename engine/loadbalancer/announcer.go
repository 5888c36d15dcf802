package loadbalancer

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// interval is how often nodes are asked for their health, and retry how long the
	// first repetitions wait after a change: kube-proxy opens a health check's port a
	// moment after the Service asks for it.
	interval = 2 * time.Second
	retry    = 100 * time.Millisecond
	// timeout is how long a node may take to answer.
	timeout = time.Second
)

// An announcer says which nodes the client sends to. Nodes that are not ready are
// left out, and for a Service that has a health check of its own
// (externalTrafficPolicy: Local) those that fail it.
type announcer struct {
	cfg    *Config
	cloud  *cloud
	nodes  corelisters.NodeLister
	dirty  chan struct{} // holds one token while something has changed
	client http.Client
	said   map[netip.Addr][]string // what was announced; the loop's own
}

func newAnnouncer(cfg *Config) *announcer {
	return &announcer{cfg: cfg, dirty: make(chan struct{}, 1), client: http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: cfg.Dial, DisableKeepAlives: true,
		},
	}}
}

func (a *announcer) mark() {
	select {
	case a.dirty <- struct{}{}:
	default:
	}
}

// watchNodes marks when a node becomes ready or stops being it.
func (a *announcer) watchNodes(nodes coreinformers.NodeInformer) (unhook func() error, err error) {
	a.nodes = nodes.Lister()
	informer := nodes.Informer()
	reg, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { a.mark() }, DeleteFunc: func(any) { a.mark() },
		UpdateFunc: func(old, o any) {
			if was, ok := old.(*corev1.Node); !ok || ready(was) != ready(o.(*corev1.Node)) {
				a.mark()
			}
		},
	})
	return func() error { return informer.RemoveEventHandler(reg) }, err
}

// run announces, and asks for health as long as some Service has a check of its own.
func (a *announcer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := retry
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.dirty:
			wait = retry
		case <-timer.C:
			wait = min(2*wait, interval)
		}
		if a.announce(ctx) {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// announce says what holds now, unless it was said already, and tells whether to
// look again.
func (a *announcer) announce(ctx context.Context) (again bool) {
	balancers := a.cloud.all()
	nodes := a.readyNodes()
	healthy := map[string][]string{} // by Service, for those with a check of their own
	for _, b := range balancers {
		if b.healthPort != 0 {
			again = true
			healthy[b.service] = a.healthy(ctx, b, nodes)
		}
	}
	plan := plan(balancers, nodes, healthy)
	if a.said != nil && maps.EqualFunc(plan, a.said, slices.Equal) || ctx.Err() != nil {
		return again
	}
	if err := a.cfg.Announce(ctx, plan); err != nil {
		if ctx.Err() == nil {
			a.cfg.Log.Warn("announcing load balancers", "err", err)
		}
		return true
	}
	a.said = plan
	return again
}

// plan says by which nodes to send to each address. It is pure. If no node is fit,
// all are as good as each other, as clouds' load balancers have it: what kube-proxy
// does there is then the answer.
func plan(balancers []balancer, ready map[string]string, healthy map[string][]string) map[netip.Addr][]string {
	all := map[netip.Addr][]string{}
	for _, b := range balancers {
		var up, fit []string
		for _, n := range b.nodes {
			if _, ok := ready[n]; !ok {
				continue
			}
			up = append(up, n)
			if b.healthPort == 0 || slices.Contains(healthy[b.service], n) {
				fit = append(fit, n)
			}
		}
		for _, preferred := range [][]string{fit, up, b.nodes} {
			if len(preferred) == 0 {
				continue
			}
			for _, address := range b.addresses {
				all[address] = preferred
			}
			break
		}
	}
	return all
}

// readyNodes are the addresses of the nodes that are ready, by name.
func (a *announcer) readyNodes() map[string]string {
	all := map[string]string{}
	nodes, _ := a.nodes.List(labels.Everything()) // from a cache: it cannot fail
	for _, n := range nodes {
		if ready(n) {
			all[n.Name] = address(n)
		}
	}
	return all
}

// healthy are the nodes that answer a Service's own health check, which is how
// kube-proxy says that there are endpoints on the node.
func (a *announcer) healthy(ctx context.Context, b balancer, ready map[string]string) []string {
	fit := make([]bool, len(b.nodes))
	var asking sync.WaitGroup
	for i, n := range b.nodes {
		if ready[n] != "" {
			asking.Go(func() { fit[i] = a.ask(ctx, ready[n], b.healthPort) })
		}
	}
	asking.Wait()
	var all []string
	for i, n := range b.nodes {
		if fit[i] {
			all = append(all, n)
		}
	}
	return all
}

func (a *announcer) ask(ctx context.Context, node string, port int32) bool {
	url := "http://" + net.JoinHostPort(node, strconv.Itoa(int(port))) + "/healthz"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := a.client.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func ready(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// address is a node's first on the underlay.
func address(n *corev1.Node) string {
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}
