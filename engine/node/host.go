package node

import (
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
