package nsexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outsideTimeout bounds one dial of the supervisor.
const outsideTimeout = 10 * time.Second

// Errors say why an address is not connected to.
var (
	// ErrNotPublic refuses an address that is not the public Internet's: what the
	// host and its neighbours serve to each other is none of a learner's business.
	ErrNotPublic = errors.New("not a public address")
	// ErrNotNamed refuses an address for a purpose that has its own alone.
	ErrNotNamed = errors.New("not an address for this")
)

// DialOutside returns what connects from the host's network, on which the process inside has
// no foothold of its own: the supervisor dials, and hands the socket over. What it
// may be connected to is SuperviseConfig's Reach for that purpose. Both are safe for concurrent use.
func DialOutside(purpose string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialOutside(ctx, purpose, network, address)
	}
}

func dialOutside(ctx context.Context, purpose, network, address string) (net.Conn, error) {
	in, err := told()
	if err != nil {
		return nil, err
	}
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, net.UnknownNetworkError(network)
	}
	// One pair of sockets a request: the answer comes back on it, and closing it
	// is how either side gives up.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	answer := os.NewFile(uintptr(pair[0]), "dial outside")
	defer answer.Close()
	err = unix.Sendmsg(in.Outside, []byte(purpose+" "+network+" "+address), unix.UnixRights(pair[1]), nil, 0)
	unix.Close(pair[1])
	if err != nil {
		return nil, os.NewSyscallError("sendmsg", err)
	}
	stop := context.AfterFunc(ctx, func() { answer.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := receiveConn(answer)
	if cause := ctx.Err(); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: literal(address), Err: err}
	}
	return conn, nil
}

// receiveConn waits for a connection, or for the reason why there is none.
func receiveConn(answer *os.File) (net.Conn, error) {
	raw, err := answer.SyscallConn()
	if err != nil {
		return nil, err
	}
	text, rights := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	var n, rn int
	var recvErr error
	if err := raw.Read(func(fd uintptr) bool {
		n, rn, _, _, recvErr = unix.Recvmsg(int(fd), text, rights, unix.MSG_CMSG_CLOEXEC)
		return recvErr != unix.EAGAIN
	}); err != nil {
		return nil, err
	}
	if recvErr != nil {
		return nil, recvErr
	}
	fds, err := parseRights(rights[:rn])
	if err != nil || len(fds) != 1 {
		if n == 0 {
			return nil, errors.New("the supervisor gave no answer")
		}
		return nil, errors.New(string(text[:n]))
	}
	f := os.NewFile(uintptr(fds[0]), "outside")
	defer f.Close() // FileConn has its own copy
	return net.FileConn(f)
}

func parseRights(b []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return unix.ParseUnixRights(&messages[0])
}

// outsidePair makes the socket that requests come in by, and the one to hand over.
func outsidePair() (requests, asker *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(pair[0]), "outside"), os.NewFile(uintptr(pair[1]), "asker"), nil
}

// serveOutside answers DialOutside's requests until the socket is closed.
func serveOutside(requests *os.File, reach map[string]Reach) {
	raw, err := requests.SyscallConn()
	if err != nil {
		return
	}
	text, rights := make([]byte, 512), make([]byte, unix.CmsgSpace(3*4))
	for {
		var n, rn int
		var recvErr error
		if raw.Read(func(fd uintptr) bool {
			n, rn, _, _, recvErr = unix.Recvmsg(int(fd), text, rights, unix.MSG_CMSG_CLOEXEC)
			return recvErr != unix.EAGAIN
		}) != nil || recvErr != nil || n == 0 {
			return
		}
		fds, err := parseRights(rights[:rn])
		if err == nil && len(fds) == 3 && string(text[:n]) == moveRequest {
			go answerMove(os.NewFile(uintptr(fds[0]), "answer"), os.NewFile(uintptr(fds[1]), "from"), os.NewFile(uintptr(fds[2]), "to"))
			continue
		}
		if err != nil || len(fds) != 1 {
			closeAll(fds)
			continue
		}
		go answerDial(os.NewFile(uintptr(fds[0]), "answer"), string(text[:n]), reach)
	}
}

func answerDial(answer *os.File, request string, reach map[string]Reach) {
	defer answer.Close()
	fd, err := dialFor(request, reach)
	if err != nil {
		text := err.Error()
		_ = unix.Sendmsg(int(answer.Fd()), []byte(text[:min(len(text), 500)]), nil, nil, 0)
		return
	}
	defer fd.Close()
	_ = unix.Sendmsg(int(answer.Fd()), []byte("ok"), unix.UnixRights(int(fd.Fd())), nil, 0)
}

// dialFor dials as a request says: "PURPOSE NETWORK ADDRESS". The address alone may be of somebody
// else's choosing, so it comes last.
func dialFor(request string, reach map[string]Reach) (*os.File, error) {
	var purpose, network, address string
	if _, err := fmt.Sscan(request, &purpose, &network, &address); err != nil {
		return nil, err
	}
	to := reach[purpose]
	named := to.may(address)
	dialer := net.Dialer{Timeout: outsideTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		switch {
		case named || to.may(address):
			return nil
		case to.Public:
			return fmt.Errorf("%s: %w", address, ErrNotPublic)
		}
		return fmt.Errorf("%s: %w", address, ErrNotNamed)
	}}
	conn, err := dialer.Dial(network, address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) { // who asked says "dial" itself
			err = op.Err
		}
		return nil, err
	}
	defer conn.Close()
	return conn.(*net.TCPConn).File()
}
