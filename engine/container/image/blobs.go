package image

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// openCompressed opens a layer's file, whichever way it is compressed.
func openCompressed(file string) (io.ReadCloser, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f, 1<<16)
	magic, _ := r.Peek(4)
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(r)
		if err != nil {
			f.Close()
			return nil, err
		}
		return &reader{z, f, func() { z.Close() }}, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r)
		if err != nil {
			f.Close()
			return nil, err
		}
		return &reader{z, f, z.Close}, nil
	}
	return &reader{r, f, func() {}}, nil
}

// reader closes a decoder and its file.
type reader struct {
	io.Reader
	file  *os.File
	close func()
}

func (r *reader) Close() error {
	r.close()
	return r.file.Close()
}

// makeRoom removes the files not used for longest until dir holds at most
// limit bytes. One that is being read stays readable.
func makeRoom(dir string, limit int64) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, info)
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, info := range files {
		if total <= limit {
			break
		}
		if err := os.Remove(filepath.Join(dir, info.Name())); err != nil {
			return err
		}
		total -= info.Size()
	}
	return nil
}
