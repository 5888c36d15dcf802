package cri

import (
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// writableLayer is what a container has written outside of its volumes.
func (m *member) writableLayer() *runtimeapi.FilesystemUsage {
	bytes, inodes := m.Disk()
	return &runtimeapi.FilesystemUsage{
		Timestamp: time.Now().UnixNano(), FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: m.sandbox.dir},
		UsedBytes: value(bytes), InodesUsed: value(inodes),
	}
}

// DiskUsed is what the containers of the node have written outside of their volumes.
func (r *Runtime) DiskUsed() (bytes, inodes uint64) {
	for _, m := range r.list("", "", nil) {
		b, i := m.Disk()
		bytes, inodes = bytes+b, inodes+i
	}
	return bytes, inodes
}
