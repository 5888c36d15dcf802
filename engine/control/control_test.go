package control

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/api"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func node(name string) corev1.Node {
	room := corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("110")}
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}},
	}
}

var nodes = []corev1.Node{node("node-1"), node("node-2"), node("node-3")}

func server(t testing.TB) *api.Server {
	s, err := api.New(context.Background(), api.Config{Dir: t.TempDir(), RootCA: []byte("ca")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type lab struct {
	*api.Session
	*Controllers
	c kubernetes.Interface
}

func open(t testing.TB, s *api.Server, id string) *lab {
	t.Helper()
	ss, err := s.Open(t.Context(), api.Options{ID: id, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	authority := ss.ClientAuthority()
	k, err := Start(ss.Context(), Config{ClientConfig: ss.ClientConfig(), Informers: ss.Informers(), Presence: ss.Presence(), RootCA: []byte("ca"), Tokens: ss.Tokens(),
		SigningCertificate: authority.Certificate, SigningKey: authority.Key})
	if err != nil {
		t.Fatal(err)
	}
	c, err := kubernetes.NewForConfig(ss.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	return &lab{ss, k, c}
}

func (l *lab) close() {
	l.Stop()
	l.Session.Close()
}

func web(replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "nginx"}}}}},
	}
}

// scheduled waits until n pods have a node.
func (l *lab) scheduled(t testing.TB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	w, err := l.c.CoreV1().Pods("default").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	bound := map[string]bool{}
	for e := range w.ResultChan() {
		if p, ok := e.Object.(*corev1.Pod); ok && p.Spec.NodeName != "" {
			bound[p.Name] = true
		}
		if len(bound) == n {
			return
		}
	}
	t.Fatalf("%d of %d pods have a node; running: %v", len(bound), n, l.Running())
}

func TestDeploymentBecomesScheduledPods(t *testing.T) {
	l := open(t, server(t), "a")
	defer l.close()
	t0 := time.Now()
	if _, err := l.c.AppsV1().Deployments("default").Create(t.Context(), web(3), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Log("created after", time.Since(t0))
	l.scheduled(t, 3)
	t.Log("scheduled after", time.Since(t0))
}

func memory() (rss uint64, goroutines int) {
	debug.FreeOSMemory()
	b, _ := os.ReadFile("/proc/self/statm")
	var size, pages uint64
	fmt.Sscan(string(b), &size, &pages)
	return pages * uint64(os.Getpagesize()), runtime.NumGoroutine()
}

func TestCost(t *testing.T) {
	if !strings.Contains(os.Getenv("PODHOP_MEASURE"), "cost") {
		t.Skip("set PODHOP_MEASURE=cost")
	}
	s := server(t)
	rss0, g0 := memory()
	var labs []*lab
	n := 20
	for i := range n {
		t0 := time.Now()
		l := open(t, s, fmt.Sprint("s", i))
		o := time.Since(t0)
		labs = append(labs, l)
		t1 := time.Now()
		if _, err := l.c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if i < 3 || i == n-1 {
			t.Log("open", o, "first create", time.Since(t1))
		}
	}
	time.Sleep(2 * time.Second)
	rss1, g1 := memory()
	if dir := os.Getenv("PODHOP_PROFILES"); dir != "" {
		for _, name := range []string{"heap", "goroutine"} {
			f, err := os.Create(dir + "/" + name + ".pprof")
			if err != nil {
				t.Fatal(err)
			}
			_ = pprof.Lookup(name).WriteTo(f, 0)
			f.Close()
		}
	}
	t.Logf("per idle session: %.2f MB, %d goroutines; running %v", float64(rss1-rss0)/1e6/float64(n), (g1-g0)/n, labs[0].Running())
	for _, l := range labs {
		t0 := time.Now()
		if _, err := l.c.AppsV1().Deployments("default").Create(t.Context(), web(3), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		l.scheduled(t, 3)
		t.Log("scheduled", time.Since(t0))
	}
	time.Sleep(2 * time.Second)
	rss2, g2 := memory()
	t.Logf("per used session: %.2f MB, %d goroutines", float64(rss2-rss0)/1e6/float64(n), (g2-g0)/n)
	for _, l := range labs {
		t0 := time.Now()
		l.Stop()
		t1 := time.Now()
		l.Session.Close()
		if d := time.Since(t0); d > 50*time.Millisecond {
			t.Log("close", t1.Sub(t0), time.Since(t1))
		}
	}
	time.Sleep(2 * time.Second)
	rss3, g3 := memory()
	t.Logf("after close: %.2f MB, %d goroutines more than before", float64(rss3-rss0)/1e6, g3-g0)
}
