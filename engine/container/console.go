package container

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Size is a terminal's, in characters.
type Size struct{ Width, Height uint16 }

// console receives the master of a pseudo-terminal that the runtime makes in
// the container, over a socket, as the OCI runtimes agree to.
type console struct {
	path     string
	listener *net.UnixListener
}

func (r *ociRuntime) newConsole() (*console, error) {
	path := filepath.Join(r.sockets, fmt.Sprintf("%d.sock", r.calls.Add(1)))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return &console{path: path, listener: l}, nil
}

func (c *console) close() { c.listener.Close() }

// said is what is to be read on the terminal of a process that could not be started: there, and
// not in its log, crun says why, once it has made the terminal.
func (c *console) said() []byte {
	master, err := c.master()
	if err != nil {
		return nil // it did not come so far
	}
	defer master.Close()
	master.SetReadDeadline(time.Now().Add(5 * time.Second))
	text, _ := io.ReadAll(io.LimitReader(master, 64<<10))
	return text // which ends with EIO
}

// master takes the terminal. The runtime has sent it by the time it has ended.
func (c *console) master() (*os.File, error) {
	c.listener.SetDeadline(time.Now().Add(5 * time.Second))
	conn, err := c.listener.AcceptUnix()
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	text, rights := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) == 0 {
		return nil, errors.Join(errors.New("console socket: no terminal came"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("console socket: no terminal came"), err)
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "ptmx"), nil
}

// resize sets a terminal's size; its foreground processes get SIGWINCH.
func resize(master *os.File, s Size) error {
	if s.Width == 0 || s.Height == 0 {
		return nil
	}
	conn, err := master.SyscallConn()
	if err != nil {
		return err
	}
	cerr := conn.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: s.Height, Col: s.Width})
	})
	return errors.Join(err, cerr)
}
