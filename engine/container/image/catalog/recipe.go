package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Recipe describes one image, or a layer that images stand on.
type Recipe struct {
	// Name is the recipe's own short name.
	Name string
	// Base is the recipe whose layers lie below this one's, "" for none.
	Base string
	// Packages are Debian packages whose files Keep chooses from. Packages of
	// libraries they depend on need no mention.
	Packages []string
	// Keep lists files of Packages by absolute path; a path that ends in "/**"
	// keeps everything below it, any other may hold path.Match patterns. A
	// program's shared libraries are kept along with it.
	Keep []string
	// Files are written over what the packages bring.
	Files []File
	// Programs are Go programs: import path or, for our own, "programs/NAME" ->
	// absolute path in the image.
	Programs map[string]string
	// SetUID are those of Programs, by path, that run as their owner, root.
	SetUID []string `json:",omitempty"` // which keeps others' fingerprints
	// Sources are files of Go packages, of the modules that Programs are built
	// from: import path and name -> absolute path in the image. A "//" between the
	// two lets name lead elsewhere: folders beside a package may hold no Go.
	Sources map[string]string
	// Applets makes a symbolic link for each busybox applet in this folder, "" for none.
	Applets string
	// CACertificates adds the bundle /etc/ssl/certs/ca-certificates.crt.
	CACertificates bool
	// Config is the image's configuration; a recipe that is only a base has none.
	Config v1.Config
	// Names are the references the image answers to; without any it is only a base.
	Names []Names
	// VersionOf is the package whose version is shown as the image's own; where
	// there is none Version is shown.
	VersionOf, Version string
}

// File is one file, folder or link of our own making.
type File struct {
	Path string
	// Text is the content of a regular file.
	Text string
	// Link makes a symbolic link to this target.
	Link string
	// Mode has fs.ModeDir for a folder; zero means 0644 for a regular file.
	Mode     fs.FileMode
	UID, GID int
}

// builder changes when the way of building does, so that images are built anew.
const builder = "1"

// fingerprint tells whether an image must be built anew: it covers the recipe
// and those below it, our programs' sources, and inputs such as the
// architecture and the version of the module that agnhost is built from.
func fingerprint(r Recipe, all map[string]Recipe, sources map[string]string, inputs ...string) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	enc.Encode([]any{builder, inputs}) //nolint:errcheck // a hash takes every write
	for {
		enc.Encode(r)
		for program := range r.Programs {
			if strings.HasPrefix(program, "programs/") {
				enc.Encode(sources[program])
			}
		}
		if r.Base == "" {
			break
		}
		r = all[r.Base]
	}
	return hex.EncodeToString(h.Sum(nil))
}
