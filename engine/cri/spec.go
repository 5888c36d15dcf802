package cri

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

// Refusals name what was asked for and why it is not given; they are read by
// learners, in the events of their pod.
var (
	errPrivileged = errors.New("privileged containers are not allowed in this playground: they would reach beyond their pod; ask for single capabilities instead (securityContext.capabilities.add)")
	// Upstream lets privileged containers alone ask for it.
	errBidirectional = errors.New("mountPropagation Bidirectional is not allowed in this playground: containers mount nothing on their node")

	errUnmasked = errors.New("procMount Unmasked is not allowed in this playground: what is masked tells of the machine, and of others")
	errHostPID  = errors.New("hostPID is not allowed in this playground: nodes here have no processes of their own")
	errHostIPC  = errors.New("hostIPC is not allowed in this playground: nodes here have no processes of their own")
)

func refuseHostNamespaces(ns *runtimeapi.NamespaceOption) error {
	switch {
	case ns.GetPid() == runtimeapi.NamespaceMode_NODE:
		return errHostPID
	case ns.GetIpc() == runtimeapi.NamespaceMode_NODE:
		return errHostIPC
	}
	return nil
}

// spec joins what the kubelet asks for and what the sandbox has. What the image
// says is merged in by package container.
func (r *Runtime) spec(m *member) (container.Spec, error) {
	config, s := m.config, m.sandbox
	sc, res := config.GetLinux().GetSecurityContext(), config.GetLinux().GetResources()
	if sc.GetPrivileged() {
		return container.Spec{}, errPrivileged
	}
	if masked := sc.GetMaskedPaths(); masked != nil && len(masked) == 0 {
		return container.Spec{}, errUnmasked
	}
	profile, err := r.seccomp(config.GetMetadata().GetName(), sc.GetSeccomp())
	if err != nil {
		return container.Spec{}, err
	}
	mounts, err := r.mounts(m)
	if err != nil {
		return container.Spec{}, err
	}
	spec := container.Spec{
		ID: m.id, Image: m.image.Image,
		Command: config.GetCommand(), Args: config.GetArgs(), Cwd: config.GetWorkingDir(),
		User:    user(sc),
		Sandbox: s.attach.Sandbox, HostNetwork: s.attach.HostNetwork, Hostname: s.hostname,
		Mounts: mounts, TTY: config.GetTty(), Stdin: config.GetStdin(), StdinOnce: config.GetStdinOnce(),
		LogPath: m.logPath, Resources: limits(res), Group: r.pods.find(s.config.GetLinux().GetCgroupParent()),
		Capabilities: container.Capabilities{
			Add: sc.GetCapabilities().GetAddCapabilities(), Drop: sc.GetCapabilities().GetDropCapabilities(),
		},
		AllowPrivilegeEscalation: !sc.GetNoNewPrivs(),

		ReadonlyRootfs: sc.GetReadonlyRootfs(), Seccomp: profile,
		Unconfined:  sc.GetSeccomp().GetProfileType() == runtimeapi.SecurityProfile_Unconfined,
		MaskedPaths: sc.GetMaskedPaths(), ReadonlyPaths: sc.GetReadonlyPaths(),
		Sysctls: s.config.GetLinux().GetSysctls(),
	}
	for _, e := range config.GetEnvs() {
		spec.Env = append(spec.Env, e.Key+"="+string(e.Value))
	}
	if signal := stopSignal(config); signal != "" {
		spec.Image.Config.StopSignal = signal
	}
	spec.SharePID, err = r.pidOwner(s, sc.GetNamespaceOptions())
	return spec, err
}

// pidOwner is the container whose process namespace another joins: the pod's pause,
// or the one that an ephemeral container is there to debug; nil for a namespace of
// its own.
func (r *Runtime) pidOwner(s *sandbox, ns *runtimeapi.NamespaceOption) (*container.Container, error) {
	var owner Container
	switch ns.GetPid() {
	case runtimeapi.NamespaceMode_POD:
		owner = s.pause
	case runtimeapi.NamespaceMode_TARGET:
		m, err := r.runningMember(ns.GetTargetId())
		if err != nil {
			return nil, fmt.Errorf("invalid target container: %w", err)
		}
		owner = m.Container
	}
	c, _ := owner.(*container.Container)
	return c, nil
}

func user(sc *runtimeapi.LinuxContainerSecurityContext) container.User {
	u := container.User{
		Name: sc.GetRunAsUsername(), Groups: sc.GetSupplementalGroups(),
		StrictGroups: sc.GetSupplementalGroupsPolicy() == runtimeapi.SupplementalGroupsPolicy_Strict,
	}
	if sc.GetRunAsUser() != nil {
		u.UID = &sc.RunAsUser.Value
	}
	if sc.GetRunAsGroup() != nil {
		u.GID = &sc.RunAsGroup.Value
	}
	return u
}

// mounts are the container's and, unless those cover them, the sandbox's files.
func (r *Runtime) mounts(m *member) ([]container.Mount, error) {
	var mounts []container.Mount
	has := map[string]bool{}
	for _, c := range m.config.GetMounts() {
		mount, err := r.mount(c)
		if err != nil {
			return nil, fmt.Errorf("mount %s: %w", c.ContainerPath, err)
		}
		has[path.Clean(c.ContainerPath)] = true
		mounts = append(mounts, mount)
	}
	readonly := m.config.GetLinux().GetSecurityContext().GetReadonlyRootfs()
	for _, name := range []string{"hostname", "resolv.conf"} {
		if dst := "/etc/" + name; !has[dst] {
			mounts = append(mounts, container.Mount{Source: m.sandbox.file(name), Destination: dst, Readonly: readonly})
		}
	}
	return mounts, nil
}

func (r *Runtime) mount(m *runtimeapi.Mount) (container.Mount, error) {
	out := container.Mount{Destination: m.ContainerPath, Readonly: m.Readonly, RecursiveReadonly: m.RecursiveReadOnly}
	if ref := m.GetImage().GetImage(); ref != "" {
		img, ok := r.cfg.Disk.find(ref)
		if !ok {
			return out, notFound("image", ref)
		}
		out.Image, out.SubPath, out.Readonly = &img.Image, m.GetImageSubPath(), true
		return out, nil
	}
	switch m.Propagation {
	case runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL:
		return out, errBidirectional
	case runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
		out.Slave = true
	}
	out.Source = filepath.Clean(m.HostPath)
	if !under(r.cfg.NodeFiles, out.Source) {
		return out, fmt.Errorf("%s is not a path of this node", m.HostPath)
	}
	return out, nil
}

func under(root, name string) bool {
	return root != "" && (name == root || strings.HasPrefix(name, strings.TrimSuffix(root, "/")+"/"))
}

// stopSignal is the pod's own choice, "" if it has none.
func stopSignal(c *runtimeapi.ContainerConfig) string {
	s := c.GetStopSignal()
	if s == runtimeapi.Signal_SIGNAL_RUNTIME_DEFAULT {
		return ""
	}
	return strings.NewReplacer("SIGNAL_", "", "PLUS", "+", "MINUS", "-").Replace(s.String())
}
