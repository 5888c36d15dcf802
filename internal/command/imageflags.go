package command

import (
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/engine"
)

// registerImages adds the flags about container images.
func registerImages(fs *flag.FlagSet, c *engine.Config) {
	fs.StringVar(&c.Images, "images", "", "`folder` of the image catalogue (default DATA/images)")
	fs.BoolVar(&c.Registries, "registries", true, "pull images that the catalogue lacks from their registries")
	fs.Var((*mirrors)(&c.RegistryMirrors), "registry-mirrors", "registries that are asked in others' places, `REGISTRY=HOST[:PORT]`, comma-separated; one given by its IP address may be a neighbour of this machine")
	c.ImageMemory, c.ImageBytes, c.ImageDisk = 4<<30, 1<<30, 10<<30
	fs.Var((*size)(&c.ImageMemory), "image-memory", "`bytes` for unpacked images, which are in memory; those not in use make room")
	fs.Var((*size)(&c.ImageBytes), "image-size", "`bytes`, compressed, that an image from a registry may have")
	fs.Var((*size)(&c.ImageDisk), "image-disk", "`bytes` of images from registries that are kept below DATA")
}

// size is a number of bytes, written as Kubernetes writes it: 4Gi.
type size int64

func (s *size) String() string { return resource.NewQuantity(int64(*s), resource.BinarySI).String() }

func (s *size) Set(text string) error {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return err
	}
	n, whole := q.AsInt64()
	if !whole || n < 1<<20 {
		return fmt.Errorf("must be at least 1Mi")
	}
	*s = size(n)
	return nil
}

// mirrors maps registries to those asked in their places.
type mirrors map[string]string

func (m *mirrors) String() string {
	var all []string
	for registry, mirror := range *m {
		all = append(all, registry+"="+mirror)
	}
	return strings.Join(all, ",")
}

func (m *mirrors) Set(text string) error {
	*m = mirrors{}
	for _, pair := range names(text) {
		registry, mirror, ok := strings.Cut(pair, "=")
		if !ok || registry == "" || mirror == "" || strings.Contains(pair, "/") {
			return fmt.Errorf("%q: must be REGISTRY=HOST[:PORT]", pair)
		}
		(*m)[registry] = mirror
	}
	return nil
}

// neighbours are the mirrors given by their addresses, which may be reached
// though they are not public.
func (m mirrors) neighbours() (addresses []string) {
	for _, mirror := range m {
		if ap, err := netip.ParseAddrPort(mirror); err == nil {
			addresses = append(addresses, ap.String())
		} else if ip, err := netip.ParseAddr(mirror); err == nil {
			addresses = append(addresses, netip.AddrPortFrom(ip, 80).String(), netip.AddrPortFrom(ip, 443).String())
		}
	}
	return addresses
}
