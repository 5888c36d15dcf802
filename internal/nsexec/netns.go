package nsexec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// A NetNS is a network namespace, alive as long as its descriptor is open or a
// process runs in it. All methods are safe for concurrent use. After Close, Do and
// DialContext fail; what FD and Path answered must not be used any more.
type NetNS struct {
	file   *os.File
	fd     int
	closed sync.Once
}

// NewNetNS makes a network namespace owned by the server's own user namespace:
// for nodes, the client, the underlay. lo is up in it.
func NewNetNS() (*NetNS, error) {
	fd := -1
	err := visit(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		var err error
		if fd, err = unix.Open(ownNetNS, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open %s: %w", ownNetNS, err)
		}
		return prepare()
	})
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	return newNetNS(fd), nil
}

// NewNetNSOf makes a network namespace as NewNetNS does, but owned by a user namespace:
// who is root there may change it. So may the server, from above.
func NewNetNSOf(u *UserNS) (*NetNS, error) {
	fds, err := sandboxFDs(u.FD(), "")
	if err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	n := newNetNS(fds[0])
	err = errors.Join(unix.Close(fds[1]), unix.Close(fds[2]), n.Do(prepare))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("new network namespace: %w", err), n.Close())
	}
	return n, nil
}

func newNetNS(fd int) *NetNS {
	return &NetNS{file: os.NewFile(uintptr(fd), "net:["+strconv.Itoa(fd)+"]"), fd: fd}
}

// FD is the namespace's descriptor, for IFLA_NET_NS_FD and setns.
func (n *NetNS) FD() int { return n.fd }

// File is the open descriptor, for those who hand it on; do not close it.
func (n *NetNS) File() *os.File { return n.file }

// Path is a path by which other processes in the server's pid namespace can open it.
func (n *NetNS) Path() string { return fdPath(n.fd) }

func fdPath(fd int) string { return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(fd) }

// Close gives up the namespace. The kernel takes it apart, with every link in
// it and their peers, on its own time.
func (n *NetNS) Close() error {
	err := fs.ErrClosed
	n.closed.Do(func() { err = n.file.Close() })
	return err
}

// Do runs fn on the calling goroutine while its thread is in the namespace, and so
// are the sockets that fn opens and the processes that it starts; goroutines that it
// starts are not. fn may call another namespace's Do, but should not wait for the
// network: that would hold a thread. Package net's dialers with a host name leave
// the thread: use literal addresses.
func (n *NetNS) Do(fn func() error) error {
	return visit(func() error {
		if err := n.enter(); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		return fn()
	})
}

// enter brings the calling thread there. A closed descriptor's number may be another
// namespace's by now, so the file is asked for it, and does not close meanwhile.
func (n *NetNS) enter() error {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	if conn.Control(func(fd uintptr) { err = unix.Setns(int(fd), unix.CLONE_NEWNET) }) != nil {
		return fs.ErrClosed // the only reason there is
	}
	return err
}

// prepare sets, in the calling thread's namespace, what every namespace here wants.
func prepare() error {
	if err := loopbackUp(); err != nil {
		return err
	}
	// No duplicate address detection, or the first IPv6 connection times out; before
	// there are links, since they copy "default" ("all" is off from the start).
	err := Sysctl("net/ipv6/conf/default/accept_dad", "0")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EROFS) {
		return err
	}
	return nil
}

// preparePod sets what containerd sets in a pod's namespace
// (enable_unprivileged_ports and enable_unprivileged_icmp of its CRI plugin).
func preparePod() error {
	if err := prepare(); err != nil {
		return err
	}
	if err := Sysctl("net/ipv4/ip_unprivileged_port_start", "0"); err != nil && !errors.Is(err, unix.EROFS) {
		return err
	}
	err := Sysctl("net/ipv4/ping_group_range", "0 "+strconv.Itoa(pingGroupMax()))
	if err != nil && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// pingGroupMax is the highest group the kernel lets us name: one that is mapped,
// and no more than containerd's 2147483647.
func pingGroupMax() int {
	if current == nil || len(current.IDs) == 0 {
		return 1<<31 - 1
	}
	last := current.IDs[len(current.IDs)-1]
	return min(last.Inner+last.Size-1, 1<<31-1)
}

// Sysctl writes /proc/sys/NAME, in the calling thread's namespace where it is
// a net sysctl: call it in Do.
func Sysctl(name, value string) error {
	// os.File would add the descriptor to the poller first.
	fd, err := unix.Open("/proc/sys/"+name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sysctl %s: %w", name, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return fmt.Errorf("sysctl %s=%s: %w", name, value, err)
	}
	return nil
}
