// Package npm gets packages of the npm registry: exactly those that a lock file names, each
// verified. It runs nothing of them, and must not know what they are for.
package npm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Package is one line of packages.lock.
type Package struct {
	Name, Version, Licence, Integrity string
	// Dir is where it is unpacked.
	Dir string
}

// tarballLimit is far above any package we use; it keeps a wrong answer from filling the disk.
const tarballLimit = 32 << 20

// Install unpacks the packages of the lock file that want says yes to (nil: all)
// under cache/node_modules, downloading those that are not there yet.
func Install(ctx context.Context, lock, cache string, want func(Package) bool) ([]Package, error) {
	data, err := os.ReadFile(lock)
	if err != nil {
		return nil, err
	}
	packages, err := ParseLock(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", lock, err)
	}
	if want != nil {
		packages = slices.DeleteFunc(packages, func(p Package) bool { return !want(p) })
	}
	var base string
	for i := range packages {
		p := &packages[i]
		p.Dir = filepath.Join(cache, "node_modules", filepath.FromSlash(p.Name))
		stamp := filepath.Join(p.Dir, ".integrity")
		if have, err := os.ReadFile(stamp); err == nil && string(have) == p.Integrity {
			continue
		}
		if base == "" {
			if base, err = registry(ctx); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(os.Stderr, "getting %s %s\n", p.Name, p.Version)
		tarball, err := download(ctx, base, *p)
		if err != nil {
			return nil, err
		}
		if err := os.RemoveAll(p.Dir); err != nil {
			return nil, err
		}
		if err := unpack(tarball, p.Dir); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		if err := os.WriteFile(stamp, []byte(p.Integrity), 0o644); err != nil {
			return nil, err
		}
	}
	return packages, nil
}

// ParseLock reads packages.lock.
func ParseLock(text string) ([]Package, error) {
	var packages []Package
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 4 || !strings.HasPrefix(f[3], "sha512-") {
			return nil, fmt.Errorf("line %d: want name, version, licence, sha512 integrity", i+1)
		}
		packages = append(packages, Package{Name: f[0], Version: f[1], Licence: f[2], Integrity: f[3]})
	}
	return packages, nil
}

// registry is where npm would look: the environment first, then npm's own configuration.
func registry(ctx context.Context) (string, error) {
	for _, name := range []string{"NPM_CONFIG_REGISTRY", "npm_config_registry"} {
		if url := os.Getenv(name); url != "" {
			return strings.TrimRight(url, "/"), nil
		}
	}
	out, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output()
	url := strings.TrimRight(strings.TrimSpace(string(out)), "/")
	if err != nil || !strings.HasPrefix(url, "http") {
		return "", errors.New("set NPM_CONFIG_REGISTRY to the npm registry to download the page's packages from")
	}
	return url, nil
}

func download(ctx context.Context, base string, p Package) ([]byte, error) {
	url := fmt.Sprintf("%s/%s/-/%s-%s.tgz", base, p.Name, path.Base(p.Name), p.Version)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: the registry answered %s", p.Name, p.Version, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, tarballLimit))
	if err != nil {
		return nil, err
	}
	return data, Verify(data, p)
}

// Verify says whether data is the tarball that the lock file means.
func Verify(data []byte, p Package) error {
	sum := sha512.Sum512(data)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != p.Integrity {
		return fmt.Errorf("%s %s: integrity is %s, packages.lock wants %s", p.Name, p.Version, got, p.Integrity)
	}
	return nil
}

func unpack(tarball []byte, dir string) error {
	zr, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// Everything in an npm tarball is below one folder, usually "package".
		_, name, ok := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg || !ok {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("unsafe path %q", h.Name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, h.FileInfo().Mode().Perm()|0o644); err != nil {
			return err
		}
	}
}
