package container

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/podhop/podhop/internal/nsexec"
)

// hoard takes as much as it is given of what all of the machine have together, but no more than
// so many, and says how many it got and why it got no more.
const hoard = `
import ctypes, errno, os, socket, struct, sys, mmap
libc = ctypes.CDLL(None, use_errno=True)
class Failed(Exception): pass
def call(n):
    if n < 0: raise OSError(ctypes.get_errno(), "")
    return n
program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
filter = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
kept = []
def terminal(): kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
def file(): kept.append(os.open("/dev/null", os.O_RDONLY))
def inotify(): call(libc.inotify_init())
def timer(): call(libc.syscall(222, 1, None, ctypes.byref(ctypes.c_int())))
def aio(): call(libc.syscall(206, 1, ctypes.byref(ctypes.c_ulong(0))))
def sock(option):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    kept.append(s)
    s.setsockopt(socket.SOL_SOCKET, option, filter)
def socketfilter(): sock(26)
def reuseport(): sock(51)
def upper(): # the kernel looks at 32 bits alone
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    call(libc.syscall(54, s.fileno(), ctypes.c_long(1 << 32 | 1), ctypes.c_long(1 << 32 | 26), filter, 16))
def ringof(option, mib):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    kept.append(s)
    s.setsockopt(263, option, struct.pack("IIII", 1 << 16, mib << 4, 2048, mib << 9))
def ring(): ringof(5, 4)
def sendring(): ringof(13, 4)
def largering(): ringof(5, 2000)
def prctl():
    call(libc.prctl(38, 1, 0, 0, 0))
    call(libc.prctl(22, 2, filter, 0, 0))
def seccomp():
    call(libc.prctl(38, 1, 0, 0, 0))
    call(libc.syscall(317, 1, 0, filter))
def common(): # what programs do all the time
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10000)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    socket.socket(socket.AF_INET6, socket.SOCK_STREAM).setsockopt(socket.IPPROTO_IPV6, 26, 1) # IPV6_V6ONLY; a filter at another level
    call(libc.prctl(15, b"name", 0, 0, 0))
    call(libc.prctl(4, 1, 0, 0, 0))
    raise OSError(0, "")
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
got = 0
try:
    while got < int(sys.argv[2]):
        globals()[sys.argv[1]]()
        got += 1
    print(got, "enough")
except OSError as e:
    print(got, errno.errorcode.get(e.errno, e.errno))
`

// What the machine has once for all sessions no container may take all of.
func TestShared(t *testing.T) {
	h := testHost(t)
	s := testSession(t, h, 1, func(c *SessionConfig) {
		ns, err := nsexec.NewBoundedUserNS(c.UserNS.Maps(), nsexec.Bounds{InotifyInstances: 5, Signals: 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Close() })
		c.UserNS = ns
	})
	other := testSession(t, h, 2, nil)
	for name, how := range map[string]func(*Spec){
		"confined":   func(*Spec) {},
		"unconfined": func(s *Spec) { s.Unconfined, s.Capabilities.Add = true, []string{"ALL"} },
		"own":        func(s *Spec) { s.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} },
		"own, named": func(s *Spec) {
			usual, err := seccompProfile(defaultCapabilities, false, false)
			if err != nil {
				t.Fatal(err)
			}
			usual.Syscalls = slices.DeleteFunc(usual.Syscalls, func(s specs.LinuxSyscall) bool { return s.Action != specs.ActAllow || len(s.Args) > 0 })
			usual.Syscalls = append(usual.Syscalls, specs.LinuxSyscall{Names: []string{"io_setup", "seccomp", "prctl", "setsockopt", "socket"}, Action: specs.ActAllow})
			s.Seccomp = usual
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := func(s *Session) *Container {
				return run(t, s, func(s *Spec) {
					s.ID, s.Image = strings.ReplaceAll(strings.ReplaceAll(name, " ", ""), ",", "-"), testImage(t, "python:3")
					how(s)
				}, "sleep", "1000")
			}
			c := start(s)
			for _, tt := range []struct {
				what string
				most int
				want string
			}{
				{"terminal", 100, fmt.Sprint(c.terminals, " ENOSPC")},
				{"file", 70_000, fmt.Sprint(c.config.Process.Rlimits[0].Hard-3, " EMFILE")},
				{"timer", 100, "20 EAGAIN"},
				{"inotify", 100, "5 EMFILE"},
				{"aio", 10, "0 ENOSYS"},
				{"socketfilter", 10, "0 ENOPROTOOPT"},
				{"reuseport", 10, "0 ENOPROTOOPT"},
				{"upper", 10, "0 ENOPROTOOPT"},
				{"ring", 100, "16 ENOMEM"},
				{"sendring", 100, "16 ENOMEM"},
				{"largering", 1, "0 ENOMEM"},
				{"prctl", 1, "0 EINVAL"},
				{"seccomp", 1, "0 ENOSYS"},
				{"common", 1, "0 0"},
			} {
				out, errs, code, err := c.ExecSync(t.Context(), []string{"python3", "-c", hoard, tt.what, fmt.Sprint(tt.most)}, time.Minute)
				if err != nil || code != 0 || strings.TrimSpace(string(out)) != tt.want {
					t.Errorf("%s: %q, want %q; code %d, %v, %s", tt.what, out, tt.want, code, err, errs)
				}
			}
			// Sessions without bounds of their own have what they had.
			if got := execOutput(t, start(other), "python3", "-c", hoard, "timer", "100"); strings.TrimSpace(got) != "100 enough" {
				t.Errorf("another session got %q timers", got)
			}
			if err := c.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTerminals(t *testing.T) {
	given, most := 0, 0
	for range 600 { // more than any session has containers
		n := terminals(given)
		given, most = given+n, max(most, n)
		if n < leastTerminals {
			t.Fatalf("%d terminals after %d", n, given)
		}
	}
	if most != mostTerminals || given > 2000 {
		t.Errorf("%d at most, %d of all", most, given)
	}
}

func TestOpenFilesOf(t *testing.T) {
	for _, tt := range []struct {
		processes int64
		all, may  uint64
		want      uint64
	}{
		{1000, 2_466_170, 20_000, 1233},
		{1000, 400_000, 20_000, 1024},
		{1000, 400_000, 512, 512},
		{1000, 1 << 62, 1 << 20, 65536},
	} {
		if got := openFilesOf(tt.processes, tt.all, tt.may); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}
