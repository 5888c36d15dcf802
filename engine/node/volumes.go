package node

import (
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/configmap"
	"k8s.io/kubernetes/pkg/volume/downwardapi"
	"k8s.io/kubernetes/pkg/volume/emptydir"
	"k8s.io/kubernetes/pkg/volume/hostpath"
	"k8s.io/kubernetes/pkg/volume/image"
	"k8s.io/kubernetes/pkg/volume/local"
	"k8s.io/kubernetes/pkg/volume/nfs"
	"k8s.io/kubernetes/pkg/volume/projected"
	"k8s.io/kubernetes/pkg/volume/secret"
)

// volumePlugins are upstream's. CSI is not among them: its plugin keeps one
// kubelet in package variables, and there is no driver to talk to. That of NFS
// is there for its words: the mounter refuses it.
func volumePlugins(hostfs string) []volume.VolumePlugin {
	var all []volume.VolumePlugin
	for _, plugins := range [][]volume.VolumePlugin{
		emptydir.ProbeVolumePlugins(), secret.ProbeVolumePlugins(), configmap.ProbeVolumePlugins(),
		downwardapi.ProbeVolumePlugins(), projected.ProbeVolumePlugins(), image.ProbeVolumePlugins(),
		nfs.ProbeVolumePlugins(volume.VolumeConfig{}),
	} {
		all = append(all, plugins...)
	}
	for _, p := range hostpath.ProbeVolumePlugins(volume.VolumeConfig{}) {
		all = append(all, hostPath{p.(volume.PersistentVolumePlugin), hostfs})
	}
	for _, p := range local.ProbeVolumePlugins() {
		all = append(all, localVolume{p.(localPlugin), hostfs})
	}
	return all
}
