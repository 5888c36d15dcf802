package node_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/cri/critest"
	"github.com/podhop/podhop/engine/node"
)

// BenchmarkIdleNode says what a node without pods costs, without its containers
// and its network: three in each session, as they come.
//
//	go test -run NONE -bench IdleNode -benchtime 30x ./engine/node
func BenchmarkIdleNode(b *testing.B) {
	server, err := shared()
	if err != nil {
		b.Fatal(err)
	}
	var sessions []*api.Session
	for i := range (b.N + 2) / 3 {
		s, err := server.Open(b.Context(), api.Options{ID: fmt.Sprintf("bench-%d", i)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.Close)
		sessions = append(sessions, s)
	}
	root := filepath.Join("/run/podhop", b.Name()) // a tmpfs, as a session's is
	b.Cleanup(func() { os.RemoveAll(root) })
	before := footprint()
	var nodes []*node.Node
	var runtimes []*cri.Runtime
	start := time.Now()
	for i := range b.N {
		n, r, err := startIdle(b, sessions[i/3], fmt.Sprintf("node-%d", i%3+1), filepath.Join(root, fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		nodes, runtimes = append(nodes, n), append(runtimes, r)
	}
	started := time.Since(start)
	for i := range nodes {
		waitReady(b, sessions[i/3], fmt.Sprintf("node-%d", i%3+1))
	}
	ready := time.Since(start)
	after := footprint()
	var cpu syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &cpu)
	const idle = 10 * time.Second
	time.Sleep(idle) // this is what is measured
	var cpu2 syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &cpu2)

	each := func(x float64) float64 { return x / float64(b.N) }
	b.ReportMetric(each(started.Seconds()*1e3), "ms-start/node")
	b.ReportMetric(each(ready.Seconds()*1e3), "ms-ready/node")
	b.ReportMetric(each(after.rss-before.rss), "MB-RSS/node")
	b.ReportMetric(each(after.heap-before.heap), "MB-heap/node")
	b.ReportMetric(each(float64(after.goroutines-before.goroutines)), "goroutines/node")
	b.ReportMetric(each(100*(cpuSeconds(cpu2)-cpuSeconds(cpu))/idle.Seconds()), "%CPU/node")
	for _, n := range nodes {
		if err := n.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}
	nodes = nil
	for _, r := range runtimes {
		_ = r.Close(context.Background())
	}
	runtimes = nil
	time.Sleep(time.Second) // goroutines that are about to end keep what they refer to
	left := footprint()
	b.ReportMetric(each(left.heap-before.heap), "MB-left/node")
	b.ReportMetric(each(float64(left.goroutines-before.goroutines)), "goroutines-left/node")
}

func startIdle(b *testing.B, s *api.Session, name, root string) (*node.Node, *cri.Runtime, error) {
	r, err := cri.New(cri.Config{
		Node: name, Name: "crun", Version: "1.8.1", Root: filepath.Join(root, "runtime"), NodeFiles: root,
		Network: &critest.Network{}, Containers: &critest.Containers{}, Images: &critest.Images{},
	})
	if err != nil {
		return nil, nil, err
	}
	n, err := node.Start(b.Context(), node.Config{
		Name: name, IP: netip.MustParseAddr("172.18.0.11"), Root: root, ClientConfig: s.ConfigFor("system:node:"+name, "system:nodes"),
		Runtime: r, Images: r.Images(), Streams: r.Streams(), Logger: testLogger(),
	})
	return n, r, err
}

func waitReady(b *testing.B, s *api.Session, name string) {
	client, err := kubernetes.NewForConfig(s.ClientConfig())
	if err != nil {
		b.Fatal(err)
	}
	for range 10000 {
		n, err := client.CoreV1().Nodes().Get(b.Context(), name, metav1.GetOptions{})
		if err == nil {
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
					return
				}
			}
		}
		time.Sleep(time.Millisecond)
	}
	b.Fatalf("%s is not ready", name)
}

type usage struct {
	rss, heap  float64 // MB
	goroutines int
}

func footprint() usage {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{heap: float64(m.HeapAlloc) / 1e6, goroutines: runtime.NumGoroutine()}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			u.rss = kb / 1e3
		}
	}
	return u
}

func cpuSeconds(u syscall.Rusage) float64 {
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
