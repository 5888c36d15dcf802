package image

import (
	"fmt"

	"github.com/distribution/reference"
)

// ref is a reference in full, as containerd and the kubelet normalise it.
type ref struct {
	// repository in full: "docker.io/library/nginx".
	repository string
	// host is the registry: "docker.io".
	host string
	// path is the repository within it: "library/nginx".
	path string
	// tag is "latest" where neither tag nor digest was given.
	tag, digest string
}

func parseReference(s string) (ref, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return ref{}, fmt.Errorf("failed to parse reference %q: %w", s, ErrInvalidReference)
	}
	named = reference.TagNameOnly(named)
	r := ref{repository: named.Name(), host: reference.Domain(named), path: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		r.tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		r.digest = digested.Digest().String()
	}
	return r, nil
}

// String is the reference in full.
func (r ref) String() string {
	s := r.repository
	if r.tag != "" {
		s += ":" + r.tag
	}
	if r.digest != "" {
		s += "@" + r.digest
	}
	return s
}

// names fills in the names of an image that answers to r.
func (r ref) names(img Image) Image {
	img.Reference = r.String()
	img.RepoTags, img.RepoDigests = nil, []string{r.repository + "@" + img.Digest}
	if r.tag != "" {
		img.RepoTags = []string{r.repository + ":" + r.tag}
	}
	return img
}

// Normalize returns a reference in full, as the kubelet and containerd do; two
// that name the same image are then equal.
func Normalize(reference string) (string, error) {
	r, err := parseReference(reference)
	if err != nil {
		return "", err
	}
	return r.String(), nil
}

// familiar is a repository as people type it: "nginx".
func familiar(repository string) string {
	named, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		return repository
	}
	return reference.FamiliarName(named)
}
