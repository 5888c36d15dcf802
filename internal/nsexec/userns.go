package nsexec

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A UserNS is a user namespace below the server's own: a session's. It is
// alive as long as its descriptor is open, or a process or a namespace that it
// owns is. All methods are safe for concurrent use, but Close must come last.
type UserNS struct {
	file   *os.File
	maps   []IDMap
	closed sync.Once
}

// NewUserNS makes a user namespace whose ids are mapped as maps says, for users
// and groups alike; outer ids are those that are mapped here (Environment.IDs).
// It takes a helper process that is gone when NewUserNS returns.
func NewUserNS(maps []IDMap) (*UserNS, error) {
	if len(maps) == 0 {
		return nil, fmt.Errorf("new user namespace: no ids to map")
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		return nil, fmt.Errorf("new user namespace: %w", err)
	}
	file, err := newUserNS(cat, maps)
	if err != nil {
		return nil, fmt.Errorf("new user namespace: %w", err)
	}
	return &UserNS{file: file, maps: append([]IDMap(nil), maps...)}, nil
}

func newUserNS(cat string, maps []IDMap) (*os.File, error) {
	// cat waits on an empty pipe until we are done with its namespace. os/exec would
	// copy our page tables for it, and have every page touched later copied too;
	// see vfork.go.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	path, err := unix.BytePtrFromString(cat)
	if err != nil {
		return nil, err
	}
	pid, err := execInUserNS(path, r.Fd())
	r.Close()
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = unix.Kill(pid, unix.SIGKILL)
		wait(pid)
	}()
	proc := "/proc/" + strconv.Itoa(pid)
	text := mapText(maps)
	if current != nil && current.SubIDs == 1 {
		// Without CAP_SETGID over more than one group setgroups must go first.
		if err := os.WriteFile(proc+"/setgroups", []byte("deny"), 0); err != nil {
			return nil, err
		}
	}
	for _, f := range []string{"/uid_map", "/gid_map"} {
		if err := os.WriteFile(proc+f, text, 0); err != nil {
			return nil, err
		}
	}
	return os.Open(proc + "/ns/user")
}

func wait(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// FD is the namespace's descriptor, for setns and idmapped mounts.
func (u *UserNS) FD() int { return int(u.file.Fd()) }

// File is the open descriptor; do not close it.
func (u *UserNS) File() *os.File { return u.file }

// Path is a path by which other processes in the server's pid namespace can open it.
func (u *UserNS) Path() string { return fdPath(u.FD()) }

// Maps is the mapping it was made with.
func (u *UserNS) Maps() []IDMap { return u.maps }

// Close gives up the namespace.
func (u *UserNS) Close() error {
	err := fs.ErrClosed
	u.closed.Do(func() { err = u.file.Close() })
	return err
}
