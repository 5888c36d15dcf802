package container

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// absent are system calls that look as if the kernel had been built without them. Programs
// for the kernel (seccomp) are compiled into memory that all of the machine share
// (net.core.bpf_jit_limit) and no cgroup counts: who takes all of it has nobody start a
// container, because its own filter finds no room. And asynchronous input and output is
// bounded for all together (fs.aio-max-nr), where one context may take all.
var absent = []string{"seccomp", "io_setup"}

// doors lead to the same, and are shut: they answer what the kernel would say without them.
var doors = []struct {
	call  string
	level []specs.LinuxSeccompArg
	// arg is one of these values.
	arg    uint
	values []uint64
	errno  unix.Errno // 0 has the server answer, see rings
}{
	// A program that attaches a filter filters by itself then, as libpcap does.
	{"setsockopt", equal(1, unix.SOL_SOCKET), 2, []uint64{unix.SO_ATTACH_FILTER, unix.SO_ATTACH_REUSEPORT_CBPF}, unix.ENOPROTOOPT},
	{"setsockopt", equal(1, unix.SOL_PACKET), 2, []uint64{unix.PACKET_RX_RING, unix.PACKET_TX_RING}, 0},
	{"prctl", nil, 0, []uint64{unix.PR_SET_SECCOMP}, unix.EINVAL},
}

// low is of an argument what the kernel looks at where that is an int: a comparison of all 64
// bits could be evaded by the others.
const low = 1<<32 - 1

func equal(index uint, value uint64) []specs.LinuxSeccompArg {
	return []specs.LinuxSeccompArg{{Index: index, Value: low, ValueTwo: value, Op: specs.OpMaskedEqual}}
}

// kernelPrograms are the rules that refuse programs for the kernel, and with allow, for profiles
// that forbid what they do not name, those that allow the rest of these calls. libseccomp knows no
// "all but this": what is allowed is named by the bits in which it differs.
func kernelPrograms(allow bool) (out []specs.LinuxSyscall) {
	nosys := uint(unix.ENOSYS)
	out = append(out, specs.LinuxSyscall{Names: append([]string(nil), absent...), Action: specs.ActErrno, ErrnoRet: &nosys})
	var levels []uint64
	for _, r := range doors {
		errno, action := uint(r.errno), specs.ActErrno
		if errno == 0 {
			action = specs.ActNotify
		}
		for _, value := range r.values {
			rule := specs.LinuxSyscall{Names: []string{r.call}, Action: action, Args: append(equal(r.arg, value), r.level...)}
			if errno != 0 {
				rule.ErrnoRet = &errno
			}
			out = append(out, rule)
		}
		if allow {
			for _, other := range others(r.arg, r.values...) {
				out = append(out, specs.LinuxSyscall{Names: []string{r.call}, Action: specs.ActAllow, Args: append([]specs.LinuxSeccompArg{other}, r.level...)})
			}
		}
		for _, level := range r.level {
			levels = append(levels, level.ValueTwo)
		}
	}
	if allow {
		for _, other := range others(1, levels...) {
			out = append(out, specs.LinuxSyscall{Names: []string{"setsockopt"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{other}})
		}
	}
	return out
}

// others are comparisons, of which each value of 32 bits but these passes exactly one.
func others(index uint, values ...uint64) (out []specs.LinuxSeccompArg) {
	var below func(mask, value uint64, bit int)
	below = func(mask, value uint64, bit int) {
		holds := false
		for _, v := range values {
			holds = holds || v&mask == value
		}
		switch {
		case !holds:
			out = append(out, specs.LinuxSeccompArg{Index: index, Value: mask, ValueTwo: value, Op: specs.OpMaskedEqual})
		case bit >= 0:
			below(mask|1<<bit, value, bit-1)
			below(mask|1<<bit, value|1<<bit, bit-1)
		}
	}
	below(0, 0, 31)
	return out
}
