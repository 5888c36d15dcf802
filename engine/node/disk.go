package node

import (
	"fmt"
	"syscall"
	"time"

	cadvisorapi "github.com/google/cadvisor/lib/model"
	"k8s.io/kubernetes/pkg/volume/util/fs"
)

// A diskUser tells what containers have written outside of the node's folder.
type diskUser interface {
	DiskUsed() (bytes, inodes uint64)
}

// room is what a file system has, in bytes or in inodes.
type room struct{ all, free uint64 }

// tight tells whether the kubelet may take it for pressure; its highest
// threshold is 15 %.
func (r room) tight() bool { return r.free < r.all/5 }

// share is the room for a node that uses so much itself. The nodes of a session have one disk, and
// there are at most five. One that has less than a fifth of what is used is not to
// blame for a disk that is full: it is told what it would have alone, so that it
// evicts nobody for what the pods of another node have written.
func (r room) share(own uint64) room {
	if !r.tight() || own >= (r.all-r.free)/5 {
		return r
	}
	return room{r.all, r.all - own}
}

func (m machine) GetDirFsInfo(path string) (cadvisorapi.FsInfo, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return cadvisorapi.FsInfo{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	size := uint64(st.Bsize)
	bytes, inodes := room{st.Blocks * size, st.Bavail * size}, room{st.Files, st.Ffree}
	if bytes.tight() || inodes.tight() {
		if ownBytes, ownInodes, err := m.diskUsed(); err == nil {
			bytes, inodes = bytes.share(ownBytes), inodes.share(ownInodes)
		}
	}
	return cadvisorapi.FsInfo{
		Timestamp: time.Now(), Device: "node", Mountpoint: m.root, Capacity: bytes.all,
		Available: bytes.free, Usage: bytes.all - bytes.free, Inodes: &inodes.all, InodesFree: &inodes.free,
	}, nil
}

// diskUsed is what the node takes of its disk: its folder, and what its
// containers have written.
func (m machine) diskUsed() (bytes, inodes uint64, err error) {
	folder, err := fs.DiskUsage(m.root)
	if err != nil {
		return 0, 0, err
	}
	bytes, inodes = uint64(folder.Bytes), uint64(folder.Inodes)
	if m.disk != nil {
		b, i := m.disk.DiskUsed()
		bytes, inodes = bytes+b, inodes+i
	}
	return bytes, inodes, nil
}
