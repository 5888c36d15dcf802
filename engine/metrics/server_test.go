package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A clock node's containers use a part of a core each; time is synctest's.
type clockNode struct {
	mu    sync.Mutex
	asked int
	err   error
	pods  map[string][]clockContainer // by name
	lost  time.Duration               // it forgot to have used
}

type clockContainer struct {
	name, id string
	cores    float64
	memory   uint64
	started  time.Time
	unknown  bool
}

func (c clockContainer) cpu() uint64 { return uint64(c.cores * float64(time.Since(c.started))) }

func (n *clockNode) ListPodSandboxStats(context.Context, *runtimeapi.PodSandboxStatsFilter) (out []*runtimeapi.PodSandboxStats, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	for name, containers := range n.pods {
		p := &runtimeapi.PodSandboxStats{Attributes: &runtimeapi.PodSandboxAttributes{Metadata: &runtimeapi.PodSandboxMetadata{Namespace: "default", Name: name}}, Linux: &runtimeapi.LinuxPodSandboxStats{}}
		for _, c := range containers {
			s := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{Id: c.id, Metadata: &runtimeapi.ContainerMetadata{Name: c.name}}}
			if !c.unknown {
				s.Cpu = &runtimeapi.CpuUsage{Timestamp: time.Now().UnixNano(), UsageCoreNanoSeconds: &runtimeapi.UInt64Value{Value: c.cpu()}}
				s.Memory = &runtimeapi.MemoryUsage{WorkingSetBytes: &runtimeapi.UInt64Value{Value: c.memory}}
			}
			p.Linux.Containers = append(p.Linux.Containers, s)
		}
		out = append(out, p)
	}
	return out, n.err
}

func (n *clockNode) Used() (cpu time.Duration, memory uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, containers := range n.pods {
		for _, c := range containers {
			cpu, memory = cpu+time.Duration(c.cpu()), memory+c.memory
		}
	}
	return cpu - n.lost, memory
}

func (n *clockNode) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *clockNode) set(pod string, containers ...clockContainer) {
	n.change(func() {
		if n.pods == nil {
			n.pods = map[string][]clockContainer{}
		}
		n.pods[pod] = containers
	})
}

// told is what the server answers, in a line.
func told(t *testing.T, s *Server) string {
	t.Helper()
	pods, err := s.PodMetrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := s.NodeMetrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	use := func(u corev1.ResourceList) string { return u.Cpu().String() + " " + u.Memory().String() }
	for name, p := range pods {
		for _, c := range p.Containers {
			out = append(out, fmt.Sprintf("%s/%s %s in %v", name.Name, c.Name, use(c.Usage), p.Window.Duration))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		out = append(out, fmt.Sprintf("%s %s in %v", name, use(nodes[name].Usage), nodes[name].Window.Duration))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a, b := &clockNode{}, &clockNode{}
		nodes := map[string]Node{"node-a": a, "node-b": b}
		s := New(Config{Nodes: func() (list map[string]Node) {
			a.change(func() { list = maps.Clone(nodes) })
			return list
		}})
		defer s.Close()
		goroutines := runtime.NumGoroutine()
		a.set("busy", clockContainer{name: "c", id: "1", cores: 0.5, memory: 1 << 20, started: began}, clockContainer{name: "side", id: "2", cores: 0.000001, memory: 1 << 10, started: began})
		a.set("half", clockContainer{name: "c", id: "3", started: began}, clockContainer{name: "d", id: "4", unknown: true})
		check := func(what, want string) {
			t.Helper()
			if got := told(t, s); got != want {
				t.Errorf("%s:\n%s, want\n%s", what, got, want)
			}
		}
		time.Sleep(time.Hour)
		count := func() (n int) {
			a.change(func() { n = a.asked })
			return n
		}
		if count() != 0 {
			t.Error("it was read and nobody had asked")
		}
		asked := time.Now()
		check("the first question", "busy/c 500m 1Mi in 1s, busy/side 1u 1Ki in 1s, node-a 500001u 1025Ki in 1s, node-b 0 0 in 1s")
		if took := time.Since(asked); took != first {
			t.Errorf("it took %v", took)
		}
		a.set("new", clockContainer{name: "c", id: "5", cores: 0.25, memory: 1, started: time.Now()})
		check("at once again", "busy/c 500m 1Mi in 1s, busy/side 1u 1Ki in 1s, node-a 500001u 1025Ki in 1s, node-b 0 0 in 1s")
		time.Sleep(resolution)
		synctest.Wait()
		check("a pod that was read once is not told", "busy/c 500m 1Mi in 5s, busy/side 1u 1Ki in 5s, node-a 750001u 1049601 in 5s, node-b 0 0 in 5s")
		time.Sleep(resolution)
		synctest.Wait()
		check("nor later is one that was read twice left out", "busy/c 500m 1Mi in 5s, busy/side 1u 1Ki in 5s, new/c 250m 1 in 5s, node-a 750001u 1049601 in 5s, node-b 0 0 in 5s")

		a.set("new", clockContainer{name: "c", id: "6", cores: 1, memory: 1, started: time.Now()})
		a.change(func() { a.lost = 7 * time.Second })
		a.change(func() { delete(nodes, "node-b") })
		time.Sleep(resolution)
		synctest.Wait()
		check("nor a container that was restarted, a node that used less than it had, and one that is gone", "busy/c 500m 1Mi in 5s, busy/side 1u 1Ki in 5s")

		a.change(func() { nodes["node-b"] = b })
		b.change(func() { b.err = errors.New("it does not answer") })
		time.Sleep(linger + 2*resolution)
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		readings := count()
		time.Sleep(time.Hour)
		if count() != readings {
			t.Error("it was read long after somebody had asked")
		}
		check("after a rest", "busy/c 500m 1Mi in 1s, busy/side 1u 1Ki in 1s, new/c 1 1 in 1s, node-a 1500001u 1049601 in 1s")
	})
}

// TestClose has it end while somebody waits, and while it reads.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Nodes: func() map[string]Node { return nil }})
		ctx, cancel := context.WithTimeout(t.Context(), first/2)
		defer cancel()
		if _, err := s.PodMetrics(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever does not wait: %v", err)
		}
		failed := make(chan error)
		go func() {
			_, err := s.NodeMetrics(t.Context())
			failed <- err
		}()
		synctest.Wait()
		go s.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("whoever waits: %v", err)
		}
		s.Close()
		if _, err := s.PodMetrics(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
}
