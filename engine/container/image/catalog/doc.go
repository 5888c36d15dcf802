// Package catalog builds the images Podhop ships: an OCI layout (image-spec
// v1.1) assembled from Debian packages and Go programs, without a container
// engine, a chroot or root rights.
//
// An image is described by a Recipe, which is data: packages, the files kept
// from them, files of our own, and the image's configuration. The shared
// libraries of every kept program are found from its ELF header, so images stay
// small. Packages come through apt-get download and are unpacked, never
// installed; an ordinary user can build the whole catalogue.
//
// Which references an image answers to is written into the layout as an
// annotation, so a reader needs the layout only. This package knows nothing of
// sessions, containers or registries.
package catalog
