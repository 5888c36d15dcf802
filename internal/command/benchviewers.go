package command

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	tracer "github.com/podhop/podhop/engine/trace"
)

const (
	// sampled is how many viewers say when things came: the others read and forget.
	sampled = 20
	// The load that all watch: what a person sends and applies.
	viewedRequests, viewedGap = 50, 200 * time.Millisecond
	viewedApplies             = 40
)

// benchViewers has one viewer watch a session, and then as many as a demo may have, each
// by a websocket of its own and a link to look on. Their ends are in this process too, and so in its
// memory.
func benchViewers(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	traffic, err := s.BenchTraffic(limited)
	if err != nil {
		return err
	}
	alone, err := benchViewed(limited, b.engine, s, traffic, 1)
	if err != nil {
		return err
	}
	many, err := benchViewed(limited, b.engine, s, traffic, b.viewers)
	if err != nil {
		return err
	}
	of := fmt.Sprintf(" of %d viewers", b.viewers)
	b.report(measurement{"packet to a viewer's browser, one viewer, p50", alone.delay50, "ms", ""})
	b.report(measurement{"packet to a viewer's browser, one viewer, p99", alone.delay99, "ms", ""})
	b.report(measurement{"packet to a viewer's browser," + of + ", p50", many.delay50, "ms", ""})
	b.report(measurement{"packet to a viewer's browser," + of + ", p99", many.delay99, "ms", ""})
	b.report(measurement{"journeys told to a viewer, of packets sent," + of, many.told / alone.told, "", "1"})
	b.report(measurement{"memory of a viewer, both ends," + of, (many.memory - alone.memory) / float64(b.viewers-1) / 1e3, "kB", ""})
	b.report(measurement{"apply, p50," + of + " to one", many.apply50 / alone.apply50, "", ""})
	b.report(measurement{"apply, p99," + of + " to one", many.apply99 / alone.apply99, "", ""})
	b.report(measurement{"requests by pods, duration," + of + " to one", many.sending / alone.sending, "", ""})
	return nil
}

// viewed is what a session was like with so many viewers.
type viewed struct {
	delay50, delay99 float64 // ms
	apply50, apply99 float64 // ms
	sending          float64 // seconds that the requests took, less the gaps
	told             float64 // journeys, to each of the sampled
	memory           float64 // bytes
}

func benchViewed(ctx context.Context, e *engine.Engine, s *engine.Session, traffic *tracer.Bench, viewers int) (r viewed, err error) {
	a, err := newViewers(ctx, e, s)
	if err != nil {
		return r, err
	}
	defer a.close()
	var joining errgroup.Group
	joining.SetLimit(32)
	watching := make([]*viewer, viewers)
	for i := range watching {
		joining.Go(func() (err error) {
			watching[i], err = a.join(i >= sampled)
			return err
		})
	}
	if err := joining.Wait(); err != nil {
		return r, err
	}
	r.memory = float64(settled())
	start := time.Now()
	if err := traffic.Connect(ctx, viewedRequests, viewedGap); err != nil {
		return r, err
	}
	r.sending = (time.Since(start) - viewedRequests*viewedGap).Seconds()
	var applies []time.Duration
	for i := range viewedApplies {
		start := time.Now()
		if err := s.BenchPaste(ctx, fmt.Appendf(nil, "{apiVersion: v1, kind: ConfigMap, metadata: {name: viewed}, data: {n: \"%d\"}}", time.Now().UnixNano()+int64(i))); err != nil {
			return r, err
		}
		applies = append(applies, time.Since(start))
	}
	r.apply50, r.apply99 = quantile(applies, 0.5), quantile(applies, 0.99)
	var delays []time.Duration
	for _, v := range watching[:min(sampled, viewers)] {
		if err := v.settle(ctx); err != nil {
			return r, err
		}
		t := v.tally()
		delays = append(delays, t.delays...)
		r.told += float64(t.journeys) / float64(min(sampled, viewers))
	}
	if len(delays) == 0 {
		return r, fmt.Errorf("no journey came to the viewers")
	}
	r.delay50, r.delay99 = quantile(delays, 0.5), quantile(delays, 0.99)
	return r, nil
}
