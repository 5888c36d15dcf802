package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// Progress hears how many of a pull's bytes are there; it must not block, and is
// called from several goroutines.
type Progress func(done, total int64)

// layersAtOnce are downloaded of one image; containerd's default.
const layersAtOnce = 3

// download brings the image's layers into Dir, and says in out how to open them.
func (g *Registries) download(ctx context.Context, cancel context.CancelCauseFunc, img v1.Image, out *Image, progress Progress) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	var done atomic.Int64
	arrived := func(n int64) {
		if sum := done.Add(n); progress != nil {
			progress(sum, out.Size)
		}
	}
	var group errgroup.Group
	group.SetLimit(layersAtOnce)
	for i, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		file := filepath.Join(g.Dir, digest.Hex)
		out.Layers[i].Open = func() (io.ReadCloser, error) { return openCompressed(file) }
		out.Layers[i].present = func() bool { return touch(file) }
		group.Go(func() error {
			err := g.layer(ctx, cancel, l, digest.String(), file, arrived)
			if err != nil {
				cancel(err) // the others need not go on
			}
			return err
		})
	}
	return group.Wait()
}

// layer brings one layer's compressed form into file.
func (g *Registries) layer(ctx context.Context, cancel context.CancelCauseFunc, l v1.Layer, digest, file string, arrived func(int64)) error {
	size, err := l.Size()
	if err != nil {
		return err
	}
	release, err := g.fetching.take(ctx, digest)
	if err != nil {
		return err
	}
	defer release()
	if touch(file) {
		arrived(size)
		return nil
	}
	g.room.Lock()
	err = makeRoom(g.Dir, g.MaxBytes-size)
	g.room.Unlock()
	if err != nil {
		return err
	}
	stalled := time.AfterFunc(g.Stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	in, err := l.Compressed() // verifies digest and size as it is read
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(g.Dir, "download-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, readerFunc(func(p []byte) (int, error) {
		n, err := in.Read(p)
		if n > 0 {
			stalled.Reset(g.Stall)
			arrived(int64(n))
		}
		return n, err
	}))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("failed to copy layer %s: %w", digest, err)
	}
	return os.Rename(out.Name(), file)
}

// touch notes that a file is used, and tells whether it is there.
func touch(file string) bool {
	now := time.Now()
	return os.Chtimes(file, now, now) == nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// turns lets one at a time work on a key. The zero value is ready.
type turns struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// take waits until the key is free; whoever has it calls release once.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	for {
		t.mu.Lock()
		busy, taken := t.busy[key]
		if !taken {
			free := make(chan struct{})
			if t.busy == nil {
				t.busy = map[string]chan struct{}{}
			}
			t.busy[key] = free
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.busy, key)
				t.mu.Unlock()
				close(free)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
