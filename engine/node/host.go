package node

import (
	"context"
	"log/slog"
	"os"
	"strings"

	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/volume/util/hostutil"
)

// legacyLogs is where a kubelet links all containers' logs for log collectors of
// old. Here it would be the server's own folder, and everybody's.
const legacyLogs = "/var/log/containers"

// osInterface is the real operating system, without legacyLogs.
type osInterface struct{ kubecontainer.RealOS }

func legacy(path string) bool { return path == legacyLogs || strings.HasPrefix(path, legacyLogs+"/") }

func (o osInterface) MkdirAll(path string, perm os.FileMode) error {
	if legacy(path) {
		return nil
	}
	return o.RealOS.MkdirAll(path, perm)
}

func (o osInterface) Symlink(oldname, newname string) error {
	if legacy(newname) {
		return nil
	}
	return o.RealOS.Symlink(oldname, newname)
}

func (o osInterface) Remove(path string) error {
	if legacy(path) {
		return nil
	}
	return o.RealOS.Remove(path)
}

func (o osInterface) Glob(pattern string) ([]string, error) {
	if legacy(pattern) {
		return nil, nil
	}
	return o.RealOS.Glob(pattern)
}

// hostUtil does not make the kubelet's folder a shared mount: that mount would
// outlive the node, and no mount has to propagate out of it.
type hostUtil struct{ hostutil.HostUtils }

func (hostUtil) MakeRShared(string) error { return nil }

// quiet lowers the kubelet's messages to slog's Debug: they are about what
// learners do, who see it in their pods' events.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelDebug)
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil // logr asks nobody before it passes an error on
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
