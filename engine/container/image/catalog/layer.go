package catalog

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// tree is the content of one layer, by absolute path.
type tree map[string]entry

// entry is one file: its content is File's, or Text.
type entry struct {
	mode     fs.FileMode
	uid, gid int
	link     string
	file     string
	text     string
	time     time.Time
}

// epoch is the time of files we make ourselves, so that a layer built again
// from the same packages has the same digest.
var epoch = time.Unix(1735689600, 0)

// addFile adds a file of this machine, as root's and without set-uid bits.
func (t tree) addFile(name, file string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	e := entry{mode: info.Mode().Perm(), file: file, time: info.ModTime()}
	if info.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(file)
		if err != nil {
			return err
		}
		e = entry{mode: fs.ModeSymlink | 0o777, link: link, time: info.ModTime()}
	}
	t.put(name, e)
	return nil
}

// add adds a file of a recipe.
func (t tree) add(f File) {
	e := entry{mode: f.Mode, uid: f.UID, gid: f.GID, link: f.Link, text: f.Text, time: epoch}
	switch {
	case f.Link != "":
		e.mode = fs.ModeSymlink | 0o777
	case f.Mode == 0:
		e.mode = 0o644
	}
	t.put(f.Path, e)
}

// put adds an entry and the folders above it.
func (t tree) put(name string, e entry) {
	if e.link == "" || !isTop(name) {
		name = merged(name)
	}
	t[name] = e
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if _, ok := t[dir]; !ok {
			t[dir] = entry{mode: fs.ModeDir | 0o755, time: epoch}
		}
	}
}

// isTop tells whether name lies directly below the root, as the links of a
// merged /usr do.
func isTop(name string) bool { return path.Dir(name) == "/" }

// without drops what a lower layer already has just so.
func (t tree) without(lower tree) tree {
	out := tree{}
	for name, e := range t {
		if lower[name] != e {
			out[name] = e
		}
	}
	return out
}

// write writes the tree as a tar archive in a fixed order.
func (t tree) write(w io.Writer) error {
	tw := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		e := t[name]
		h := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: int64(e.mode.Perm()), Uid: e.uid, Gid: e.gid, ModTime: e.time, Format: tar.FormatPAX}
		if e.mode&fs.ModeSetuid != 0 {
			h.Mode |= 0o4000
		}
		if e.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		h.ModTime = h.ModTime.Truncate(time.Second)
		var content io.Reader
		var closer io.Closer
		switch {
		case e.mode&fs.ModeDir != 0:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case e.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		case e.file != "":
			f, err := os.Open(e.file)
			if err != nil {
				return err
			}
			info, err := f.Stat()
			if err != nil {
				f.Close()
				return err
			}
			h.Typeflag, h.Size, content, closer = tar.TypeReg, info.Size(), f, f
		default:
			h.Typeflag, h.Size, content = tar.TypeReg, int64(len(e.text)), strings.NewReader(e.text)
		}
		err := tw.WriteHeader(h)
		if err == nil && content != nil {
			_, err = io.Copy(tw, content)
		}
		if closer != nil {
			closer.Close()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return tw.Close()
}

// blob is a layer whose compressed form lies in a file.
type blob struct {
	file           string
	digest, diffID v1.Hash
	size           int64
}

// writeLayer writes the tree as a zstd layer into dir: half of gzip's time to
// unpack, and that happens while a learner waits.
func writeLayer(t tree, dir string) (*blob, error) {
	f, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	compressed, plain := sha256.New(), sha256.New()
	zw, err := zstd.NewWriter(io.MultiWriter(f, compressed), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	if err := t.write(io.MultiWriter(zw, plain)); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	b := &blob{file: f.Name(), digest: sum(compressed), diffID: sum(plain), size: size}
	from := b.file
	b.file = filepath.Join(dir, b.digest.Hex)
	return b, os.Rename(from, b.file)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// The methods of v1.Layer.

func (b *blob) Digest() (v1.Hash, error)            { return b.digest, nil }
func (b *blob) DiffID() (v1.Hash, error)            { return b.diffID, nil }
func (b *blob) Size() (int64, error)                { return b.size, nil }
func (b *blob) MediaType() (types.MediaType, error) { return types.OCILayerZStd, nil }
func (b *blob) Compressed() (io.ReadCloser, error)  { return os.Open(b.file) }
func (b *blob) Uncompressed() (io.ReadCloser, error) {
	f, err := os.Open(b.file)
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
