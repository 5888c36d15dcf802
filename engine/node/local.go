package node

import (
	"errors"
	"fmt"

	securejoin "github.com/cyphar/filepath-securejoin"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/volume"
)

// localPlugin is what upstream's plugin of local volumes can, less block devices:
// nodes have none.
type localPlugin interface {
	volume.PersistentVolumePlugin
	volume.NodeExpandableVolumePlugin
}

// localVolume is upstream's plugin, rooted in a folder of the node as hostPath is.
type localVolume struct {
	localPlugin
	root string
}

func (p localVolume) NewMounter(spec *volume.Spec, pod *v1.Pod) (volume.Mounter, error) {
	spec, err := p.inside(spec)
	if err != nil {
		return nil, err
	}
	m, err := p.localPlugin.NewMounter(spec, pod)
	return told{m, p.root}, asTold(err, p.root)
}

func (p localVolume) NodeExpand(o volume.NodeResizeOptions) (bool, error) {
	var err error
	if o.VolumeSpec, err = p.inside(o.VolumeSpec); err != nil {
		return false, err
	}
	done, err := p.localPlugin.NodeExpand(o)
	return done, asTold(err, p.root)
}

// inside answers the volume with its path resolved below root.
func (p localVolume) inside(spec *volume.Spec) (*volume.Spec, error) {
	if spec.PersistentVolume == nil || spec.PersistentVolume.Spec.Local == nil {
		return nil, errors.New("not a local volume")
	}
	out := *spec
	out.PersistentVolume = spec.PersistentVolume.DeepCopy()
	source := out.PersistentVolume.Spec.Local
	path, err := securejoin.SecureJoin(p.root, source.Path)
	if err != nil {
		return nil, fmt.Errorf("local volume %s: %w", source.Path, err)
	}
	source.Path = path
	return &out, nil
}
