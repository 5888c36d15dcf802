package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
)

// benchSessions opens sessions one after another: how long each takes, and what
// it costs to have many that do nothing.
func benchSessions(ctx context.Context, b *bencher) error {
	memory := settled()
	goroutines := runtime.NumGoroutine()
	var took []time.Duration
	var open []*engine.Session
	defer func() {
		for _, s := range open {
			s.Close()
		}
	}()
	for n := 1; n <= b.most; n++ {
		start := time.Now()
		s, err := b.engine.Open(ctx, model.SessionOptions{})
		if err != nil {
			return err
		}
		took = append(took, time.Since(start))
		open = append(open, s)
		if n == 1 {
			b.report(measurement{"server start to first session", float64(time.Since(b.started).Milliseconds()), "ms", "<= 3000"})
		}
		if n == 1 || n == 10 || n == b.most {
			now := settled()
			b.report(measurement{fmt.Sprintf("memory of an idle session, of %d", n), float64(now-memory) / float64(n) / 1e6, "MB", "<= 15"})
			b.report(measurement{fmt.Sprintf("goroutines of an idle session, of %d", n), float64(runtime.NumGoroutine()-goroutines) / float64(n), "", ""})
		}
	}
	// The first ones also fill what all sessions share; a learner meets that once.
	b.report(measurement{"open a session, p50", quantile(took, 0.5), "ms", "<= 300"})
	b.report(measurement{"open a session, p99", quantile(took, 0.99), "ms", ""})
	return nil
}

// benchStartOver opens a session, and each time another in its place.
func benchStartOver(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	var took []time.Duration
	for range b.rounds {
		start := time.Now()
		next, err := b.engine.StartOver(ctx, s.ID(), func(*engine.Session) error { return nil })
		took = append(took, time.Since(start))
		if cerr := s.Close(); err == nil { // the old one's: it closes behind, and not beside the next
			err = cerr
		}
		if err != nil {
			return err
		}
		s = next
	}
	b.report(measurement{"start over, p50", quantile(took, 0.5), "ms", "<= 1000"})
	b.report(measurement{"start over, p99", quantile(took, 0.99), "ms", ""})
	return s.Close()
}

// settled is this process' memory in bytes once garbage is gone and goroutines
// have found their rest.
func settled() int64 {
	const rests = 8 // looks in a row that see the same number
	for same, last := 0, -1; same < rests; same++ {
		time.Sleep(100 * time.Millisecond)
		if n := runtime.NumGoroutine(); n != last {
			same, last = 0, n
		}
	}
	runtime.GC()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(status, []byte("VmRSS:"))
	line, _, _ := bytes.Cut(after, []byte("kB"))
	kb, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kb << 10
}

// benchApply pastes the article's Deployment with a Service and waits for the
// first answer, in a new session each time.
func benchApply(ctx context.Context, b *bencher) error {
	paste, err := benchDeployment()
	if err != nil {
		return err
	}
	var took []time.Duration
	for range b.rounds {
		s, err := b.engine.Open(ctx, model.SessionOptions{})
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		d, err := s.BenchApply(limited, paste, benchURL)
		cancel()
		if cerr := s.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	b.report(measurement{"apply to the first 200, p50", quantile(took, 0.5), "ms", "<= 800"})
	b.report(measurement{"apply to the first 200, p99", quantile(took, 0.99), "ms", ""})
	return nil
}

// benchPods joins pods to nodes beside the least that the kernel must be asked for.
func benchPods(ctx context.Context, b *bencher) error {
	r, err := network.Bench(ctx, 10*b.rounds)
	if err != nil {
		return err
	}
	b.report(measurement{"pod networks", r.Attach, "1/s", ""})
	b.report(measurement{"pod networks, bare batched netlink", r.Bare, "1/s", ""})
	b.report(measurement{"pod networks, ratio to bare", r.Ratio, "", ">= 0.5"})
	return nil
}

// benchNetwork measures pods' ways to each other beside two bare namespaces that a
// veth joins: on one node and on two, of each CNI, and in a whole session, by a
// Service's address too. Each part reports for itself.
func benchNetwork(ctx context.Context, b *bencher) error {
	for _, part := range []func(context.Context, *bencher) error{benchFlows, benchService, benchPolicies, benchServices} {
		if err := part(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

const flowTime = 2 * time.Second // for each way

func benchFlows(ctx context.Context, b *bencher) error {
	flows, err := network.BenchFlows(ctx, flowTime)
	if err == nil {
		reportFlows(b, flows)
	}
	return err
}

func benchService(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{Nodes: 2})
	if err != nil {
		return err
	}
	defer s.Close()
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	flows, err := s.BenchService(limited, flowTime)
	if err == nil {
		flows[0].Path += " beside a session"
		reportFlows(b, flows)
	}
	return err
}

// counts are of rules and of Services.
func counts() []int { return []int{10, 200, 1000} }

func benchPolicies(ctx context.Context, b *bencher) error {
	for _, n := range counts() {
		r, err := policy.Bench(ctx, n)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%d policy rules, %d pods on the node", n, r.Pods/3)
		b.report(measurement{what + ", all planned and written", r.Whole, "ms", ""})
		b.report(measurement{what + ", a pod more, p50", r.Pod, "ms", ""})
		b.report(measurement{what + ", a rule more, p50", r.Rule, "ms", ""})
	}
	return nil
}

func benchServices(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{Nodes: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	all, err := s.BenchServices(limited, counts()...)
	for _, r := range all {
		b.report(measurement{fmt.Sprintf("kube-proxy with %d Services, one's endpoints more, p50", r.Services), r.Milliseconds, "ms", ""})
	}
	return err
}

// reportFlows tells of ratios to the first, which is the bare one of the same run.
func reportFlows(b *bencher, flows []network.Flow) {
	for i, f := range flows {
		b.report(measurement{f.Path + ", TCP throughput", f.BytesPerSecond / 1e6, "MB/s", ""})
		b.report(measurement{f.Path + ", round trip, p50", f.RoundTrip, "us", ""})
		if i > 0 {
			b.report(measurement{f.Path + ", throughput, ratio to bare", f.Throughput, "", ""})
			b.report(measurement{f.Path + ", round trip, ratio to bare", f.RoundTripsRatio, "", ""})
		}
	}
}
