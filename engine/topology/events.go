package topology

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/engine/model"
)

// Events hands every Kubernetes event of a session to tell, from one goroutine,
// until ctx is done. It keeps none: the API has them, and the feed the recent
// ones. After a broken watch some may be told again.
func Events(ctx context.Context, client kubernetes.Interface, tell func(model.Event)) {
	events := client.CoreV1().Events(metav1.NamespaceAll)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return events.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return events.Watch(ctx, o)
		},
	}
	// The client says whether its server can stream a list, as informers ask it too.
	lister := cache.ToListWatcherWithWatchListSemantics(source, client)
	cache.NewReflectorWithOptions(lister, &corev1.Event{}, teller(tell), cache.ReflectorOptions{Name: "events"}).
		RunWithContext(ctx)
}

// A teller is a reflector's store that keeps nothing.
type teller func(model.Event)

func (t teller) Add(object any) error {
	if e, ok := object.(*corev1.Event); ok {
		t(event(e))
	}
	return nil
}

func (t teller) Update(object any) error { return t.Add(object) }
func (t teller) Delete(any) error        { return nil }
func (t teller) Resync() error           { return nil }

func (t teller) Replace(objects []any, _ string) error {
	for _, object := range objects {
		t.Add(object)
	}
	return nil
}

// event reads what both event APIs fill in: events.k8s.io has a time and a
// series of its own.
func event(e *corev1.Event) model.Event {
	var at time.Time
	count := int(e.Count)
	switch {
	case e.Series != nil:
		at, count = e.Series.LastObservedTime.Time, int(e.Series.Count)
	case !e.LastTimestamp.IsZero():
		at = e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		at = e.EventTime.Time
	default:
		at = e.CreationTimestamp.Time
	}
	return model.Event{
		Time: at.UnixMilli(), Type: e.Type, Reason: e.Reason, Message: e.Message, Count: count,
		Object: model.Object{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name},
	}
}
