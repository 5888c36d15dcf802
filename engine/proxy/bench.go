package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/internal/nsexec"
)

// A BenchResult is how long one node's rules take to answer a Service's endpoints.
type BenchResult struct {
	Services int `json:"services"` // that are there
	// Milliseconds are from the event on, the median of some.
	Milliseconds float64 `json:"milliseconds"`
}

// benchRounds is how often one more Service is tried.
const benchRounds = 9

// Bench measures with so many Services of two endpoints, in rising order, which it
// makes by the client; nobody else may change any meanwhile. The informers must be
// the client's, and run until ctx ends. It must run inside nsexec's namespaces.
func Bench(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory, counts ...int) (out []BenchResult, err error) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	b := bencher{client: client, syncs: make(chan Sync, 64)}
	proxies, err := Open(ctx, Config{Informers: factory, OnSync: func(s Sync) {
		select {
		case b.syncs <- s:
		case <-ctx.Done():
		}
	}})
	if err != nil {
		return nil, err
	}
	defer func() {
		go func() { // or Close waits for a sync that tells of itself
			for range b.syncs {
			}
		}()
		err = errors.Join(err, proxies.Close())
		close(b.syncs)
	}()
	if _, err := proxies.Start(ctx, Node{Name: "bench", IP: netip.AddrFrom4([4]byte{172, 18, 0, 11}),
		PodCIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, 1, 0}), 24), NS: ns}); err != nil {
		return nil, err
	}
	made := 0
	for _, n := range counts {
		for ; made < n; made++ {
			if err := errors.Join(b.service(ctx, made), b.endpoints(ctx, made)); err != nil {
				return nil, err
			}
			b.drain(0)
		}
		b.drain(benchQuiet)
		var took []time.Duration
		for range benchRounds {
			if err := b.service(ctx, made); err != nil {
				return nil, err
			}
			b.drain(benchQuiet)
			if err := b.endpoints(ctx, made); err != nil {
				return nil, err
			}
			select {
			case s := <-b.syncs:
				took = append(took, s.Took)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			made++
		}
		slices.Sort(took)
		out = append(out, BenchResult{n, float64(took[len(took)/2]) / float64(time.Millisecond)})
	}
	return out, nil
}

// benchQuiet is after how long without a sync none is under way.
const benchQuiet = 300 * time.Millisecond

type bencher struct {
	client kubernetes.Interface
	syncs  chan Sync
}

// drain waits until there was no sync for so long.
func (b *bencher) drain(quiet time.Duration) {
	for {
		select {
		case <-b.syncs:
		case <-time.After(quiet):
			return
		}
	}
}

func benchName(n int) string { return fmt.Sprintf("bench-%d", n) }

// service makes one without a selector, whose endpoints no controller looks after.
func (b *bencher) service(ctx context.Context, n int) error {
	_, err := b.client.CoreV1().Services("default").Create(ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: benchName(n)},
		Spec:       v1.ServiceSpec{Ports: []v1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	return err
}

func (b *bencher) endpoints(ctx context.Context, n int) error {
	port, ready := int32(80), true
	slice := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: benchName(n), Labels: map[string]string{discovery.LabelServiceName: benchName(n)}},
		AddressType: discovery.AddressTypeIPv4, Ports: []discovery.EndpointPort{{Port: &port}},
	}
	for i := range 2 {
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses:  []string{netip.AddrFrom4([4]byte{10, 244, byte(100 + i), byte(1 + n%250)}).String()},
			Conditions: discovery.EndpointConditions{Ready: &ready},
		})
	}
	_, err := b.client.DiscoveryV1().EndpointSlices("default").Create(ctx, slice, metav1.CreateOptions{})
	return err
}
