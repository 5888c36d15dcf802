package engine

import (
	"fmt"

	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/ingress"
)

// Catalogue says which of the images that sessions need is not in the catalogue; nil if none is
// missing.
func (e *Engine) Catalogue() error {
	for _, name := range []string{dns.Image, ingress.Image, deskImage} {
		if _, err := e.images.Resolve(name); err != nil {
			return fmt.Errorf("the catalogue has no image %s", name)
		}
	}
	return nil
}

// Limits tells whether sessions' memory, processes and CPU time are limited: whether there are cgroups.
func (e *Engine) Limits() bool { return e.containers.Cgroups() }
