package node

import (
	"errors"
	"fmt"
	"os"

	securejoin "github.com/cyphar/filepath-securejoin"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/configmap"
	"k8s.io/kubernetes/pkg/volume/downwardapi"
	"k8s.io/kubernetes/pkg/volume/emptydir"
	"k8s.io/kubernetes/pkg/volume/hostpath"
	"k8s.io/kubernetes/pkg/volume/projected"
	"k8s.io/kubernetes/pkg/volume/secret"
)

// volumePlugins are upstream's. CSI is not among them: its plugin keeps one
// kubelet in package variables, and there is no driver to talk to.
func volumePlugins(hostfs string) []volume.VolumePlugin {
	var all []volume.VolumePlugin
	for _, plugins := range [][]volume.VolumePlugin{
		emptydir.ProbeVolumePlugins(), secret.ProbeVolumePlugins(), configmap.ProbeVolumePlugins(),
		downwardapi.ProbeVolumePlugins(), projected.ProbeVolumePlugins(),
	} {
		all = append(all, plugins...)
	}
	for _, p := range hostpath.ProbeVolumePlugins(volume.VolumeConfig{}) {
		all = append(all, hostPath{p.(volume.PersistentVolumePlugin), hostfs})
	}
	return all
}

// hostPath is upstream's plugin, rooted in a folder of the node: a hostPath is a
// path of the node, and the server's own files are none of the node's.
type hostPath struct {
	volume.PersistentVolumePlugin
	root string
}

func (p hostPath) NewMounter(spec *volume.Spec, pod *v1.Pod) (volume.Mounter, error) {
	spec, err := p.inside(spec)
	if err != nil {
		return nil, err
	}
	return p.PersistentVolumePlugin.NewMounter(spec, pod)
}

// inside answers the volume with its path resolved below root, where no symbolic
// link that a container made leads out of it.
func (p hostPath) inside(spec *volume.Spec) (*volume.Spec, error) {
	out := *spec
	var source *v1.HostPathVolumeSource
	switch {
	case spec.Volume != nil && spec.Volume.HostPath != nil:
		out.Volume = spec.Volume.DeepCopy()
		source = out.Volume.HostPath
	case spec.PersistentVolume != nil && spec.PersistentVolume.Spec.HostPath != nil:
		out.PersistentVolume = spec.PersistentVolume.DeepCopy()
		source = out.PersistentVolume.Spec.HostPath
	default:
		return nil, errors.New("not a hostPath volume")
	}
	path, err := securejoin.SecureJoin(p.root, source.Path)
	if err != nil {
		return nil, fmt.Errorf("hostPath %s: %w", source.Path, err)
	}
	source.Path = path
	if source.Type == nil || *source.Type == v1.HostPathUnset {
		// Nothing is checked then, and a container runtime makes what is missing.
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return nil, fmt.Errorf("hostPath %s: %w", source.Path, err)
			}
		}
	}
	return &out, nil
}
