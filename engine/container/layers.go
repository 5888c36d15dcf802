package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container/image"
)

// ErrNoRoom: the images in use fill what the server keeps of unpacked ones.
var ErrNoRoom = errors.New("no space left on device")

// maxLayerFiles bounds the files of one layer, and with them the memory that
// they take besides their content.
const maxLayerFiles = 500_000

// layers keeps image layers unpacked, once for all sessions, on a tmpfs of the
// server's own namespaces: the kernel maps the ids of a mount only for who owns
// its file system, and the host's disks are not ours. Where the tmpfs is full,
// the layer not used for longest goes, of those that nobody uses.
type layers struct {
	dir      string
	singleID bool
	maxBytes int64
	unpack   singleflight.Group

	mu   sync.Mutex
	done map[string]*layer // by key
	now  int64             // counts uses
	gone int64             // counts those that went
}

// layer is one that is there, whole.
type layer struct {
	users int
	used  int64 // when it was, by layers.now
}

func newLayers(dir string, size int64, singleID bool) (*layers, error) {
	if err := unix.Mount("podhop-layers", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, fmt.Sprintf("size=%d,nr_inodes=2000000,mode=711", size)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs for image layers: %w", err)
	}
	return &layers{dir: dir, singleID: singleID, maxBytes: size, done: map[string]*layer{}}, nil
}

// key names a layer's folder: enough of the digest to be unique, short enough
// for many to fit into overlayfs' options.
func layerKey(l image.Layer) string {
	_, hex, _ := strings.Cut(l.DiffID, ":")
	return hex[:min(len(hex), 24)]
}

// owner is who has layers for itself, with base added to all ids; the zero value
// is everybody.
type owner struct {
	prefix string
	base   int
}

// get returns the folders of an image's layers, the uppermost first, unpacking
// those that are not there. They stay until release is called, once.
func (l *layers) get(ctx context.Context, img image.Image, o owner) (dirs []string, release func(), err error) {
	var keys []string
	release = func() { l.release(keys) }
	for i := len(img.Layers) - 1; i >= 0; i-- {
		key := o.prefix + layerKey(img.Layers[i])
		if err := l.take(ctx, img.Layers[i], key, o.base); err != nil {
			release()
			return nil, nil, err
		}
		keys = append(keys, key)
		dirs = append(dirs, filepath.Join(l.dir, key))
	}
	return dirs, release, nil
}

// take counts one more user of a layer.
func (l *layers) take(ctx context.Context, from image.Layer, key string, base int) error {
	for range 10 {
		l.mu.Lock()
		there := l.done[key]
		if there != nil {
			there.users++
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		result := l.unpack.DoChan(key, func() (any, error) { return nil, l.add(from, key, base) })
		select {
		case r := <-result:
			if r.Err != nil {
				return r.Err
			}
			// It may have gone again already; then once more.
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("layer %s: %w: others take it as soon as it is made", from.DiffID, ErrNoRoom)
}

func (l *layers) release(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if there := l.done[key]; there != nil {
			l.now++
			there.users, there.used = there.users-1, l.now
		}
	}
}

func (l *layers) add(from image.Layer, key string, base int) error {
	l.mu.Lock()
	there := l.done[key] != nil // made while we were about to
	l.mu.Unlock()
	if there {
		return nil
	}
	dir := filepath.Join(l.dir, key)
	part := dir + ".part"
	err := os.RemoveAll(part)
	if err == nil {
		err = os.Mkdir(part, 0o755)
		if errors.Is(err, unix.ENOSPC) && l.evict() {
			err = os.Mkdir(part, 0o755)
		}
	}
	if err == nil && base > 0 {
		err = os.Chown(part, base, base)
	}
	if err == nil {
		err = from.Unpack(part, image.UnpackOptions{SingleID: l.singleID, Base: base,
			MaxBytes: l.maxBytes / 2, MaxFiles: maxLayerFiles, Room: l.evict})
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err != nil {
		removed := os.RemoveAll(part)
		if errors.Is(err, unix.ENOSPC) {
			err = fmt.Errorf("failed to extract layer %s: %w: the %d MB that this server has for unpacked images are full of those in use", from.DiffID, ErrNoRoom, l.maxBytes>>20)
		}
		return errors.Join(err, removed)
	}
	l.mu.Lock()
	l.now++
	l.done[key] = &layer{used: l.now}
	l.mu.Unlock()
	return nil
}

// evict removes the layer not used for longest, of those that nobody uses. It
// returns false where there is none.
func (l *layers) evict() bool {
	l.mu.Lock()
	oldest := ""
	for key, there := range l.done {
		if there.users == 0 && (oldest == "" || there.used < l.done[oldest].used) {
			oldest = key
		}
	}
	l.mu.Unlock()
	return oldest != "" && l.remove(oldest) == nil
}

// remove removes a layer, unless somebody has begun to use it.
func (l *layers) remove(key string) error {
	l.mu.Lock()
	there := l.done[key]
	if there == nil || there.users > 0 {
		l.mu.Unlock()
		return nil
	}
	delete(l.done, key)
	l.gone++
	// Its name is free at once: somebody may want it again.
	dir := filepath.Join(l.dir, fmt.Sprintf("gone-%d", l.gone))
	err := os.Rename(filepath.Join(l.dir, key), dir)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// drop removes the layers that an owner has for itself; everybody's stay.
func (l *layers) drop(o owner) error {
	l.mu.Lock()
	var keys []string
	for key, there := range l.done {
		if o.prefix != "" && strings.HasPrefix(key, o.prefix) {
			there.users = 0
			keys = append(keys, key)
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, key := range keys {
		errs = append(errs, l.remove(key))
	}
	return errors.Join(errs...)
}

func (l *layers) close() error {
	if err := unix.Unmount(l.dir, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", l.dir, err)
	}
	return nil
}
