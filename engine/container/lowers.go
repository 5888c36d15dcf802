package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container/image"
)

// lower is a layer as the session sees it, its ids mapped.
type lower struct {
	at    string
	users int
}

// owner is whose layers the session's containers have: everybody's, or where
// ids cannot be mapped its own.
func (s *Session) owner() owner {
	if s.mapped && !s.host.idmaps {
		return owner{prefix: s.cfg.ID + ".", base: s.cfg.UIDBase}
	}
	return owner{}
}

// Unpack unpacks an image's layers before a container needs them. They may be
// gone again when one does: that unpacks them anew.
func (s *Session) Unpack(ctx context.Context, img image.Image) error {
	_, release, err := s.host.layers.get(ctx, img, s.owner())
	if err != nil {
		return err
	}
	release()
	return nil
}

// layerPaths returns an image's layers as the session sees them, the uppermost
// first. They stay until the container is removed.
func (c *Container) layerPaths(ctx context.Context, img image.Image) ([]string, error) {
	dirs, release, err := c.session.layers(ctx, img)
	if err != nil {
		return nil, fmt.Errorf("failed to unpack image %q: %w", img.Reference, err)
	}
	c.mu.Lock()
	c.release = append(c.release, release)
	c.mu.Unlock()
	return dirs, nil
}

// releaseLayers lets go of what layerPaths took.
func (c *Container) releaseLayers() error {
	c.mu.Lock()
	release := c.release
	c.release = nil
	c.mu.Unlock()
	var errs []error
	for _, f := range release {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// layers is layerPaths, until release is called.
func (s *Session) layers(ctx context.Context, img image.Image) (dirs []string, release func() error, err error) {
	dirs, unpin, err := s.host.layers.get(ctx, img, s.owner())
	if err != nil {
		return nil, nil, err
	}
	if !s.mapped || !s.host.idmaps {
		return dirs, func() error { unpin(); return nil }, nil
	}
	var taken []string
	release = sync.OnceValue(func() error {
		var errs []error
		for _, dir := range taken {
			errs = append(errs, s.dropLower(dir))
		}
		unpin() // it may go now
		return errors.Join(errs...)
	})
	out := make([]string, len(dirs))
	for i, dir := range dirs {
		if out[i], err = s.lower(dir); err != nil {
			return nil, nil, errors.Join(err, release())
		}
		taken = append(taken, dir)
	}
	return out, release, nil
}

// lower maps the ids of a layer, or counts one more user of it.
func (s *Session) lower(dir string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	l := s.lowers[dir]
	if l == nil {
		l = &lower{at: s.path("l", filepath.Base(dir))}
		if err := os.Mkdir(l.at, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if err := idmap(dir, l.at, s.cfg.UserNS.FD(), true); err != nil {
			return "", err
		}
		s.lowers[dir] = l
	}
	l.users++
	return l.at, nil
}

func (s *Session) dropLower(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lowers[dir]
	if l == nil {
		return nil
	}
	if l.users--; l.users > 0 {
		return nil
	}
	delete(s.lowers, dir)
	if err := unix.Unmount(l.at, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", l.at, err)
	}
	if err := os.Remove(l.at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
