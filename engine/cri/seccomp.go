package cri

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// seccompRoot is where a node's seccomp profiles are, on its disk.
const seccompRoot = "var/lib/kubelet/seccomp"

// maxProfile bounds a seccomp profile's file; Docker's own has some 12 KiB.
const maxProfile = 64 << 10

// seccomp is the profile of the node's disk that a container wants; nil for one of
// the usual. Errors are in containerd's words.
func (r *Runtime) seccomp(name string, p *runtimeapi.SecurityProfile) (*specs.LinuxSeccomp, error) {
	if p.GetProfileType() != runtimeapi.SecurityProfile_Localhost {
		return nil, nil
	}
	// The kubelet names a file of its own folder, which is not on the node's disk.
	_, rel, ok := strings.Cut(p.GetLocalhostRef(), "/seccomp/")
	if !ok {
		rel = filepath.Base(p.GetLocalhostRef())
	}
	file := filepath.Join(seccompRoot, rel)
	text, err := r.readDisk(file, maxProfile)
	var profile specs.LinuxSeccomp
	if err == nil {
		err = json.Unmarshal(text, &profile)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to generate container %q spec: failed to generate seccomp spec opts: cannot load seccomp profile %q: %w", name, "/"+file, err)
	}
	return &profile, nil
}

// readDisk reads a regular file of the node's disk, which pods may have written: no
// link leads out of it.
func (r *Runtime) readDisk(name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Join(r.cfg.NodeFiles, "hostfs"))
	if err != nil {
		return nil, fmt.Errorf("open /%s: %w", name, cause(err))
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /%s: %w", name, cause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open /%s: not a regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("/%s: more than %d bytes", name, limit)
	}
	return text, err
}

// cause is an error without the server's own path in it.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
