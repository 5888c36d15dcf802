package nsexec

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Sandbox is the set of namespaces that a pod's containers share, owned by the
// session's user namespace, so that a container's root has its capabilities over
// its own pod and over nothing else.
type Sandbox struct {
	Net      *NetNS
	IPC, UTS *os.File
}

// NewSandbox makes a pod's namespaces. In the network namespace lo is up, and
// ports below 1024 and ping are open to every user, as under containerd.
func NewSandbox(u *UserNS, hostname string) (*Sandbox, error) {
	if len(hostname) > 64 {
		return nil, fmt.Errorf("new sandbox: host name %q: %w", hostname, unix.ENAMETOOLONG)
	}
	fds, err := sandboxFDs(u.FD(), hostname)
	if err != nil {
		return nil, fmt.Errorf("new sandbox: %w", err)
	}
	s := &Sandbox{
		Net: newNetNS(fds[0]),
		IPC: os.NewFile(uintptr(fds[1]), "ipc"),
		UTS: os.NewFile(uintptr(fds[2]), "uts"),
	}
	if err := s.Net.Do(preparePod); err != nil {
		return nil, errors.Join(fmt.Errorf("new sandbox: %w", err), s.Close())
	}
	return s, nil
}

// Close gives up all of them.
func (s *Sandbox) Close() error {
	return errors.Join(s.Net.Close(), s.IPC.Close(), s.UTS.Close())
}

var sandboxSteps = [...]string{"vfork", "setns user", "unshare", "sethostname", "open net", "open ipc", "open uts"}

// sandboxFDs has a child enter the user namespace, make the namespaces and open
// them into our own descriptor table, all without a program being started: a
// thread of ours could not, since a process with threads cannot change its user
// namespace.
func sandboxFDs(userFD int, hostname string) ([3]int, error) {
	args := sandboxArgs{userFD: uintptr(userFD), host: append([]byte(hostname), 0), hostLen: uintptr(len(hostname))}
	for i := range args.fds {
		args.fds[i] = -1
	}
	runtime.LockOSThread()
	pid, errno := vforkSandbox(&args)
	runtime.UnlockOSThread()
	if errno != 0 {
		return args.fds, fmt.Errorf("%s: %w", sandboxSteps[0], errno)
	}
	wait(pid)
	if args.errno != 0 {
		for _, fd := range args.fds {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
		return args.fds, fmt.Errorf("%s: %w", sandboxSteps[args.step], syscall.Errno(args.errno))
	}
	return args.fds, nil
}
