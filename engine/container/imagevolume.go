package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// imageVolumes is where the layers of the images are joined that the container
// has for volumes.
func (c *Container) imageVolumes() string { return filepath.Join(c.root, "images") }

// imageVolume returns where the i'th mount's image is to be seen.
func (c *Container) imageVolume(ctx context.Context, i int, m Mount) (string, error) {
	lowers, err := c.layerPaths(ctx, *m.Image)
	if err != nil {
		return "", err
	}
	root := filepath.Join(c.imageVolumes(), strconv.Itoa(i))
	if len(lowers) == 1 {
		root = lowers[0]
	} else if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	if len(lowers) > 1 { // an image of no layers is an empty folder
		options := fmt.Sprintf("lowerdir=%s,userxattr", strings.Join(lowers, ":"))
		if err := unix.Mount("overlay", root, "overlay", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
			return "", fmt.Errorf("mount overlay of %d layers: %w", len(lowers), err)
		}
	}
	if m.SubPath == "" {
		return root, nil
	}
	file, err := securejoin.SecureJoin(root, m.SubPath)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(file); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("image %q has no %q", m.Image.Reference, m.SubPath)
	} else if err != nil {
		return "", err
	}
	return file, nil
}
