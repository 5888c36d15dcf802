package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/internal/nsexec"
)

// Config is what New needs.
type Config struct {
	// Dir is a folder of this server alone, on a file system of its own
	// namespaces: /run/podhop. What is in it is removed. All users must be able
	// to search the folders above it.
	Dir string
	// Name tells this server from others of the machine, which share its
	// cgroups: its data folder, say. The default is Dir.
	Name string
	// Runtime is the OCI runtime's program, "crun" by default.
	Runtime string
	// LayerBytes bounds the unpacked layers of all images, which live in
	// memory; the default is 4 GiB. Half of it bounds one layer.
	LayerBytes int64
	Log        *slog.Logger
}

// Host runs the containers of one server. All methods are safe for concurrent use.
type Host struct {
	cfg     Config
	env     *nsexec.Environment
	runtime *ociRuntime
	cgroups *cgroups
	layers  *layers
	// idmaps tells whether the kernel can map the ids of a tmpfs mount (6.3 and
	// later). Where not, each session has layers of its own, with its own ids.
	idmaps bool
	rings  *rings

	mu       sync.Mutex
	sessions map[string]*Session
	filters  map[string]*filter
}

// New prepares Dir and sweeps what a former server of this name left. Where
// there are no cgroups it warns, once, that nothing limits memory and processes.
func New(cfg Config) (*Host, error) {
	env := nsexec.Current()
	if env == nil {
		return nil, nsexec.ErrOutside
	}
	if cfg.Runtime == "" {
		cfg.Runtime = "crun"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.LayerBytes == 0 {
		cfg.LayerBytes = 4 << 30
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Dir
	}
	program, err := exec.LookPath(cfg.Runtime)
	if err != nil {
		return nil, fmt.Errorf("OCI runtime: %w", err)
	}
	h := &Host{cfg: cfg, env: env, sessions: map[string]*Session{}, filters: map[string]*filter{}}
	if err := emptyDir(cfg.Dir); err != nil {
		return nil, err
	}
	for _, dir := range []string{"s", "k", "oci", "layers"} {
		if err := os.Mkdir(filepath.Join(cfg.Dir, dir), 0o711); err != nil {
			return nil, err
		}
	}
	h.runtime = &ociRuntime{program: program, root: filepath.Join(cfg.Dir, "oci"), sockets: filepath.Join(cfg.Dir, "k"), reaper: env.Reaper}
	if h.layers, err = newLayers(filepath.Join(cfg.Dir, "layers"), cfg.LayerBytes, env.SubIDs <= 1); err != nil {
		return nil, err
	}
	if h.idmaps, err = canIDMap(h.layers.dir, h.SingleID()); err != nil {
		return nil, err
	}
	if !h.idmaps && !h.SingleID() {
		cfg.Log.Warn("this kernel cannot map the ids of a tmpfs (Linux 6.3 can): every session keeps image layers of its own, which costs memory")
	}
	if h.rings, err = newRings(h); err != nil {
		return nil, errors.Join(err, h.layers.close())
	}
	key := sha256.Sum256([]byte(cfg.Name))
	if h.cgroups, err = newCgroups(cgroupRoot, env.Cgroup, hex.EncodeToString(key[:6])); err != nil {
		cfg.Log.Warn("NO CGROUPS: nothing limits the memory, processes and CPU time of containers. Never serve strangers like this", "why", err)
	}
	return h, nil
}

// emptyDir makes dir, or removes all that is mounted and kept in it.
func emptyDir(dir string) error {
	for _, mounted := range mountsBelow(dir) {
		if err := unix.Unmount(mounted, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount %s: %w", mounted, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	for d := dir; d != "/"; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return err
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("%s: containers' users must be able to search it, and its mode is %v", d, info.Mode())
		}
	}
	return nil
}

// Cgroups tells whether limits have an effect.
func (h *Host) Cgroups() bool { return h.cgroups != nil }

// SingleID tells whether only root is mapped, so that every container's
// processes are root, whatever user they ask for.
func (h *Host) SingleID() bool { return h.env.SubIDs <= 1 }

// Prepare unpacks an image's layers before a container needs them.
func (h *Host) Prepare(ctx context.Context, img image.Image) error {
	_, release, err := h.layers.get(ctx, img, owner{})
	if err != nil {
		return err
	}
	release()
	return nil
}

// Close closes all sessions.
func (h *Host) Close() error {
	h.mu.Lock()
	var open []*Session
	for _, s := range h.sessions {
		open = append(open, s)
	}
	h.mu.Unlock()
	var errs []error
	for _, s := range open {
		errs = append(errs, s.Close())
	}
	h.rings.close()
	errs = append(errs, h.layers.close())
	if h.cgroups != nil {
		for _, dir := range h.cgroups.distinct(h.cgroups.dirs) {
			errs = append(errs, removeTree(dir, 0))
			unix.Rmdir(filepath.Dir(dir)) // unless another server has its own in it
		}
	}
	return errors.Join(errs...)
}
