package container

import (
	"errors"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ErrSeccomp: a seccomp profile of a learner's own cannot be used.
var ErrSeccomp = errors.New("seccomp profile")

// namespaceFlags are those of clone(2) that make new namespaces.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// ownProfile is a learner's seccomp profile, with all denied that this package denies
// of any profile. What it forbids itself stays forbidden.
func ownProfile(own *specs.LinuxSeccomp, singleID bool) (*specs.LinuxSeccomp, error) {
	lets := func(a specs.LinuxSeccompAction) bool {
		return a == specs.ActAllow || a == specs.ActLog || a == specs.ActTrace
	}
	p := &specs.LinuxSeccomp{DefaultAction: own.DefaultAction, DefaultErrnoRet: own.DefaultErrnoRet, Flags: own.Flags}
	limited := slices.Concat(denied, absent, []string{"socket", "clone", "clone3", "setsockopt", "prctl"})
	if singleID {
		limited = append(limited, identity...)
	}
	asked, forbidden := map[string]bool{}, map[string]bool{}
	for _, s := range own.Syscalls {
		switch s.Action {
		case specs.ActNotify, "":
			return nil, fmt.Errorf("%w: action %q is not offered", ErrSeccomp, s.Action)
		}
		if lets(s.Action) {
			for _, name := range s.Names {
				asked[name] = true
			}
			s.Names = slices.DeleteFunc(slices.Clone(s.Names), func(name string) bool { return slices.Contains(limited, name) })
		} else {
			for _, name := range s.Names {
				forbidden[name] = true
			}
		}
		if len(s.Names) > 0 {
			p.Syscalls = append(p.Syscalls, s)
		}
	}
	all := lets(own.DefaultAction)
	may := func(name string) bool { return !forbidden[name] && (all || asked[name]) }
	errno := func(n unix.Errno, names ...string) {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !may(name) })
		if ret := uint(n); len(names) > 0 {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: names, Action: specs.ActErrno, ErrnoRet: &ret})
		}
	}
	if own.DefaultAction != specs.ActErrno || all {
		errno(unix.EPERM, denied...)
	}
	errno(unix.ENOSYS, "clone3")
	if singleID {
		errno(0, identity...)
	}
	where := func(action specs.LinuxSeccompAction, name string, arg specs.LinuxSeccompArg) {
		s := specs.LinuxSyscall{Names: []string{name}, Action: action, Args: []specs.LinuxSeccompArg{arg}}
		if ret := uint(unix.EPERM); action == specs.ActErrno {
			s.ErrnoRet = &ret
		}
		p.Syscalls = append(p.Syscalls, s)
	}
	if may("clone") {
		if all {
			for flag := uint64(1); flag <= namespaceFlags; flag <<= 1 {
				if flag&namespaceFlags != 0 {
					where(specs.ActErrno, "clone", specs.LinuxSeccompArg{Value: flag, ValueTwo: flag, Op: specs.OpMaskedEqual})
				}
			}
		} else {
			where(specs.ActAllow, "clone", specs.LinuxSeccompArg{Value: namespaceFlags, Op: specs.OpMaskedEqual})
		}
	}
	if may("socket") {
		if all {
			for _, domain := range deniedDomains {
				where(specs.ActErrno, "socket", specs.LinuxSeccompArg{Value: domain, Op: specs.OpEqualTo})
			}
		} else {
			for _, domain := range socketDomains {
				where(specs.ActAllow, "socket", specs.LinuxSeccompArg{Value: domain, Op: specs.OpEqualTo})
			}
		}
	}
	for _, s := range kernelPrograms(!all) {
		s.Names = slices.DeleteFunc(s.Names, func(name string) bool { return !may(name) })
		if len(s.Names) > 0 {
			p.Syscalls = append(p.Syscalls, s)
		}
	}
	return p, nil
}
