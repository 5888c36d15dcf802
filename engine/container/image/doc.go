// Package image finds container images: in the catalogue that Podhop ships,
// and, where the server may, in real registries.
//
// It gives out images as their configuration and layers, and unpacks a layer
// into a folder. It mounts nothing, and knows nothing of sessions, containers or
// the kubelet; which node of which session has pulled what is its callers'
// business.
package image

import (
	"context"

	"github.com/podhop/podhop/engine/container/image/catalog"
)

// BuildConfig and BuildResult are catalog.Build's.
type (
	BuildConfig = catalog.Config
	BuildResult = catalog.Result
)

// Build brings the catalogue's OCI layout up to date; see catalog.Build.
func Build(ctx context.Context, cfg BuildConfig) (BuildResult, error) {
	return catalog.Build(ctx, cfg)
}
