package cri

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container/image"
)

// A Disk has the images that were pulled to a node. It outlasts the node's
// Runtime, as a disk does when its machine is switched off. The zero value is
// empty; it is safe for concurrent use.
type Disk struct {
	mu     sync.Mutex
	names  map[string]string  // reference in full -> ID
	images map[string]*stored // by ID
}

// stored is an image under all names that it was pulled by and still has.
type stored struct {
	image.Image
	tags, digests map[string]bool
	by            string // the UID of the pod that pulled it last
}

// pulled is an image that is on the node.
type pulled struct {
	image.Image
	by string
}

// put adds an image. A tag that another image had is this one's from now on.
func (d *Disk) put(reference string, img image.Image, by string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.images == nil {
		d.names, d.images = map[string]string{}, map[string]*stored{}
	}
	s := d.images[img.ID]
	if s == nil {
		s = &stored{tags: map[string]bool{}, digests: map[string]bool{}}
		d.images[img.ID] = s
	}
	s.Image, s.by = img, by
	for _, name := range img.RepoTags {
		if other := d.images[d.names[name]]; other != nil {
			delete(other.tags, name)
		}
		s.tags[name] = true
		d.names[name] = img.ID
	}
	for _, name := range img.RepoDigests {
		s.digests[name] = true
		d.names[name] = img.ID
	}
	d.names[inFull(reference)] = img.ID
}

// inFull is the reference in full; what is none is looked up as it is.
func inFull(reference string) string {
	if full, err := image.Normalize(reference); err == nil {
		return full
	}
	return reference
}

// find finds an image by a reference in any form, or by its ID. One that lost a
// layer, for which there was no room any more, has to be pulled again.
func (d *Disk) find(reference string) (pulled, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.images[reference]
	if s == nil {
		s = d.images[d.names[inFull(reference)]]
	}
	if s == nil || !s.Complete() {
		return pulled{}, false
	}
	return s.pulled(), true
}

func (s *stored) pulled() pulled {
	p := pulled{s.Image, s.by}
	p.RepoTags, p.RepoDigests = slices.Sorted(maps.Keys(s.tags)), slices.Sorted(maps.Keys(s.digests))
	return p
}

// list are all images, by ID.
func (d *Disk) list() []pulled {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]pulled, 0, len(d.images))
	for _, id := range slices.Sorted(maps.Keys(d.images)) {
		out = append(out, d.images[id].pulled())
	}
	return out
}

// remove removes an image and all of its names.
func (d *Disk) remove(reference string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := reference
	if d.images[id] == nil {
		id = d.names[inFull(reference)]
	}
	delete(d.images, id)
	maps.DeleteFunc(d.names, func(_, of string) bool { return of == id })
}

// ref is what a container status shows as its imageID.
func (p pulled) ref() string {
	if len(p.RepoDigests) > 0 {
		return p.RepoDigests[0]
	}
	return p.ID
}

// spec is what a container status shows as its image: a name, where the kubelet
// asked for an ID; of several the one that the pod asked for.
func (p pulled) spec(asked *runtimeapi.ImageSpec) *runtimeapi.ImageSpec {
	if len(p.RepoTags) == 0 {
		return asked
	}
	name := p.RepoTags[0]
	if users := inFull(asked.GetUserSpecifiedImage()); slices.Contains(p.RepoTags, users) {
		name = users
	}
	return &runtimeapi.ImageSpec{Image: name, UserSpecifiedImage: asked.GetUserSpecifiedImage(), Annotations: asked.GetAnnotations()}
}

func (p pulled) api() *runtimeapi.Image {
	a := &runtimeapi.Image{
		Id: p.ID, RepoTags: p.RepoTags, RepoDigests: p.RepoDigests, Size: uint64(p.Size),
		Spec: &runtimeapi.ImageSpec{Image: p.ID},
	}
	// The kubelet needs a number to enforce runAsNonRoot.
	name, _, _ := strings.Cut(p.Config.User, ":")
	if uid, err := strconv.ParseInt(name, 10, 64); err == nil {
		a.Uid = &runtimeapi.Int64Value{Value: uid}
	} else {
		a.Username = name
	}
	return a
}

// matches tells whether the image goes by that reference or ID.
func (p pulled) matches(reference string) bool {
	full := inFull(reference)
	return reference == "" || reference == p.ID || slices.Contains(p.RepoTags, full) || slices.Contains(p.RepoDigests, full)
}
