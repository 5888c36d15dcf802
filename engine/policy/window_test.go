package policy

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

// An attached is a lab whose pods come as a kubelet's do: the network knows their
// addresses, and their statuses do not say them.
type attached struct {
	*lab
	client   *fake.Clientset
	policies *Policies

	mu        sync.Mutex
	addresses map[types.UID][]netip.Addr
}

func newAttached(t *testing.T, policy string) *attached {
	l := &attached{lab: newLab(t), client: fake.NewClientset(), addresses: map[types.UID][]netip.Addr{}}
	for _, n := range world().Namespaces {
		if _, err := l.client.CoreV1().Namespaces().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range policies(t, policy) {
		if _, err := l.client.NetworkingV1().NetworkPolicies(p.Namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	l.policies, err = Start(t.Context(), Config{
		Informers: informers.NewSharedInformerFactory(l.client, 0),
		Nodes:     []Node{{"node-1", l.places["node-1"]}, {"node-2", l.places["node-2"]}},
		Addresses: func() map[types.UID][]netip.Addr {
			l.mu.Lock()
			defer l.mu.Unlock()
			return maps.Clone(l.addresses)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.policies.Close() })
	return l
}

// create makes a pod's object, which has no status.
func (l *attached) create(name, app string) *v1.Pod {
	l.t.Helper()
	o := podOf("default/"+name, "", "node-1", "", app)
	o.UID, o.Status = types.UID("uid-"+name), v1.PodStatus{Phase: v1.PodPending}
	if _, err := l.client.CoreV1().Pods("default").Create(l.t.Context(), o, metav1.CreateOptions{}); err != nil {
		l.t.Fatal(err)
	}
	return o
}

// attach joins it to the network, and returns when it may start.
func (l *attached) attach(o *v1.Pod) (*nsexec.NetNS, netip.Addr) {
	l.t.Helper()
	return l.attachAt(o, netip.Addr{})
}

// attachAt attaches at an address; at any with the zero Addr.
func (l *attached) attachAt(o *v1.Pod, ip netip.Addr) (*nsexec.NetNS, netip.Addr) {
	l.t.Helper()
	ns, err := nsexec.NewNetNS()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { ns.Close() })
	at, err := l.network.Attach(l.t.Context(), network.Pod{ID: string(o.UID), Name: o.Name, Node: "node-1", NS: ns, IP: ip})
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.addresses[o.UID] = []netip.Addr{at.IP}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	if err := l.policies.Ready(ctx, o.UID, "node-1"); err != nil {
		l.t.Fatal(err)
	}
	return ns, at.IP
}

func (l *attached) detach(o *v1.Pod) {
	l.t.Helper()
	l.mu.Lock()
	delete(l.addresses, o.UID)
	l.mu.Unlock()
	if err := l.network.Detach(l.t.Context(), string(o.UID)); err != nil {
		l.t.Fatal(err)
	}
	l.policies.Touch()
}

// An ear counts the datagrams that a place gets on port 7000.
type ear struct {
	l              *attached
	at             string
	heard, markers atomic.Int32
}

func (l *attached) ear(at string) *ear {
	l.t.Helper()
	c, err := l.places[at].ListenPacket("udp4", netip.AddrPortFrom(addr(at), 7000).String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	e := &ear{l: l, at: at}
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := c.ReadFrom(b)
			switch {
			case err != nil:
				return
			case string(b[:n]) == "marker":
				e.markers.Add(1)
			default:
				c.WriteTo(b[:n], from) // answered, a connection is an established one
				e.heard.Add(1)
			}
		}
	}()
	return e
}

// count is how many came, when those that were sent before have come: it has the
// place send one to itself, which waits in the same queue.
func (e *ear) count() int32 {
	e.l.t.Helper()
	n := e.markers.Load()
	c, err := e.l.places[e.at].DialContext(e.l.t.Context(), "udp4", netip.AddrPortFrom(addr(e.at), 7000).String())
	if err != nil {
		e.l.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("marker")); err != nil {
		e.l.t.Fatal(err)
	}
	until(e.l.t, "a place hears itself", func() bool { return e.markers.Load() > n })
	return e.heard.Load()
}

// send sends a burst from the pod's one port, as soon as that can be.
func send(t *testing.T, ns *nsexec.NetNS, from netip.Addr, to ...string) {
	t.Helper()
	c, err := ns.ListenPacket("udp4", netip.AddrPortFrom(from, 4000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 20 {
		for _, to := range to {
			if _, err := c.WriteTo([]byte("!"), &net.UDPAddr{IP: addr(to).AsSlice(), Port: 7000}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// No packet of a new pod passes that a policy forbids: not the first, not before its
// status says an address, and not when the pod that had the address was let through.
func TestWindow(t *testing.T) {
	l := newAttached(t, `
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: denied}}, policyTypes: [Egress]}
`)
	near, far := l.ear("other/db"), l.ear("third")
	for i := range 25 {
		a, b := near.count(), far.count()
		// One that may send, and so is known to connection tracking, has the address first.
		free := l.create(fmt.Sprintf("free-%d", i), "free")
		ns, ip := l.attach(free)
		send(t, ns, ip, "other/db", "third")
		until(t, "all of what is not denied", func() bool { return near.count() == a+20 && far.count() == b+20 })
		l.detach(free)
		ns.Close()

		denied := l.create(fmt.Sprintf("denied-%d", i), "denied")
		ns, _ = l.attachAt(denied, ip)
		send(t, ns, ip, "other/db", "third")
		if near.count() != a+20 || far.count() != b+20 {
			t.Fatalf("round %d: of a pod that may not send, %d and %d datagrams arrived", i, near.count()-a-20, far.count()-b-20)
		}
		l.detach(denied)
	}
}

// A pod that was deleted by force is isolated as long as it runs; one whose object
// comes later than its address waits for it.
func TestWindowAtTheEnds(t *testing.T) {
	l := newAttached(t, denyAll)
	heard := l.ear("other/db")
	o := l.create("gone", "any")
	ns, ip := l.attach(o)
	if err := l.client.CoreV1().Pods("default").Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	pods := l.policies.cfg.Informers.Core().V1().Pods().Lister().Pods("default")
	until(t, "the informer has forgotten it", func() bool { _, err := pods.Get("gone"); return err != nil })
	l.policies.Touch()
	if err := l.policies.Settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, ns, ip, "other/db")
	if n := heard.count(); n != 0 {
		t.Errorf("%d datagrams passed of a pod that was deleted by force", n)
	}
	// Its successor has the same name, and its own chains.
	l.mu.Lock()
	l.addresses["uid-2"] = []netip.Addr{netip.MustParseAddr("10.244.1.77")}
	l.mu.Unlock()
	ready := make(chan error, 1)
	go func() { ready <- l.policies.Ready(t.Context(), "uid-2", "node-1") }()
	select {
	case err := <-ready:
		t.Fatalf("ready before its object is known: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	next := podOf("default/gone", "", "node-1", "", "any")
	next.UID = "uid-2"
	if _, err := l.client.CoreV1().Pods("default").Create(t.Context(), next, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	send(t, ns, ip, "other/db")
	if n := heard.count(); n != 0 {
		t.Errorf("%d datagrams passed of a pod whose successor is there\n%s", n, l.list("node-1"))
	}
}

// Without policies nothing is waited for, even where nothing can be written.
func TestReadyWithoutPolicies(t *testing.T) {
	l := newAttached(t, denyAll)
	if err := l.policies.Settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.policies.Ready(ctx, "uid-0", "node-1"); err == nil {
		t.Error("a pod that nobody knows is ready")
	}
	if err := l.client.NetworkingV1().NetworkPolicies("default").Delete(t.Context(), "deny-all", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "no policy", l.policies.none)
	if err := l.policies.Ready(ctx, "uid-0", "node-1"); err != nil {
		t.Error(err)
	}
}

// Nodes come and go; those that stay keep their rules as they are.
func TestSetNodes(t *testing.T) {
	l := newAttached(t, denyAll)
	l.attach(l.create("one", "any"))
	if !strings.Contains(l.list("node-1"), "podhop-policy") {
		t.Fatal("no rules to begin with")
	}
	first := l.policies.places[0]
	l.policies.SetNodes([]Node{{"node-1", l.places["node-1"]}})
	if l.policies.places[0] != first || len(l.policies.places) != 1 {
		t.Error("a node that stayed was made anew")
	}
	l.policies.SetNodes(nil)
	if err := l.policies.Settled(t.Context()); err != nil {
		t.Error(err)
	}
	// A node that is back is written anew, whatever it has.
	if err := l.places["node-1"].Do(func() error { _, err := (&kernel{unsure: true}).set(Table{}); return err }); err != nil {
		t.Fatal(err)
	}
	l.policies.SetNodes([]Node{{"node-2", l.places["node-2"]}, {"node-1", l.places["node-1"]}})
	until(t, "the rules again", func() bool { return strings.Contains(l.list("node-1"), "podhop-policy") })
}
