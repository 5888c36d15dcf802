package engine

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/proxy"
	"github.com/podhop/podhop/engine/trace"
)

// BenchApply applies manifests and asks url from the first node until it answers
// 200; it returns how long that took in all. Apply errors are errors here.
func (s *Session) BenchApply(ctx context.Context, manifests []byte, url string) (time.Duration, error) {
	start := time.Now()
	if err := s.BenchPaste(ctx, manifests); err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		// A SYN that comes before kube-proxy's rules is dropped, and sent again only
		// after a second: give up sooner and ask anew.
		limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		result, _, err := s.request(limited, model.Request{From: "node/node-1", To: url})
		cancel()
		if err != nil && limited.Err() == nil {
			return 0, err
		}
		if result.Answers[0].Status == 200 {
			return time.Since(start), nil
		}
		select { // what is refused at once need not be asked more often
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return 0, fmt.Errorf("%s: no 200: %w", url, ctx.Err())
}

// BenchPaste applies manifests; errors of theirs are errors here.
func (s *Session) BenchPaste(ctx context.Context, manifests []byte) error {
	results, err := s.Apply(ctx, manifests)
	if err != nil {
		return err
	}
	for _, r := range results {
		for _, e := range r.Errors {
			return fmt.Errorf("line %d: %s", e.Line, e.Message)
		}
	}
	return nil
}

// benchPods makes a pod that does nothing on each of the first two nodes.
func (s *Session) benchPods(ctx context.Context) (ends [2]sandbox, err error) {
	const pod = `
apiVersion: v1
kind: Pod
metadata: {name: bench-%[1]d, labels: {bench: "%[1]d"}}
spec:
  nodeName: node-%[1]d
  terminationGracePeriodSeconds: 0
  containers: [{name: idle, image: busybox, command: [sleep, "1000000"]}]
---
`
	for i := range ends {
		if err := s.BenchPaste(ctx, fmt.Appendf(nil, pod, i+1)); err != nil {
			return ends, err
		}
		for {
			_, sb, ok := s.pods.find(fmt.Sprintf("default/bench-%d", i+1))
			if ends[i] = sb; ok {
				break
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return ends, ctx.Err()
			}
		}
	}
	return ends, nil
}

// BenchService measures the way between pods of two nodes, straight and by a Service's
// address, for about d each.
func (s *Session) BenchService(ctx context.Context, d time.Duration) ([]network.Flow, error) {
	const service = `
apiVersion: v1
kind: Service
metadata: {name: bench}
spec: {clusterIP: 10.96.200.2, selector: {bench: "2"}, ports: [{port: 5301}]}
`
	ends, err := s.benchPods(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.BenchPaste(ctx, []byte(service)); err != nil {
		return nil, err
	}
	by := netip.MustParseAddrPort("10.96.200.2:5301")
	listen := netip.AddrPortFrom(ends[1].ips[0], by.Port())
	for { // what is refused, by kube-proxy or by the pod itself, need not be waited for
		if err := s.benchReach(ctx, ends[0], ends[1], listen, by); err == nil {
			break
		} else if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", by, err)
		}
	}
	return network.MeasureFlows(ctx, d,
		network.Path{Name: "session, other node", From: ends[0].ns.Net, At: ends[1].ns.Net, Listen: netip.AddrPortFrom(listen.Addr(), by.Port()-1)},
		network.Path{Name: "session, ClusterIP to other node", From: ends[0].ns.Net, At: ends[1].ns.Net, Listen: listen, Dial: by})
}

// benchReach tells whether one pod reaches another by an address.
func (s *Session) benchReach(ctx context.Context, from, at sandbox, listen, dial netip.AddrPort) error {
	ln, err := at.ns.Net.Listen("tcp", listen.String())
	if err != nil {
		return err
	}
	defer ln.Close()
	limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	c, err := from.ns.Net.DialContext(limited, "tcp", dial.String())
	if err != nil {
		<-limited.Done()
		return err
	}
	return c.Close()
}

// BenchServices measures kube-proxy's syncs with so many Services, in rising order,
// on a node beside the session's own.
func (s *Session) BenchServices(ctx context.Context, counts ...int) ([]proxy.BenchResult, error) {
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return nil, err
	}
	return proxy.Bench(ctx, client, s.api.Informers(), counts...)
}

// BenchTraffic makes pods on two nodes, between which to send.
func (s *Session) BenchTraffic(ctx context.Context) (*trace.Bench, error) {
	ends, err := s.benchPods(ctx)
	if err != nil {
		return nil, err
	}
	return &trace.Bench{From: ends[0].ns.Net, To: ends[1].ns.Net, Address: ends[1].ips[0]}, nil
}

// BenchCapturing counts what capturing has: nothing, when nobody watches.
func (s *Session) BenchCapturing() (trace.Remains, error) { return s.tracer.Remains() }
