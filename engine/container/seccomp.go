package container

import (
	"slices"
	"strings"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// socketDomains are the ones a container may open. Docker's profile allows
// forty, most of them for protocols that only ever showed in security notices;
// AF_VSOCK and AF_XDP would reach around the pod's network.
var socketDomains = []uint64{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET}

// deniedDomains are those that no container may open, where the profile allows others.
var deniedDomains = []uint64{unix.AF_ALG, unix.AF_VSOCK, unix.AF_XDP, unix.AF_RDS, unix.AF_TIPC, unix.AF_KEY}

// denied are system calls that no container may make here, whatever
// capabilities it asks for: its user namespace would make them work.
var denied = []string{
	"bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl", "add_key", "request_key",
	"mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root",
	"unshare", "setns", "userfaultfd", "perf_event_open", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
	"open_by_handle_at", "fanotify_init", "lookup_dcookie", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "syslog", "acct",
	"socketcall",
}

// fatal are those of denied that end who makes them, by SIGSYS, unless the profile is a
// learner's own: nobody makes them in a container who means well, and so nobody misses an
// error that says so. Modules are not among them, because iptables asks for those by itself.
var fatal = []string{"kexec_load", "kexec_file_load", "open_by_handle_at", "swapon", "swapoff"}

// identity are the calls that seem to succeed where only one id is mapped, so
// that a server that drops root (nginx's workers, Apache's, Redis) runs, as root
// of its container: there is no other user it could be. Charliecloud does the same.
var identity = []string{
	"chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
	"setuid32", "setgid32", "setreuid32", "setregid32", "setresuid32", "setresgid32", "setgroups32", "setfsuid32", "setfsgid32",
}

// seccompProfile is Docker's profile for these capabilities, less what this
// package denies, for the native architecture only (through another one the
// arguments of socket could not be seen).
func seccompProfile(capabilities []string, singleID, unconfined bool) (*specs.LinuxSeccomp, error) {
	harmless := slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool { return c == "CAP_SYS_ADMIN" || c == "CAP_BPF" || c == "CAP_PERFMON" })
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: harmless}}}
	p, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return nil, err
	}
	if len(p.Architectures) > 1 {
		p.Architectures = p.Architectures[:1]
	}
	remove := slices.Concat(denied, absent, []string{"socket", "setsockopt", "prctl"})
	if singleID {
		remove = append(remove, identity...)
	}
	eperm := uint(unix.EPERM)
	if unconfined {
		p.DefaultAction, p.DefaultErrnoRet = specs.ActAllow, nil
		refused := slices.DeleteFunc(slices.Clone(denied), func(name string) bool { return slices.Contains(fatal, name) })
		p.Syscalls = []specs.LinuxSyscall{{Names: refused, Action: specs.ActErrno, ErrnoRet: &eperm}}
		// Clone stays as in the profile: new namespaces are mount and unshare by another door.
		nosys := uint(unix.ENOSYS)
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &nosys})
		for _, flag := range []uint64{unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWNET} {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"clone"}, Action: specs.ActErrno, ErrnoRet: &eperm,
				Args: []specs.LinuxSeccompArg{{Index: 0, Value: flag, ValueTwo: flag, Op: specs.OpMaskedEqual}}})
		}
		for _, domain := range deniedDomains {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"socket"}, Action: specs.ActErrno, ErrnoRet: &eperm,
				Args: []specs.LinuxSeccompArg{{Index: 0, Value: domain, Op: specs.OpEqualTo}}})
		}
		p.Syscalls = append(p.Syscalls, kernelPrograms(false)...)
	} else {
		kept := p.Syscalls[:0]
		for _, s := range p.Syscalls {
			s.Names = slices.DeleteFunc(slices.Clone(s.Names), func(name string) bool { return slices.Contains(remove, name) })
			if len(s.Names) > 0 {
				kept = append(kept, s)
			}
		}
		p.Syscalls = kept
		for _, domain := range socketDomains {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"socket"}, Action: specs.ActAllow,
				Args: []specs.LinuxSeccompArg{{Index: 0, Value: domain, Op: specs.OpEqualTo}}})
		}
		p.Syscalls = append(p.Syscalls, kernelPrograms(true)...)
	}
	p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: fatal, Action: specs.ActKillProcess})
	if singleID {
		zero := uint(0)
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: identity, Action: specs.ActErrno, ErrnoRet: &zero})
	}
	return p, nil
}

// profileKey names the filter that seccompProfile makes, to compile it once.
func profileKey(capabilities []string, singleID, unconfined bool) string {
	key := strings.Join(capabilities, " ")
	if singleID {
		key += " single"
	}
	if unconfined {
		key += " unconfined"
	}
	return key
}
