package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stop sends the image's stop signal (SIGTERM by default), waits for grace, and
// kills what is left. It returns when the container has exited; one that never
// ran has nothing to stop.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	if c.Status().State != Running {
		return nil
	}
	if grace > 0 {
		if err := c.Signal(stopSignal(c.spec.Image.Config.StopSignal)); err != nil && !errors.Is(err, ErrNotRunning) {
			return err
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopSignal reads an image's STOPSIGNAL: a name with or without SIG, or a number.
func stopSignal(s string) syscall.Signal {
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err == nil && n > 0 {
		return syscall.Signal(n)
	}
	if s != "" && !strings.HasPrefix(s, "SIG") {
		s = "SIG" + s
	}
	if sig := unix.SignalNum(s); sig != 0 {
		return sig
	}
	return unix.SIGTERM
}

// Remove kills the container if it runs, and removes all there is of it.
// Removing it again is no error.
func (c *Container) Remove() error {
	if c.Status().State == Running {
		if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
			return err
		}
		<-c.done
	}
	c.Usage() // the last there is to read of it
	errs := []error{c.cgroup.remove()}
	if volumes, err := os.ReadDir(c.imageVolumes()); err == nil {
		for _, v := range volumes {
			errs = append(errs, unmount(filepath.Join(c.imageVolumes(), v.Name())))
		}
	}
	if err := unix.Unmount(filepath.Join(c.root, "rootfs"), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, fmt.Errorf("unmount: %w", err))
	}
	errs = append(errs, c.releaseLayers(), os.RemoveAll(c.root), os.RemoveAll(c.bundle), c.session.host.runtime.forget(c.runtimeID()))
	c.session.mu.Lock()
	if c.session.containers[c.spec.ID] == c {
		delete(c.session.containers, c.spec.ID)
	}
	c.session.mu.Unlock()
	return errors.Join(errs...)
}
