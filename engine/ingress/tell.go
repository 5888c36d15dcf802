package ingress

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/podhop/podhop/engine/ingress/plan"
)

// grace is how long something must be wrong before it is told: an Ingress and what
// it is for are often applied together, and are not there at the same moment.
const grace = time.Second

// A teller writes notes as events, each once, until it does not hold any more.
type teller struct {
	recorder record.EventRecorder
	notes    map[noteKey]*told
}

type noteKey struct {
	uid             types.UID
	reason, message string
}

type told struct {
	since time.Time
	done  bool
}

// newTeller starts writing events; it ends with ctx.
func newTeller(ctx context.Context, c kubernetes.Interface, scheme *runtime.Scheme) *teller {
	b := record.NewBroadcaster(record.WithContext(ctx))
	b.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.CoreV1().Events("")})
	return &teller{
		recorder: b.NewRecorder(scheme, corev1.EventSource{Component: Name}),
		notes:    map[noteKey]*told{},
	}
}

// tell takes all notes that hold now, and returns when to come again; 0 is not before
// something has changed.
func (t *teller) tell(notes []plan.Note, now time.Time) (again time.Duration) {
	current := map[noteKey]*told{}
	for i := range notes {
		n := &notes[i]
		m, err := meta.Accessor(n.Object)
		if err != nil {
			continue
		}
		key := noteKey{m.GetUID(), n.Reason, n.Message}
		state := t.notes[key]
		if state == nil {
			state = &told{since: now}
		}
		current[key] = state
		wait := time.Duration(0)
		if n.Warning {
			wait = state.since.Add(grace).Sub(now)
		}
		switch {
		case state.done:
		case wait > 0:
			if again == 0 || wait < again {
				again = wait
			}
		default:
			state.done = true
			kind := corev1.EventTypeNormal
			if n.Warning {
				kind = corev1.EventTypeWarning
			}
			t.recorder.Event(n.Object, kind, n.Reason, n.Message)
		}
	}
	t.notes = current
	return again
}
