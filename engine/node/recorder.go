package node

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// recorder records events until the node stops. What the last syncs fail with
// then is not worth telling, and there is nobody left to tell.
type recorder struct {
	ctx context.Context
	record.EventRecorderLogger
}

func (r recorder) Event(object runtime.Object, eventType, reason, message string) {
	if r.ctx.Err() == nil {
		r.EventRecorderLogger.Event(object, eventType, reason, message)
	}
}

func (r recorder) Eventf(object runtime.Object, eventType, reason, format string, args ...any) {
	if r.ctx.Err() == nil {
		r.EventRecorderLogger.Eventf(object, eventType, reason, format, args...)
	}
}

func (r recorder) AnnotatedEventf(object runtime.Object, annotations map[string]string, eventType, reason, format string, args ...any) {
	if r.ctx.Err() == nil {
		r.EventRecorderLogger.AnnotatedEventf(object, annotations, eventType, reason, format, args...)
	}
}

func (r recorder) WithLogger(logger klog.Logger) record.EventRecorderLogger {
	return recorder{r.ctx, r.EventRecorderLogger.WithLogger(logger)}
}
