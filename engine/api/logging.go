package api

import (
	"log/slog"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"

	"github.com/podhop/podhop/internal/quiet"
)

// routeKlog sends upstream's log to l, and panics of its loops, which are
// logged, no longer end the process: it has other sessions to serve. Both are
// one per process.
func routeKlog(l *slog.Logger) {
	klog.SetSlogLogger(slog.New(quiet.Handler{Handler: l.Handler()}))
	utilruntime.ReallyCrash = false
}
