package node

import (
	"errors"
	"fmt"
	"os"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/volume"
)

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
	m, err := p.PersistentVolumePlugin.NewMounter(spec, pod)
	return told{m, p.root}, asTold(err, p.root)
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

// told has a mounter's errors name paths as the node's own.
type told struct {
	volume.Mounter
	root string
}

func (t told) SetUp(args volume.MounterArgs) error { return asTold(t.Mounter.SetUp(args), t.root) }

func asTold(err error, root string) error {
	if err == nil || !strings.Contains(err.Error(), root) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), root, ""))
}
