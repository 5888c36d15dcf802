package container

import (
	"encoding/base64"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bpfAnnotation hands crun a compiled seccomp filter (crun.1).
const bpfAnnotation = "run.oci.seccomp_bpf_data"

// filter is a seccomp profile, and its compiled form once there is one:
// compiling takes longer than all the rest of a start, so crun does it for the
// first container of each kind, and we keep what it made.
type filter struct {
	profile *specs.LinuxSeccomp
	bpf     string
}

// confine gives a container's configuration its seccomp filter.
func (h *Host) confine(c *Container) (err error) {
	if c.spec.Seccomp != nil { // of their own there may be any number: none is kept
		if c.config.Linux.Seccomp, err = ownProfile(c.spec.Seccomp, h.SingleID()); err == nil {
			c.config.Linux.Seccomp.ListenerPath = h.rings.path
		}
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.filters[c.key]
	if f == nil {
		profile, err := seccompProfile(c.config.Process.Capabilities.Bounding, h.SingleID(), c.spec.Unconfined)
		if err != nil {
			return err
		}
		profile.ListenerPath = h.rings.path
		f = &filter{profile: profile}
		h.filters[c.key] = f
	}
	if f.bpf == "" {
		c.config.Linux.Seccomp = f.profile
		return nil
	}
	c.config.Annotations = map[string]string{bpfAnnotation: f.bpf}
	c.config.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: h.rings.path} // its rules are not read beside the annotation
	return nil
}

// learnFilter keeps what crun compiled for a container that was just started.
func (h *Host) learnFilter(c *Container) {
	if c.spec.Seccomp != nil || !h.runtime.crun() || c.config.Annotations[bpfAnnotation] != "" {
		return
	}
	program, err := os.ReadFile(filepath.Join(h.runtime.root, c.runtimeID(), "seccomp.bpf"))
	if err != nil || len(program) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filters[c.key].bpf = base64.StdEncoding.EncodeToString(program)
}
