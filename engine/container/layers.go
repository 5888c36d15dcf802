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

// layers keeps image layers unpacked, once for all sessions, on a tmpfs of the
// server's own namespaces: the kernel maps the ids of a mount only for who owns
// its file system, and the host's disks are not ours.
type layers struct {
	dir      string
	singleID bool
	maxBytes int64
	unpack   singleflight.Group

	mu   sync.Mutex
	done map[string]bool // by DiffID
}

func newLayers(dir string, size int64, singleID bool) (*layers, error) {
	if err := unix.Mount("podhop-layers", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, fmt.Sprintf("size=%d,nr_inodes=2000000,mode=711", size)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs for image layers: %w", err)
	}
	return &layers{dir: dir, singleID: singleID, maxBytes: size, done: map[string]bool{}}, nil
}

// key names a layer's folder: enough of the digest to be unique, short enough
// for many to fit into overlayfs' options.
func layerKey(l image.Layer) string {
	_, hex, _ := strings.Cut(l.DiffID, ":")
	return hex[:min(len(hex), 24)]
}

// get returns the folders of an image's layers, the uppermost first, unpacking
// those that are not there.
func (l *layers) get(ctx context.Context, img image.Image) ([]string, error) {
	return l.getFor(ctx, img, "", 0)
}

// getFor returns layers that one owner has for itself, with base added to all ids.
func (l *layers) getFor(ctx context.Context, img image.Image, owner string, base int) ([]string, error) {
	out := make([]string, 0, len(img.Layers))
	for i := len(img.Layers) - 1; i >= 0; i-- {
		layer := img.Layers[i]
		key := owner + layerKey(layer)
		dir := filepath.Join(l.dir, key)
		out = append(out, dir)
		l.mu.Lock()
		done := l.done[key]
		l.mu.Unlock()
		if done {
			continue
		}
		result := l.unpack.DoChan(key, func() (any, error) { return nil, l.add(layer, key, dir, base) })
		select {
		case r := <-result:
			if r.Err != nil {
				return nil, fmt.Errorf("failed to unpack image %q: %w", img.Reference, r.Err)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}

func (l *layers) add(layer image.Layer, key, dir string, base int) error {
	part := dir + ".part"
	err := os.RemoveAll(part)
	if err == nil {
		err = os.Mkdir(part, 0o755)
	}
	if err == nil && base > 0 {
		err = os.Chown(part, base, base)
	}
	if err == nil {
		err = layer.Unpack(part, image.UnpackOptions{SingleID: l.singleID, Base: base, MaxBytes: l.maxBytes})
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	l.mu.Lock()
	l.done[key] = true
	l.mu.Unlock()
	return nil
}

// drop removes the layers that an owner has for itself.
func (l *layers) drop(owner string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for key := range l.done {
		if strings.HasPrefix(key, owner) {
			delete(l.done, key)
			errs = append(errs, os.RemoveAll(filepath.Join(l.dir, key)))
		}
	}
	return errors.Join(errs...)
}

func (l *layers) close() error {
	if err := unix.Unmount(l.dir, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", l.dir, err)
	}
	return nil
}
