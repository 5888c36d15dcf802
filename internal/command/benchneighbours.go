package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

// quietTrips is how many round trips each round of a quiet learner makes.
const quietTrips = 25

// benchNeighbours has a learner open a session, apply and ask: alone, and then beside one whose
// learner does their worst, a kind of it at a time. Each kind has rounds of its own without it.
func benchNeighbours(ctx context.Context, b *bencher) error {
	if err := (&quiet{}).round(ctx, b); err != nil { // the first one fills caches
		return err
	}
	for _, kind := range hostilities() {
		if b.only != "" && !strings.Contains(kind.name, b.only) {
			continue
		}
		if err := benchBeside(ctx, b, kind); err != nil {
			return fmt.Errorf("beside %s: %w", kind.name, err)
		}
	}
	return nil
}

// turnRounds are the rounds of a turn. Alone and beside take turns, so that what else the
// machine does meanwhile slows down both.
const turnRounds = 4

// worstFor is how long somebody does their worst before anything is measured beside it: what the
// server lets everybody do for a moment is over by then.
const worstFor = 4 * time.Second

func benchBeside(ctx context.Context, b *bencher, kind hostility) (err error) {
	stop, err := b.profiled(kind.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var alone, beside quiet
	for left := b.rounds; left > 0; left -= turnRounds {
		n := min(left, turnRounds)
		if err := alone.rounds(ctx, b, n); err != nil {
			return err
		}
		if err := hostile(ctx, b, kind, func() error { return beside.rounds(ctx, b, n) }); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		what          string
		alone, beside []time.Duration
	}{
		{"open a session", alone.open, beside.open},
		{"apply to the first 200", alone.apply, beside.apply},
		{"round trip by a Service", alone.trips, beside.trips},
		{"API write", alone.writes, beside.writes},
	} {
		for _, q := range []float64{0.5, 0.99} {
			base, now := quantile(part.alone, q), quantile(part.beside, q)
			what := fmt.Sprintf("%s, p%.0f", part.what, 100*q)
			b.report(measurement{what + ", alone", base, "ms", ""})
			b.report(measurement{what + ", beside " + kind.name + ", to alone", now / base, "", ""})
		}
	}
	return nil
}

// hostile calls fn while a session does its worst, and closes that.
func hostile(ctx context.Context, b *bencher, kind hostility, fn func() error) (err error) {
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	doing := newDeeds(ctx)
	defer doing.end()
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := kind.begin(limited, s, doing); err != nil {
		return err
	}
	if err := nap(limited, worstFor); err != nil {
		return err
	}
	return fn()
}

// quiet is what a learner who does nothing special had to wait for.
type quiet struct{ open, apply, trips, writes []time.Duration }

func (q *quiet) rounds(ctx context.Context, b *bencher, n int) error {
	for range n {
		if err := q.round(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// round is one session, in which somebody applies the article's Deployment with a Service,
// asks that, and writes small objects.
func (q *quiet) round(ctx context.Context, b *bencher) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	start := time.Now()
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	q.open = append(q.open, time.Since(start))
	paste, err := benchDeployment()
	if err != nil {
		return err
	}
	took, err := s.BenchApply(ctx, paste, benchURL)
	if err != nil {
		return err
	}
	q.apply = append(q.apply, took)
	trips, err := s.BenchRoundTrips(ctx, benchURL, quietTrips)
	if err != nil {
		return err
	}
	q.trips = slices.Concat(q.trips, trips)
	return q.write(ctx, s)
}

func (q *quiet) write(ctx context.Context, s *engine.Session) error {
	for i := range quietTrips {
		start := time.Now()
		if err := s.BenchPaste(ctx, fmt.Appendf(nil, "{apiVersion: v1, kind: ConfigMap, metadata: {name: quiet}, data: {n: \"%d\"}}", i)); err != nil {
			return err
		}
		q.writes = append(q.writes, time.Since(start))
	}
	return nil
}

// benchURL is where the Service of benchDeployment is.
const benchURL = "http://10.96.200.1"

// benchDeployment is the article's Deployment, with a Service that has an address of its
// own, so that it need not be asked for first.
func benchDeployment() ([]byte, error) {
	deployment, err := fs.ReadFile(lessons.Content(), "samples/3-my-deployment.yaml")
	if err != nil {
		return nil, err
	}
	return append(bytes.TrimSpace(deployment), "\n---\n{apiVersion: v1, kind: Service, metadata: {name: bench}, spec: {clusterIP: 10.96.200.1, selector: {app: my-app}, ports: [{port: 80}]}}\n"...), nil
}
