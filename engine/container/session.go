package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/podhop/podhop/internal/nsexec"
)

// SessionConfig is what OpenSession needs.
type SessionConfig struct {
	// ID is unique in the host, and fit to be a folder's name.
	ID string
	// UserNS is the session's user namespace. The caller closes it, after Session.Close.
	UserNS *nsexec.UserNS
	// UIDBase is the server's id that UserNS maps its root to.
	UIDBase int
	// SizeBytes and Inodes bound all that the session's containers write,
	// volumes among them; the defaults are 256 MiB and 50,000.
	SizeBytes int64
	Inodes    int64
	// LogBytes is how much the containers may log a second, all together, in the
	// long run; the default is 4 MiB.
	LogBytes int64
	// Limits are for all containers of the session together; the default is
	// 1000 processes, and no limit of memory or CPU.
	Limits Resources
	// SocketBytes is what the sockets of all containers together may hold in the kernel, sent or
	// not read yet; the default is a 64th of the machine's memory, see limitSockets.
	SocketBytes int64
	// OnForbidden, if set, is told of a container whose process made a system call that ends
	// it (see fatal); it has exited then.
	OnForbidden func(id string)
}

// Session runs the containers of one cluster. All methods are safe for concurrent use.
type Session struct {
	host   *Host
	cfg    SessionConfig
	cgroup *cgroup
	dir    string // of the server
	mapped bool   // ids differ from the server's
	logs   *rate.Limiter
	rings  *rate.Limiter // requests for them

	mounting sync.Mutex // held while what is mounted below Dir changes

	mu         sync.Mutex
	closed     bool
	containers map[string]*Container
	lowers     map[string]*lower // by layer folder
}

// OpenSession makes a session's file system and cgroup.
func (h *Host) OpenSession(cfg SessionConfig) (*Session, error) {
	if cfg.SizeBytes == 0 {
		cfg.SizeBytes = DefaultSizeBytes
	}
	if cfg.Inodes == 0 {
		cfg.Inodes = 50_000
	}
	if cfg.LogBytes == 0 {
		cfg.LogBytes = 4 << 20
	}
	if cfg.Limits.Pids == 0 {
		cfg.Limits.Pids = 1000
	}
	if cfg.SocketBytes == 0 {
		cfg.SocketBytes = defaultSocketBytes()
	}
	if cfg.ID == "" || strings.ContainsAny(cfg.ID, "/:,\x00") || strings.HasPrefix(cfg.ID, ".") {
		return nil, fmt.Errorf("session id %q is no folder's name", cfg.ID)
	}
	s := &Session{host: h, cfg: cfg, dir: filepath.Join(h.cfg.Dir, "s", cfg.ID), logs: newPace(cfg.LogBytes), rings: rate.NewLimiter(rate.Every(ringsEach), ringsAtOnce), containers: map[string]*Container{}, lowers: map[string]*lower{}}
	for _, m := range cfg.UserNS.Maps() {
		s.mapped = s.mapped || m.Inner != m.Outer
	}
	h.mu.Lock()
	if h.sessions[cfg.ID] != nil {
		h.mu.Unlock()
		return nil, fmt.Errorf("session %s: %w", cfg.ID, fs.ErrExist)
	}
	h.sessions[cfg.ID] = s
	h.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("session %s: %w", cfg.ID, err), s.Close())
	}
	return s, nil
}

func (s *Session) open() error {
	for _, dir := range []string{s.dir, s.path("fs"), s.path("id"), s.path("l"), s.path("b")} {
		if err := os.Mkdir(dir, 0o711); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("size=%d,nr_inodes=%d,mode=711", s.cfg.SizeBytes, s.cfg.Inodes)
	if err := unix.Mount("podhop-session", s.path("fs"), "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	for _, dir := range []string{"c", "data"} {
		if err := os.Mkdir(s.path("fs", dir), 0o711); err != nil {
			return err
		}
	}
	if s.mapped && s.host.idmaps {
		if err := idmap(s.path("fs"), s.path("id"), s.cfg.UserNS.FD(), false); err != nil {
			return err
		}
	}
	if s.host.cgroups != nil {
		var err error
		if s.cgroup, err = s.host.cgroups.session(s.cfg.ID, s.cfg.SocketBytes, s.cfg.Limits); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// ID is the session's.
func (s *Session) ID() string { return s.cfg.ID }

// Dir is a folder on the session's own file system, for volumes and all else
// that is mounted into its containers. The server's root is the containers' root there.
func (s *Session) Dir() string { return s.path("fs", "data") }

// source returns where the runtime, in the session's user namespace, finds a
// path below Dir, links in it resolved.
func (s *Session) source(file string) (string, error) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", err
	}
	below, ok := strings.CutPrefix(real, s.path("fs")+"/data")
	if !ok || below != "" && below[0] != '/' {
		return "", fmt.Errorf("%s: %w", file, ErrMountSource)
	}
	switch {
	case !s.mapped:
		return real, nil
	case !s.host.idmaps:
		return real, giveRoot(real, s.cfg.UIDBase)
	}
	return s.path("id", "data") + below, nil
}

// Containers lists the session's, in no order.
func (s *Session) Containers() []*Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Container
	for _, c := range s.containers {
		out = append(out, c)
	}
	return out
}

// Container finds one by its ID.
func (s *Session) Container(id string) (*Container, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.containers[id]
	return c, ok
}

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close kills all containers and removes all they wrote.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	var errs []error
	containers := s.Containers()
	for _, c := range containers {
		c.Signal(unix.SIGKILL) //nolint:errcheck // one that has ended is as good
	}
	for _, c := range containers {
		errs = append(errs, c.Remove())
	}
	for _, mounted := range append(s.mountPoints(), s.path("id"), s.path("fs")) {
		if err := unix.Unmount(mounted, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", mounted, err))
		}
	}
	errs = append(errs, s.cgroup.remove(), os.RemoveAll(s.dir), s.host.layers.drop(s.owner()))
	s.host.mu.Lock()
	delete(s.host.sessions, s.cfg.ID)
	s.host.mu.Unlock()
	return errors.Join(errs...)
}

func (s *Session) mountPoints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, l := range s.lowers {
		out = append(out, l.at)
	}
	return out
}
