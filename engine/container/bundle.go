package container

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// defaultCapabilities are containerd's and Docker's.
var defaultCapabilities = []string{"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}

// allCapabilities is what "ALL" means: those that a user namespace gives over
// its own things.
var allCapabilities = slices.Sorted(slices.Values(slices.Concat(defaultCapabilities, []string{"CAP_AUDIT_CONTROL", "CAP_BLOCK_SUSPEND", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE", "CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
	"CAP_MAC_OVERRIDE", "CAP_NET_ADMIN", "CAP_NET_BROADCAST", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE",
	"CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM"})))

// The paths that containerd hides and write-protects.
var (
	maskedPaths = []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// list is the resulting set, sorted.
func (c Capabilities) list() ([]string, error) {
	set := map[string]bool{}
	change := func(names []string, to bool) error {
		for _, name := range names {
			name = strings.ToUpper(name)
			if name == "ALL" || name == "CAP_ALL" {
				for _, c := range allCapabilities {
					set[c] = to
				}
				continue
			}
			if !strings.HasPrefix(name, "CAP_") {
				name = "CAP_" + name
			}
			if !slices.Contains(allCapabilities, name) {
				return fmt.Errorf("unknown capability %q", name)
			}
			set[name] = to
		}
		return nil
	}
	for _, c := range defaultCapabilities {
		set[c] = true
	}
	// As containerd: ALL before the single ones, so that "drop ALL, add X" leaves X.
	isAll := func(name string) bool { return strings.EqualFold(name, "ALL") || strings.EqualFold(name, "CAP_ALL") }
	all := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !isAll(n) })
	}
	single := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return isAll(n) })
	}
	for _, step := range []struct {
		names []string
		to    bool
	}{{all(c.Add), true}, {all(c.Drop), false}, {single(c.Add), true}, {single(c.Drop), false}} {
		if err := change(step.names, step.to); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, name := range allCapabilities {
		if set[name] {
			out = append(out, name)
		}
	}
	return out, nil
}

// plan is what the pure part of making a bundle needs to know.
type plan struct {
	spec     Spec
	rootfs   string
	accounts accounts
	// singleID: only root is mapped.
	singleID bool
	// Paths of the namespaces to join; "" makes a new one.
	userNS, netNS, ipcNS, utsNS, pidNS string
	// mounts have their sources as the runtime shall see them.
	mounts []Mount
	// openFiles is RLIMIT_NOFILE's hard limit.
	openFiles uint64
	// terminals are how many pseudo-terminals there may be.
	terminals int
	// cgroups are the container's own, by where it sees them.
	cgroups map[string]string
}

// oci makes the runtime's configuration, less seccomp.
func (p plan) oci() (*specs.Spec, error) {
	s := p.spec
	args := s.Command
	if len(args) == 0 {
		args = s.Image.Config.Entrypoint
	}
	if len(s.Args) > 0 {
		args = slices.Concat(args, s.Args)
	} else if len(s.Command) == 0 {
		args = slices.Concat(args, s.Image.Config.Cmd)
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("no command specified")
	}
	capabilities, err := s.Capabilities.list()
	if err != nil {
		return nil, err
	}
	user, home, err := p.accounts.resolve(s.User, s.Image.Config.User)
	if err != nil {
		return nil, err
	}
	if p.singleID {
		user, home = specs.User{}, "/root"
	}
	cwd := s.Cwd
	if cwd == "" {
		cwd = s.Image.Config.WorkingDir
	}
	if cwd == "" {
		cwd = "/"
	}
	if !path.IsAbs(cwd) {
		return nil, fmt.Errorf("working directory %q is not absolute", cwd)
	}
	process := &specs.Process{
		Terminal: s.TTY, User: user, Args: args, Cwd: cwd, NoNewPrivileges: !s.AllowPrivilegeEscalation,
		Env:          environment(s, home),
		Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: min(p.openFiles, 4096), Hard: p.openFiles}},
	}
	if adj := s.Resources.OOMScoreAdj; adj > 0 { // less than our own would need a capability
		process.OOMScoreAdj = &adj
	}
	out := &specs.Spec{
		Version: "1.0.2", Process: process,
		Root:   &specs.Root{Path: p.rootfs, Readonly: s.ReadonlyRootfs},
		Mounts: slices.Concat(standardMounts(p.singleID, p.terminals), cgroupMounts(p.cgroups)),
		Linux:  &specs.Linux{Namespaces: p.namespaces(), MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths, Sysctl: s.Sysctls},
	}
	if s.MaskedPaths != nil {
		out.Linux.MaskedPaths = s.MaskedPaths
	}
	if s.ReadonlyPaths != nil {
		out.Linux.ReadonlyPaths = s.ReadonlyPaths
	}
	// A mount below another must come after it.
	mounts := slices.Clone(p.mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int {
		return strings.Count(path.Clean(a.Destination), "/") - strings.Count(path.Clean(b.Destination), "/")
	})
	for _, m := range mounts {
		if !path.IsAbs(m.Destination) {
			return nil, fmt.Errorf("mount path %q is not absolute", m.Destination)
		}
		destination := path.Clean(m.Destination)
		out.Mounts = slices.DeleteFunc(out.Mounts, func(o specs.Mount) bool { return o.Destination == destination })
		out.Mounts = append(out.Mounts, m.oci(destination))
	}
	return out, nil
}

func (m Mount) oci(destination string) specs.Mount {
	mount := specs.Mount{Destination: destination, Type: "bind", Source: m.Source, Options: []string{"rbind", "nosuid", "nodev", "rprivate"}}
	switch {
	case m.Tmpfs > 0:
		mount = specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", fmt.Sprintf("size=%d", m.Tmpfs)}}
	case m.Slave:
		mount.Options[3] = "rslave"
	}
	switch {
	case m.RecursiveReadonly:
		mount.Options = append(mount.Options, "ro", "rro")
	case m.Image != nil:
		mount.Options = append(mount.Options, "ro", "noexec")
	case m.Readonly:
		mount.Options = append(mount.Options, "ro")
	}
	return mount
}

// environment joins the image's variables and the container's.
func environment(s Spec, home string) []string {
	out := []string{}
	at := map[string]int{}
	for _, kv := range slices.Concat(s.Image.Config.Env, s.Env) {
		key, _, _ := strings.Cut(kv, "=")
		if i, ok := at[key]; ok {
			out[i] = kv
			continue
		}
		at[key] = len(out)
		out = append(out, kv)
	}
	def := func(key, value string) {
		if _, ok := at[key]; !ok {
			out = append(out, key+"="+value)
		}
	}
	def("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	if s.Hostname != "" {
		def("HOSTNAME", s.Hostname)
	}
	def("HOME", home)
	if s.TTY {
		def("TERM", "xterm")
	}
	return out
}

func (p plan) namespaces() []specs.LinuxNamespace {
	return []specs.LinuxNamespace{
		{Type: specs.UserNamespace, Path: p.userNS}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
		{Type: specs.PIDNamespace, Path: p.pidNS}, {Type: specs.NetworkNamespace, Path: p.netNS},
		{Type: specs.IPCNamespace, Path: p.ipcNS}, {Type: specs.UTSNamespace, Path: p.utsNS},
	}
}

// standardMounts are containerd's. Where only root is mapped there is no group
// tty to give terminals to.
func standardMounts(singleID bool, terminals int) []specs.Mount {
	devpts := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", fmt.Sprintf("max=%d", terminals)}
	if !singleID {
		devpts = append(devpts, "gid=5")
	}
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=64k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: devpts},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
	}
}

// cgroupMounts show a container its own groups and no others: programs look
// there for what they may use.
func cgroupMounts(sources map[string]string) (mounts []specs.Mount) {
	if len(sources) > 0 && sources[cgroupRoot] == "" {
		mounts = append(mounts, specs.Mount{Destination: cgroupRoot, Type: "tmpfs", Source: "cgroup",
			Options: []string{"nosuid", "noexec", "nodev", "mode=755", "size=64k"}})
	}
	for _, to := range slices.Sorted(maps.Keys(sources)) {
		mounts = append(mounts, specs.Mount{Destination: to, Type: "bind", Source: sources[to],
			Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"}})
	}
	return mounts
}
