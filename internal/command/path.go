package command

import (
	"path/filepath"
	"slices"
)

// withSystem adds to a PATH the folders of the system's programs, which are not in that of an
// ordinary user on Debian: nft and ip are there.
func withSystem(path string) string {
	have := filepath.SplitList(path)
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !slices.Contains(have, dir) {
			if path != "" {
				path += string(filepath.ListSeparator)
			}
			path += dir
		}
	}
	return path
}
