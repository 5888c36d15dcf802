package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/podhop/podhop/engine/container/image/catalog"
)

// Config is what New needs.
type Config struct {
	// Dir is the catalogue's OCI layout, as Build wrote it.
	Dir string
	// Registries, if set, allows pulls from real registries.
	Registries *Registries
}

// Store finds images. All methods are safe for concurrent use.
type Store struct {
	entries    []entry
	registries *Registries
}

// entry is one image of the catalogue.
type entry struct {
	name, version string
	names         []catalog.Names
	image         Image
}

// Auth is what a pull authenticates with; the zero value is anonymous.
type Auth = authn.AuthConfig

// Open opens the catalogue in dir, without registries.
func Open(dir string) (*Store, error) { return New(Config{Dir: dir}) }

// New opens the catalogue. It reads manifests and configurations only.
func New(cfg Config) (*Store, error) {
	s := &Store{registries: cfg.Registries}
	if s.registries != nil {
		if err := s.registries.prepare(); err != nil {
			return nil, err
		}
	}
	path, err := layout.FromPath(cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no image catalogue in %s: `podhop images build` makes one: %w", cfg.Dir, err)
	}
	if err != nil {
		return nil, err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image catalogue %s: %w", cfg.Dir, err)
	}
	for _, m := range manifest.Manifests {
		e := entry{name: m.Annotations[catalog.AnnotationName], version: m.Annotations[catalog.AnnotationVersion]}
		if err := json.Unmarshal([]byte(m.Annotations[catalog.AnnotationNames]), &e.names); err != nil {
			return nil, fmt.Errorf("image catalogue %s: names of %q: %w", cfg.Dir, e.name, err)
		}
		img, err := index.Image(m.Digest)
		if err == nil {
			e.image, err = fromV1(img)
		}
		if err != nil {
			return nil, fmt.Errorf("image catalogue %s: %q: %w", cfg.Dir, e.name, err)
		}
		e.image.Source = "the built-in catalogue (" + e.version + ")"
		s.entries = append(s.entries, e)
	}
	return s, nil
}

// Resolve finds an image in the catalogue, by a reference in any form or by an
// image's ID. It asks no registry. The error is ErrNotFound or
// ErrInvalidReference.
func (s *Store) Resolve(reference string) (Image, error) {
	if strings.HasPrefix(reference, "sha256:") {
		for _, e := range s.entries {
			if e.image.ID == reference {
				return e.image, nil
			}
		}
		return Image{}, fmt.Errorf("image %s: %w", reference, ErrNotFound)
	}
	r, err := parseReference(reference)
	if err != nil {
		return Image{}, err
	}
	if img, ok := s.lookup(r); ok {
		return img, nil
	}
	return Image{}, fmt.Errorf("%s: %w", r, ErrNotFound)
}

func (s *Store) lookup(r ref) (Image, bool) {
	for _, e := range s.entries {
		for _, n := range e.names {
			if r.digest != "" {
				if r.digest != e.image.Digest || !n.Has(r.repository) {
					continue
				}
			} else if !n.Answers(r.repository, r.tag) {
				continue
			}
			return r.names(e.image), true
		}
	}
	return Image{}, false
}

// Pull finds an image in the catalogue or, where registries are allowed, pulls
// it; source says in words who answered. An unknown tag of a repository that
// the catalogue stands in for is pulled too. progress may be nil. The error's text
// is containerd's, and wraps one of this package's sentinels, or ctx's error.
func (s *Store) Pull(ctx context.Context, reference string, auth Auth, progress Progress) (img Image, source string, err error) {
	r, err := parseReference(reference)
	if err != nil {
		return Image{}, "", err
	}
	if img, ok := s.lookup(r); ok {
		return img, img.Source, nil
	}
	if s.registries != nil {
		img, err = s.registries.pull(ctx, r, auth, progress)
		if errors.Is(err, ErrUnreachable) {
			err = fmt.Errorf("%w (%s)", err, s.missing(r))
		}
		return img, img.Source, err
	}
	return Image{}, "", fmt.Errorf("%s: %s: %w (this server pulls from no registries, and %s)", failed(r), r, ErrNotFound, s.missing(r))
}

// missing says what the catalogue has in the place of r.
func (s *Store) missing(r ref) string {
	var tags, all []string
	for _, e := range s.entries {
		for _, n := range e.names {
			if n.Has(r.repository) {
				tags = append(tags, n.Tags()...)
			}
		}
		if len(e.names) > 0 && len(e.names[0].Repositories) > 0 {
			all = append(all, familiar(e.names[0].Repositories[0]))
		}
	}
	if len(tags) > 0 {
		slices.Sort(tags)
		return "its built-in catalogue stands in for this repository with the tags " + strings.Join(slices.Compact(tags), ", ")
	}
	slices.Sort(all)
	return "its built-in catalogue has no such image, but " + strings.Join(slices.Compact(all), ", ")
}

// failed begins containerd's message for a reference that does not resolve.
func failed(r ref) string {
	return fmt.Sprintf("failed to pull and unpack image %q: failed to resolve reference %q", r, r)
}

// Listed is a catalogue image for listings.
type Listed struct {
	// Name is the catalogue's own, Version says what is in it.
	Name, Version string
	// Repositories are those it answers for.
	Repositories []string
	Image        Image
}

// List lists the catalogue.
func (s *Store) List() []Listed {
	var out []Listed
	for _, e := range s.entries {
		l := Listed{Name: e.name, Version: e.version, Image: e.image}
		for _, n := range e.names {
			l.Repositories = append(l.Repositories, n.Repositories...)
		}
		out = append(out, l)
	}
	return out
}
