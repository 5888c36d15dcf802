package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/dns"
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
	result, asked, err := s.request(ctx, r)
	if err != nil {
		return result, err
	}
	if err := s.tracer.Flush(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		s.log.Warn("flushing journeys", "err", err)
	}
	result.Journeys = s.journeysOf(r.From, start, result.Answers, asked)
	if r.Unasked {
		s.checked.add(result.Journeys)
	}
	return result, nil
}

// Asked are the recent journeys that began since then, without those of requests that
// nobody asked for, oldest first.
func (s *Session) Asked(since time.Time) []model.Journey {
	return slices.DeleteFunc(s.feed.Journeys(), func(j model.Journey) bool {
		return !since.IsZero() && j.Start < since.UnixNano() || s.checked.has(j.ID)
	})
}

// checked are the latest journeys of a kind, as many as the feed keeps and more. It is
// safe for concurrent use.
type checked struct {
	mu    sync.Mutex
	ids   map[string]bool
	order []string
}

const checkedKept = 4096

func (u *checked) add(ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = map[string]bool{}
	}
	for _, id := range ids {
		if !u.ids[id] {
			u.ids[id] = true
			u.order = append(u.order, id)
		}
	}
	for len(u.order) > checkedKept {
		delete(u.ids, u.order[0])
		u.order = u.order[1:]
	}
}

func (u *checked) has(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ids[id]
}

// request is Request without the journeys; asked are the questions to DNS.
func (s *Session) request(ctx context.Context, r model.Request) (result model.RequestResult, asked []question, err error) {
	target, err := traffic.ParseTarget(r.To)
	if err != nil {
		return result, nil, fmt.Errorf("%w: to: %w", model.ErrInvalid, err)
	}
	if r.Count < 0 || r.Count > maxRequests {
		return result, nil, fmt.Errorf("%w: count %d: must be between 1 and %d", model.ErrInvalid, r.Count, maxRequests)
	}
	from, err := s.sender(r.From)
	if err != nil {
		return result, nil, fmt.Errorf("%w: from: %w", model.ErrInvalid, err)
	}
	s.api.Act()
	said := ""
	resolve := from.resolve
	if from.name == network.VertexClient {
		resolve = func(_ context.Context, host string) (ip netip.Addr, err error) {
			ip, said, err = s.lookupOutside(host)
			return ip, err
		}
	}
	from.stub.Asked = func(local, remote netip.AddrPort) { asked = append(asked, question{local, remote}) }
	for range max(r.Count, 1) {
		attempt, done := ctx, context.CancelFunc(func() {})
		if r.Within > 0 {
			attempt, done = context.WithTimeout(ctx, r.Within)
		}
		answer := traffic.Send(attempt, from.ns.DialContext, resolve, r.Method, target)
		done()
		answer.Resolved = said
		if answer.Remote == "" && answer.Error != "" {
			answer.Why = s.unnamed(r.From, target.Host)
		} else if to, err := netip.ParseAddrPort(answer.Remote); err == nil && answer.Outcome == "unreachable" && from.name == network.VertexClient {
			answer.Why = s.why.Outside(to.Addr())
		}
		result.Answers = append(result.Answers, answer)
		if err := ctx.Err(); err != nil {
			return result, asked, err
		}
	}
	return result, asked, nil
}

// A sender is where requests come from.
type sender struct {
	ns   *nsexec.NetNS
	name string
	stub dns.Stub // without servers for those who know no names
}

// A question is the socket by which one left for a DNS server.
type question struct{ local, remote netip.AddrPort }

// sender finds the namespace that a request comes from.
func (s *Session) sender(from string) (*sender, error) {
	kind, name, _ := strings.Cut(from, "/")
	switch {
	case from == network.VertexClient:
		return &sender{ns: s.network.Client(), name: from}, nil
	case kind == "node":
		if ns := s.network.Node(name); ns != nil {
			return &sender{ns: ns, name: from}, nil
		}
		if s.nodes.find(name) != nil {
			return nil, fmt.Errorf("%s: it is switched off", from)
		}
		return nil, fmt.Errorf("%s: there is no such node, but %s", from, s.nodes.names())
	case kind == "pod":
		if _, sb, ok := s.pods.find(name); ok {
			p := &sender{ns: sb.ns.Net, name: from, stub: dns.NewStub(sb.dns.Servers, sb.dns.Searches, sb.dns.Options)}
			p.stub.Dial, p.stub.Six = sb.ns.Net.DialContext, slices.ContainsFunc(sb.ips, netip.Addr.Is6)
			return p, nil
		}
		return nil, fmt.Errorf("%s: there is no such pod with an address", from)
	}
	return nil, fmt.Errorf("%q: must be client, node/NAME or pod/NAMESPACE/NAME", from)
}

// resolve looks a name up as the sender's C library would: pods ask the cluster's
// DNS with packets of their own. A node has its own resolver, not the cluster's; for
// the client, which is outside, see lookupOutside.
func (p *sender) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if p.stub.Dial == nil {
		return netip.Addr{}, fmt.Errorf("cannot look up %s: only pods ask the cluster's DNS, %s does not; use an address", host, p.name)
	}
	return p.stub.Lookup(ctx, host)
}

// journeysOf lists the journeys of the conversations that the answers tell of:
// those with the sender's socket where it is known, else those that left the
// sender for the target since start. With them go those of the questions to DNS, and
// those of the connections that proxies made for them. In the order of their packets.
func (s *Session) journeysOf(from string, start int64, answers []model.Answer, asked []question) []string {
	conversations := map[string]bool{}
	for _, q := range asked {
		conversations[s.tracer.Conversation("udp", q.local, q.remote)] = true
	}
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
	// They came as they fell quiet; a question to DNS comes before what it is for.
	slices.SortStableFunc(journeys, func(a, b model.Journey) int { return cmp.Compare(a.Start, b.Start) })
	ids := []string{}
	for _, j := range journeys {
		if conversations[j.Via] { // what a proxy did for it; that comes after it
			conversations[j.Conversation] = true
		}
		if conversations[j.Conversation] && !slices.Contains(ids, j.ID) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}
