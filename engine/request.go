package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/traffic"
	"github.com/podhop/podhop/internal/nsexec"
)

// maxRequests is how many attempts one call may ask for.
const maxRequests = 100

// Request sends what a learner asks for and answers what the sender saw, with
// the journeys of its packets. It fails with model.ErrInvalid if there is
// nothing to send or nobody to send it.
func (s *Session) Request(ctx context.Context, r model.Request) (model.RequestResult, error) {
	release, err := s.tracer.Watch()
	defer release()
	if err != nil {
		s.log.Warn("watching", "err", err) // what can be seen is seen
	}
	start := time.Now().UnixNano()
	result, err := s.request(ctx, r)
	if err != nil {
		return result, err
	}
	if err := s.tracer.Flush(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		s.log.Warn("flushing journeys", "err", err)
	}
	result.Journeys = s.journeysOf(r.From, start, result.Answers)
	return result, nil
}

// request is Request without the journeys.
func (s *Session) request(ctx context.Context, r model.Request) (model.RequestResult, error) {
	var result model.RequestResult
	target, err := traffic.ParseTarget(r.To)
	if err != nil {
		return result, fmt.Errorf("%w: to: %w", model.ErrInvalid, err)
	}
	if r.Count < 0 || r.Count > maxRequests {
		return result, fmt.Errorf("%w: count %d: must be between 1 and %d", model.ErrInvalid, r.Count, maxRequests)
	}
	ns, err := s.sender(r.From)
	if err != nil {
		return result, fmt.Errorf("%w: from: %w", model.ErrInvalid, err)
	}
	for range max(r.Count, 1) {
		result.Answers = append(result.Answers, traffic.Send(ctx, ns.DialContext, s.resolve, r.Method, target))
		if err := ctx.Err(); err != nil {
			return result, err
		}
	}
	return result, nil
}

// sender finds the namespace that a request comes from.
func (s *Session) sender(from string) (*nsexec.NetNS, error) {
	kind, name, _ := strings.Cut(from, "/")
	switch {
	case from == network.VertexClient:
		return s.network.Client(), nil
	case kind == "node":
		if ns := s.network.Node(name); ns != nil {
			return ns, nil
		}
	case kind == "pod":
		if _, sb, ok := s.pods.find(name); ok {
			return sb.ns.Net, nil
		}
		return nil, fmt.Errorf("%s: there is no such pod with an address", from)
	}
	return nil, fmt.Errorf("%q: must be client, node/NAME or pod/NAMESPACE/NAME", from)
}

// resolve says what a host name is good for: there is no DNS in the cluster yet,
// so that it can only point to the address that was meant.
func (s *Session) resolve(_ context.Context, host string) (netip.Addr, error) {
	services, err := s.api.Informers().Core().V1().Services().Lister().List(labels.Everything())
	if err != nil {
		return netip.Addr{}, err
	}
	for _, svc := range services {
		name, _, _ := strings.Cut(strings.TrimPrefix(host, svc.Name), ".")
		if strings.HasPrefix(host, svc.Name) && name == "" && svc.Spec.ClusterIP != "" && svc.Spec.ClusterIP != "None" {
			return netip.Addr{}, fmt.Errorf("cannot look up %s: this cluster has no DNS; the address of Service %s/%s is %s",
				host, svc.Namespace, svc.Name, svc.Spec.ClusterIP)
		}
	}
	return netip.Addr{}, fmt.Errorf("cannot look up %s: this cluster has no DNS; use an address", host)
}

// journeysOf lists the journeys of the conversations that the answers tell of:
// those with the sender's socket where it is known, else those that left the
// sender for the target since start.
func (s *Session) journeysOf(from string, start int64, answers []model.Answer) []string {
	conversations := map[string]bool{}
	targets := map[string]bool{}
	for _, a := range answers {
		local, lerr := netip.ParseAddrPort(a.Local)
		remote, rerr := netip.ParseAddrPort(a.Remote)
		if lerr == nil && rerr == nil {
			conversations[s.tracer.Conversation("tcp", local, remote)] = true
		} else if rerr == nil {
			targets[a.Remote] = true
		}
	}
	delete(conversations, "")
	journeys := s.feed.Journeys()
	for _, j := range journeys {
		if targets[j.Destination] && j.From == from && j.Start >= start {
			conversations[j.Conversation] = true
		}
	}
	ids := []string{}
	for _, j := range journeys {
		if conversations[j.Conversation] && !slices.Contains(ids, j.ID) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}
