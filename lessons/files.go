package lessons

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An Asset is a file that is put on the learner's machine.
type Asset struct {
	// Source is its path in what was loaded, Name the one below Folder.
	Source, Name string
	// Folder is one of the machine, absolute or below the home (~/).
	Folder string
	Mode   fs.FileMode // its permissions
}

// Files are those of a lesson's folder that it shows or hands out, and no others. The
// zero Files are none.
type Files struct {
	fsys  fs.FS
	shown map[string]bool
	held  map[string]bool
}

// largestFile bounds one that is read, in bytes.
const largestFile = 16 << 20

// NewFiles are to be of fsys.
func NewFiles(fsys fs.FS) Files { return Files{fsys, map[string]bool{}, map[string]bool{}} }

// Add has a file shown to whoever asks for its path.
func (f Files) Add(name string) { f.shown[name] = true }

// Hold has a file that is for the learner's machine alone.
func (f Files) Hold(name string) { f.held[name] = true }

// Read reads a file that was added. It fails with fs.ErrNotExist for any other.
func (f Files) Read(name string) ([]byte, error) {
	if !f.shown[name] {
		return nil, fs.ErrNotExist
	}
	return f.read(name)
}

// read reads a file as long as it is one: folders change while they are served.
func (f Files) read(name string) ([]byte, error) {
	for at := name; at != "."; at = path.Dir(at) {
		if info, err := fs.Lstat(f.fsys, at); err != nil {
			return nil, err
		} else if info.Mode()&fs.ModeSymlink != 0 || at == name && !info.Mode().IsRegular() {
			return nil, fs.ErrNotExist
		} else if at == name && info.Size() > largestFile {
			return nil, errors.New("it is larger than 16 MiB")
		}
	}
	return fs.ReadFile(f.fsys, name)
}

// Folders are the folders of the learner's machine that assets go to, in their order.
func (l Lesson) Folders() (folders []string) {
	for _, a := range l.Assets {
		if !slices.Contains(folders, a.Folder) {
			folders = append(folders, a.Folder)
		}
	}
	return folders
}

// AssetsOf are the assets that go to a folder, as files with their names below it.
func (l Lesson) AssetsOf(folder string) (fs.FS, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	put := map[string]bool{}
	for _, a := range slices.Backward(l.Assets) { // of two with one name the later
		if a.Folder != folder || put[a.Name] || !l.Files.held[a.Source] {
			continue
		}
		put[a.Name] = true
		data, err := l.Files.read(a.Source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Source, err)
		}
		h := &zip.FileHeader{Name: strings.TrimPrefix(a.Name, "/")}
		h.SetMode(a.Mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
}
