package container

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rings of packet sockets are memory of the kernel's that no cgroup counts, as much as is asked
// for: any pod that may capture could take the whole machine's. So setsockopt of one is answered
// here (seccomp_unotify(2)): it is made for the caller if the session's rings together are
// within sessionRings, and otherwise there is no memory, upon which libpcap asks for less.
const (
	sessionRings = 64 << 20
	// A session's requests are answered at this pace: they take the server's time.
	ringsEach, ringsAtOnce = 20 * time.Millisecond, 200
)

// rings has one goroutine for all containers, which are in epoll alone.
type rings struct {
	host                *Host
	path                string
	socket, epoll, stop int
	ended               chan struct{}

	mu        sync.Mutex
	listeners map[int]*Session // nil while the runtime has not said whose it is
}

func newRings(h *Host) (*rings, error) {
	r := &rings{host: h, path: filepath.Join(h.cfg.Dir, "rings"), socket: -1, epoll: -1, stop: -1, ended: make(chan struct{}), listeners: map[int]*Session{}}
	if err := r.open(); err != nil {
		r.closeAll()
		return nil, fmt.Errorf("listen for packet rings: %w", err)
	}
	go r.run()
	return r, nil
}

func (r *rings) open() (err error) {
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if r.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	if r.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return err
	}
	if err := unix.Bind(r.socket, &unix.SockaddrUnix{Name: r.path}); err != nil {
		return err
	}
	if err := unix.Listen(r.socket, 1000); err != nil {
		return err
	}
	return errors.Join(r.await(r.stop, unix.EPOLL_CTL_ADD), r.await(r.socket, unix.EPOLL_CTL_ADD))
}

// await has run be told of fd once.
func (r *rings) await(fd, op int) error {
	return unix.EpollCtl(r.epoll, op, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)})
}

func (r *rings) close() {
	if r == nil {
		return
	}
	_, _ = unix.Write(r.stop, binary.NativeEndian.AppendUint64(nil, 1))
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeAll()
}

func (r *rings) closeAll() {
	for fd := range r.listeners {
		unix.Close(fd)
	}
	clear(r.listeners)
	for _, fd := range []int{r.socket, r.stop, r.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	r.epoll = -1
}

func (r *rings) run() {
	defer close(r.ended)
	events := make([]unix.EpollEvent, 16)
	for {
		n, err := unix.EpollWait(r.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			r.host.cfg.Log.Error("packet rings are not answered any more", "err", err)
			return
		}
		for _, e := range events[:max(n, 0)] {
			fd := int(e.Fd)
			switch {
			case fd == r.stop:
				return
			case fd == r.socket:
				r.accept()
			case e.Events&unix.EPOLLIN == 0: // nobody is left who could ask
				r.drop(fd)
			default:
				r.ready(fd)
			}
		}
	}
}

func (r *rings) accept() {
	if fd, _, err := unix.Accept4(r.socket, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK); err == nil {
		r.add(fd, nil)
	}
	_ = r.await(r.socket, unix.EPOLL_CTL_MOD)
}

func (r *rings) add(fd int, s *Session) {
	r.mu.Lock()
	r.listeners[fd] = s
	r.mu.Unlock()
	if r.await(fd, unix.EPOLL_CTL_ADD) != nil {
		r.drop(fd)
	}
}

func (r *rings) drop(fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listeners, fd)
	unix.Close(fd)
}

func (r *rings) ready(fd int) {
	r.mu.Lock()
	s := r.listeners[fd]
	r.mu.Unlock()
	if s == nil { // the runtime hands over a container's descriptor
		given, s := r.receive(fd)
		r.drop(fd)
		if given >= 0 {
			r.add(given, s)
		}
		return
	}
	s.answerRing(fd)
	again := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.epoll >= 0 && r.listeners[fd] == s {
			_ = r.await(fd, unix.EPOLL_CTL_MOD)
		}
	}
	if wait := s.rings.Reserve().Delay(); wait > 0 {
		time.AfterFunc(wait, again)
		return
	}
	again()
}

// receive reads the container process state of OCI's specification; -1 where there is none.
func (r *rings) receive(fd int) (int, *Session) {
	text, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4*4))
	n, rn, _, _, err := unix.Recvmsg(fd, text, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, nil
	}
	fds := rightsOf(rights[:rn])
	var process struct {
		State struct {
			ID string `json:"id"`
		} `json:"state"`
	}
	var s *Session
	if json.Unmarshal(text[:n], &process) == nil {
		id, _, _ := strings.Cut(process.State.ID, ".")
		r.host.mu.Lock()
		s = r.host.sessions[id]
		r.host.mu.Unlock()
	}
	if len(fds) == 1 && s != nil {
		return fds[0], s
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return -1, nil
}

func rightsOf(b []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if got, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}

// What follows are struct seccomp_notif and seccomp_notif_resp of linux/seccomp.h.
type notification struct {
	id         uint64
	pid, flags uint32
	call       int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type notificationAnswer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

func (s *Session) answerRing(fd int) {
	var n notification
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return // who asked was killed
	}
	answer := notificationAnswer{id: n.id}
	if err := s.setRing(fd, &n); err != nil {
		errno := unix.EINVAL
		errors.As(err, &errno)
		answer.errno = -int32(errno)
	}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
}

// setRing makes a ring for who asks, of what was read here: the caller's memory may be
// another a moment later.
func (s *Session) setRing(listener int, n *notification) error {
	pid, err := unix.PidfdOpen(leader(int(n.pid)), 0)
	if err != nil {
		return err
	}
	defer unix.Close(pid)
	// Still there, and so it was no other's number when it was opened.
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_ID_VALID, uintptr(unsafe.Pointer(&n.id))); errno != 0 {
		return errno
	}
	socket, err := unix.PidfdGetfd(pid, int(int32(n.args[0])), 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	var request [28]byte // struct tpacket_req3, which begins as tpacket_req does
	length := min(uint32(n.args[4]), uint32(len(request)))
	local := []unix.Iovec{{Base: &request[0], Len: uint64(length)}}
	if got, err := unix.ProcessVMReadv(int(n.pid), local, []unix.RemoteIovec{{Base: uintptr(n.args[3]), Len: int(length)}}, 0); err != nil || got < int(length) {
		return unix.EFAULT
	}
	size := uint64(binary.NativeEndian.Uint32(request[0:])) * uint64(binary.NativeEndian.Uint32(request[4:]))
	if size > 0 {
		used, err := s.ringBytes()
		if err != nil {
			return err
		}
		if size > sessionRings || used+size > sessionRings {
			return unix.ENOMEM
		}
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(socket), unix.SOL_PACKET, uintptr(uint32(n.args[2])), uintptr(unsafe.Pointer(&request[0])), uintptr(length), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// leader is the process of a thread.
func leader(thread int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	_, after, _ := strings.Cut(string(text), "\nTgid:")
	var pid int
	if _, err := fmt.Sscan(after, &pid); err != nil {
		return thread
	}
	return pid
}
