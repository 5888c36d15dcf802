package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	tracer "github.com/podhop/podhop/engine/trace"
)

const (
	traceTurns = 7 // without and with a viewer
	// Seconds, as a download that a person would watch from its beginning: turning to the
	// flow-edge filter in its midst is part of what it costs.
	streamTime  = 8 * time.Second
	requestTime = 2 * time.Second
	eventRate   = 5200 // packets a second, each of them a journey
	eventTime   = 5 * time.Second
)

// benchTrace measures what it costs to watch a session over the websocket, between pods
// of two nodes, and whether a viewer gets everything.
func benchTrace(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	b.report(measurement{"frames parsed, joined and explained by a core", tracer.BenchJoin(time.Second), "1/s", ""})
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	traffic, err := s.BenchTraffic(limited)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, *bencher, *engine.Session, *tracer.Bench) error{benchUnwatched, benchWatched, benchDelay, benchEvents} {
		if err := part(limited, b, s, traffic); err != nil {
			return err
		}
	}
	return nil
}

// benchUnwatched counts what capturing has while nobody watches.
func benchUnwatched(ctx context.Context, b *bencher, s *engine.Session, traffic *tracer.Bench) error {
	if err := traffic.Connect(ctx, 10, 0); err != nil {
		return err
	}
	r, err := s.BenchCapturing()
	if err != nil {
		return err
	}
	b.report(measurement{"unwatched: packet rings", float64(r.Rings), "", "0"})
	b.report(measurement{"unwatched: tables of taps", float64(r.Tables), "", "0"})
	b.report(measurement{"unwatched: goroutines of the tracer", float64(r.Goroutines), "", "0"})
	b.report(measurement{"unwatched: journeys", float64(len(s.Journeys())), "", "0"})
	return nil
}

func benchWatched(ctx context.Context, b *bencher, s *engine.Session, traffic *tracer.Bench) error {
	edges := 0
	throughput, requests, err := traffic.Compare(ctx, traceTurns, tracer.Loads{Stream: streamTime, Requests: requestTime}, func() (func() error, error) {
		v, stop, err := watch(ctx, s)
		if err != nil {
			return nil, err
		}
		return func() error {
			if err := stop(); err != nil {
				return err
			}
			edges += v.tally().edges
			return unwatched(ctx, s)
		}, nil
	})
	if err != nil {
		return err
	}
	b.report(measurement{"TCP throughput, unwatched", throughput.Unwatched[0] / 1e6, "MB/s", ""})
	b.report(measurement{fmt.Sprintf("TCP throughput of %v, watched to unwatched, of %d turns", streamTime, traceTurns), throughput.Ratio(), "", ">= 0.9"})
	b.report(measurement{"requests, unwatched", requests.Unwatched[0], "1/s", ""})
	b.report(measurement{fmt.Sprintf("requests, watched to unwatched, of %d turns", traceTurns), requests.Ratio(), "", ""})
	b.report(measurement{"turned to the flow-edge filter, and said so", float64(edges), "times", ""})
	return nil
}

// unwatched waits until nothing is captured any more.
func unwatched(ctx context.Context, s *engine.Session) error {
	for {
		r, err := s.BenchCapturing()
		if err != nil || r == (tracer.Remains{}) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("something is still captured: %+v: %w", r, ctx.Err())
		}
	}
}

// benchDelay sends requests that a person could have caused.
func benchDelay(ctx context.Context, b *bencher, s *engine.Session, traffic *tracer.Bench) error {
	v, stop, err := watch(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	if err := traffic.Connect(ctx, 200, 20*time.Millisecond); err != nil {
		return err
	}
	if err := v.settle(ctx); err != nil {
		return err
	}
	t := v.tally()
	if t.journeys == 0 {
		return fmt.Errorf("no journey came to the viewer")
	}
	b.report(measurement{"packet to browser, p50", quantile(t.delays, 0.5), "ms", ""})
	b.report(measurement{"packet to browser, p99", quantile(t.delays, 0.99), "ms", "<= 100"})
	return nil
}

// benchEvents sends datagrams between the pods, each of which is a journey of some
// seven sights.
func benchEvents(ctx context.Context, b *bencher, s *engine.Session, traffic *tracer.Bench) error {
	v, stop, err := watch(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	start := time.Now()
	sent, err := traffic.Datagrams(ctx, eventRate, eventTime)
	took := time.Since(start)
	if err != nil {
		return err
	}
	if err := v.settle(ctx); err != nil {
		return err
	}
	t := v.tally()
	b.report(measurement{"packets sent for one viewer", float64(sent) / took.Seconds(), "1/s", ""})
	b.report(measurement{"journeys told to one viewer", float64(t.journeys) / took.Seconds(), "1/s", ">= 5000"})
	b.report(measurement{"journeys told, of packets sent", float64(t.journeys) / float64(sent), "", "1"})
	lost := uint64(0)
	for _, n := range t.lost {
		lost += n
	}
	b.report(measurement{"records and journeys lost, and said so", float64(lost), "", "0"})
	for _, reason := range slices.Sorted(maps.Keys(t.lost)) {
		b.report(measurement{"lost: " + reason, float64(t.lost[reason]), "", ""})
	}
	b.report(measurement{"turned to the flow-edge filter meanwhile", float64(t.edges), "times", ""})
	return nil
}
