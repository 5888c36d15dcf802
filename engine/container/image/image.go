package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The errors that callers tell apart; each comes wrapped in a text in
// containerd's words, as users know them from real clusters.
var (
	// ErrInvalidReference: it cannot name an image.
	ErrInvalidReference = errors.New("invalid reference format")
	// ErrNotFound: whoever was asked does not have it.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the registry refuses, or hides that it does not have it.
	ErrDenied = errors.New("pull access denied, repository does not exist or may require authorization")
	// ErrUnauthorized: the registry knows no such user, or not by that password.
	ErrUnauthorized = errors.New("401 Unauthorized")
	// ErrUnreachable: the registry did not answer.
	ErrUnreachable = errors.New("registry unreachable")
	// ErrTooLarge: over the limit for one image.
	ErrTooLarge = errors.New("image too large")
)

// Image is one image, ready to be unpacked. It is immutable.
type Image struct {
	// ID is the digest of its configuration: "sha256:...".
	ID string
	// Digest is the digest of its manifest.
	Digest string
	// Reference is what it was asked for by, in full: "docker.io/library/nginx:1.25".
	Reference string
	// RepoTags and RepoDigests are its names, as crictl and `kubectl describe` show them.
	RepoTags, RepoDigests []string
	// Size is the sum of its compressed layers, in bytes.
	Size int64
	// Source says who answered, for people: `the built-in catalogue (nginx 1.22.1 (Debian))`.
	Source string
	// Config is its configuration: entry point, environment, user.
	Config v1.Config
	// Layers from the lowest to the uppermost.
	Layers []Layer
}

// Layer is one layer of an image.
type Layer struct {
	// DiffID is the digest of its uncompressed archive: equal layers of
	// different images have the same.
	DiffID string
	// Open returns the uncompressed tar archive.
	Open func() (io.ReadCloser, error)

	// present tells whether Open will find it; nil: always.
	present func() bool
}

// Complete tells whether all layers can be opened: those of registries are kept
// for as long as there is room.
func (i Image) Complete() bool {
	for _, l := range i.Layers {
		if l.present != nil && !l.present() {
			return false
		}
	}
	return true
}

// fromV1 reads what containers need out of an image.
func fromV1(img v1.Image) (Image, error) {
	var out Image
	manifest, err := img.Manifest()
	if err != nil {
		return out, err
	}
	digest, err := img.Digest()
	if err != nil {
		return out, err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return out, err
	}
	var file v1.ConfigFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return out, fmt.Errorf("image configuration: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return out, err
	}
	if len(layers) != len(file.RootFS.DiffIDs) {
		return out, fmt.Errorf("image %s: %d layers, but %d diff ids", digest, len(layers), len(file.RootFS.DiffIDs))
	}
	out = Image{ID: manifest.Config.Digest.String(), Digest: digest.String(), Config: file.Config}
	for i, l := range layers {
		out.Size += manifest.Layers[i].Size
		out.Layers = append(out.Layers, Layer{DiffID: file.RootFS.DiffIDs[i].String(), Open: l.Uncompressed})
	}
	return out, nil
}
