package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/trace"
)

const (
	faultLink = "link"
	faultCut  = "cut"
	faultStop = "stop"
	faultDNS  = "dns"

	// vertexDNS is what a fault of DNS is about.
	vertexDNS = "service/kube-system/kube-dns"

	// maxFaults bounds those that a session has at once.
	maxFaults = 50
	// maxDelay bounds how long packets and answers are held, in milliseconds.
	maxDelay = 5000
	// Rates of a link, in thousand bits a second.
	minRate, maxRate = 8, 10_000_000
)

// SetFault breaks something on purpose, or breaks it otherwise, until it is undone. The ID
// says what: see model.Fault. It fails with model.ErrNotFound if there is nothing to
// break, with a *model.FieldError for settings that cannot be, with model.ErrConflict if it
// cannot be done here.
func (s *Session) SetFault(ctx context.Context, id string, settings model.FaultSettings) (model.Fault, error) {
	f, err := parseFault(id)
	if err != nil {
		return f, err
	}
	f.Settings = settings
	if err := checkFault(f); err != nil {
		return f, err
	}
	f.Text = faultText(f)
	node := strings.TrimPrefix(f.Target, "node/")
	switch f.Kind {
	case faultStop:
		return f, s.StopNode(ctx, node)
	case faultCut:
		return f, s.cutNode(ctx, node, true)
	}
	err = s.change(ctx, func(ctx context.Context) error {
		if err := s.targeted(f.Target); err != nil {
			return err
		}
		old := s.faultList()
		next := slices.DeleteFunc(slices.Clone(old), func(o model.Fault) bool { return o.ID == f.ID })
		if len(next) >= maxFaults {
			return fmt.Errorf("%w: a session has at most %d faults", model.ErrConflict, maxFaults)
		}
		return s.setFaults(ctx, append(next, f))
	})
	return f, err
}

// UndoFault mends what a fault broke. It fails with model.ErrNotFound if there is none.
func (s *Session) UndoFault(ctx context.Context, id string) error {
	all := s.Faults()
	i := slices.IndexFunc(all, func(f model.Fault) bool { return f.ID == id })
	if i < 0 {
		return fmt.Errorf("fault %s: %w: it is not there, or not any more", id, model.ErrNotFound)
	}
	f := all[i]
	node := strings.TrimPrefix(f.Target, "node/")
	switch f.Kind {
	case faultStop:
		return s.StartNode(ctx, node)
	case faultCut:
		return s.cutNode(ctx, node, false)
	}
	return s.change(ctx, func(ctx context.Context) error {
		return s.setFaults(ctx, slices.DeleteFunc(s.faultList(), func(o model.Fault) bool { return o.ID == id }))
	})
}

// UndoFaults mends everything.
func (s *Session) UndoFaults(ctx context.Context) error {
	var errs []error
	for _, f := range s.Faults() {
		if err := s.UndoFault(ctx, f.ID); err != nil && !errors.Is(err, model.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Faults are those that there are: first nodes that are off or cut off.
func (s *Session) Faults() []model.Fault {
	all := []model.Fault{}
	for _, m := range s.nodes.list() {
		on, cut := s.nodes.state(m)
		kind := map[bool]string{true: faultCut, false: faultStop}[on]
		if !on || cut {
			f := model.Fault{ID: kind + ".node." + m.Name, Kind: kind, Target: network.NodeVertex(m.Name)}
			f.Text = faultText(f)
			all = append(all, f)
		}
	}
	return append(all, s.faultList()...)
}

// faultList are those of links and DNS.
func (s *Session) faultList() []model.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// setFaults makes them be there; the caller holds changing. If that fails, all is as it was.
func (s *Session) setFaults(ctx context.Context, next []model.Fault) error {
	old := s.faultList()
	put := func(all []model.Fault) error {
		s.mu.Lock()
		s.faults = all
		s.mu.Unlock()
		s.tracer.SetHold(holdOf(all))
		s.dns.SetFault(dnsFault(all))
		return s.pods.set(ctx, s.desired())
	}
	err := put(next)
	if err != nil {
		err = errors.Join(err, put(old))
	}
	if errors.Is(err, network.ErrUnsupported) {
		err = fmt.Errorf("%w: %w", model.ErrConflict, err)
	}
	s.pods.changed()
	return err
}

// forgetFaults forgets those of what is about to go for good.
func (s *Session) forgetFaults(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(slices.Clone(s.faults), func(f model.Fault) bool { return f.Target == target })
}

// targeted reports that there is nothing of a name to break.
func (s *Session) targeted(vertex string) error {
	kind, name, _ := strings.Cut(vertex, "/")
	switch kind {
	case "node":
		_, err := s.node(name)
		return err
	case "pod":
		if _, _, ok := s.pods.find(name); !ok {
			return fmt.Errorf("pod %s: %w: there is none of that name with an address of its own", name, model.ErrNotFound)
		}
	}
	return nil
}

// holdOf is how long links may hold a packet.
func holdOf(all []model.Fault) (most time.Duration) {
	for _, f := range all {
		if f.Kind != faultLink {
			continue
		}
		hold := time.Duration(f.Settings.DelayMS+f.Settings.JitterMS) * time.Millisecond
		if f.Settings.RateKbit > 0 {
			hold += network.HoldMost
		}
		most = max(most, hold)
	}
	return most
}

func dnsFault(all []model.Fault) (d dns.Fault) {
	for _, f := range all {
		if f.Kind == faultDNS {
			d = dns.Fault{Delay: time.Duration(f.Settings.DelayMS) * time.Millisecond, Loss: int(f.Settings.Loss * 10)}
		}
	}
	return d
}

// networkFaults are those of links, as the network has them.
func networkFaults(all []model.Fault) (out []network.Fault) {
	for _, f := range all {
		if f.Kind != faultLink {
			continue
		}
		out = append(out, network.Fault{
			Target: f.Target, In: f.Settings.Direction != "out", Out: f.Settings.Direction != "in", Loss: int(f.Settings.Loss * 10),
			Delay: time.Duration(f.Settings.DelayMS) * time.Millisecond, Jitter: time.Duration(f.Settings.JitterMS) * time.Millisecond, Rate: int64(f.Settings.RateKbit) * 1000,
		})
	}
	return out
}

// spoiled tells the tracer what a fault of DNS did.
func (s *Session) spoiled(sandbox string, q dns.Spoiled) {
	sb, ok := s.pods.all()[sandbox]
	if !ok {
		return
	}
	for _, ip := range sb.ips {
		if ip.Is4() != q.Client.Addr().Is4() {
			continue
		}
		n := trace.Note{Protocol: q.Protocol, Source: netip.AddrPortFrom(ip, 53), Destination: q.Client, Time: q.Time, Decision: model.Decision{Kind: "fault"}}
		n.Decision.Sentence = fmt.Sprintf("The DNS server held this answer for %d ms: a fault you set slows the cluster's DNS.", q.Fault.Delay.Milliseconds())
		if q.Lost {
			n.Got, n.Source, n.Destination = true, n.Destination, n.Source
			n.Decision.Sentence = fmt.Sprintf("The DNS server gives no answer to this: a fault you set leaves %g%% of the questions without one.", float64(q.Fault.Loss)/10)
		}
		s.tracer.Note(n)
	}
}

// Kill kills a container's first process, behind the kubelet's back. It fails with
// model.ErrNotFound if there is no such pod, with a *model.FieldError if no such
// container of it runs.
func (s *Session) Kill(_ context.Context, k model.Kill) error {
	name, ok := strings.CutPrefix(k.Pod, "pod/")
	if !ok {
		return &model.FieldError{Field: "pod", Detail: "must be pod/NAMESPACE/NAME"}
	}
	for id, sb := range s.pods.all() {
		if sb.name != name {
			continue
		}
		if m := s.nodes.find(sb.node); m != nil {
			if p := m.power.Load(); p != nil && p.runtime != nil {
				err := p.runtime.Kill(id, k.Container)
				if errors.Is(err, container.ErrNotRunning) {
					return &model.FieldError{Field: "container", Detail: fmt.Sprintf("%q does not run (%v)", k.Container, err)}
				}
				return err
			}
		}
	}
	return fmt.Errorf("pod %s: %w: there is none of that name that runs", name, model.ErrNotFound)
}
