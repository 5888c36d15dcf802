package topology

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podhop/podhop/engine/model"
)

func TestWatcher(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := fake.NewClientset(parse[corev1.Pod](t, "metadata: {name: a, namespace: default}\nspec: {containers: [{name: x}]}\nstatus: {phase: Pending}"))
	factory := informers.NewSharedInformerFactory(client, 0)
	graphs := make(chan model.Graph, 100)
	place := "client"
	w, err := NewWatcher(WatcherConfig{
		Factory:  factory,
		Network:  func() Network { return Network{Places: []model.Vertex{{ID: place}}} },
		Changed:  func(g model.Graph) { graphs <- g },
		Interval: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan struct{})
	go func() { w.Run(ctx); close(ran) }()
	factory.Start(ctx.Done())

	until := func(want string) {
		t.Helper()
		last := ""
		for last != want {
			select {
			case g := <-graphs:
				var words []string
				for _, v := range g.Vertices {
					words = append(words, v.ID+" "+v.Status)
				}
				last = strings.Join(words, ", ")
			case <-ctx.Done():
				t.Fatalf("never got %q, but %q", want, last)
			}
		}
	}
	until("client , pod/default/a Pending")
	pods := client.CoreV1().Pods("default")
	pod, err := pods.Get(ctx, "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase, pod.ResourceVersion = corev1.PodRunning, "2"
	if _, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until("client , pod/default/a Running")
	w.Also(func(o *Objects) {
		o.Gateways = []*gatewayv1.Gateway{{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}}}
	})
	until("client , gateway/default/web no controller, pod/default/a Running")
	w.Also(func(*Objects) {})
	if err := pods.Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until("client ")
	cancel()
	<-ran
	factory.Shutdown()
}

// A touch rebuilds although no object has changed, and a burst of them once.
func TestTouch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	asked := make(chan struct{}, 100)
	w, err := NewWatcher(WatcherConfig{
		Factory: factory,
		Network: func() Network { asked <- struct{}{}; return Network{} },
		Changed: func(model.Graph) {},
		Settle:  50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan struct{})
	go func() { w.Run(ctx); close(ran) }()
	factory.Start(ctx.Done())
	<-asked
	for range 100 {
		w.Touch()
	}
	<-asked
	cancel()
	<-ran
	if len(asked) > 1 { // one burst may be cut in two, but not in three
		t.Errorf("100 touches at once led to %d graphs", 1+len(asked))
	}
	factory.Shutdown()
}

func TestEvents(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := fake.NewClientset(parse[corev1.Event](t, `
metadata: {name: one, namespace: default}
involvedObject: {kind: Pod, namespace: default, name: a}
type: Normal
reason: Pulled
message: m
count: 2
lastTimestamp: "2026-01-01T00:00:00Z"`))
	events := make(chan model.Event, 10)
	ran := make(chan struct{})
	go func() { Events(ctx, client, func(e model.Event) { events <- e }); close(ran) }()
	want := model.Event{Time: 1767225600000, Type: "Normal", Reason: "Pulled", Message: "m", Count: 2,
		Object: model.Object{Kind: "Pod", Namespace: "default", Name: "a"}}
	next := func() model.Event {
		select {
		case e := <-events:
			return e
		case <-ctx.Done():
			t.Fatal("no event came")
			panic("unreachable")
		}
	}
	if got := next(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err := client.CoreV1().Events("default").Create(ctx, parse[corev1.Event](t, `
metadata: {name: two, namespace: default}
involvedObject: {kind: Node, name: node-1}
reason: Ready
series: {count: 5, lastObservedTime: "2026-01-01T00:00:01.000000Z"}`), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := next(); got.Count != 5 || got.Time != 1767225601000 || got.Object.Name != "node-1" {
		t.Errorf("got %+v", got)
	}
	cancel()
	<-ran
}

func BenchmarkBuild(b *testing.B) {
	var o Objects
	for range 100 {
		o.Pods = append(o.Pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}, Spec: corev1.PodSpec{Containers: make([]corev1.Container, 1)}})
		o.Services = append(o.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}})
	}
	b.ReportAllocs()
	for b.Loop() {
		Build(&o, &Network{})
	}
}
