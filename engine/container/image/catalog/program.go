package catalog

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// ErrNoGo is returned for images that hold Go programs where there is no Go.
var ErrNoGo = errors.New("no Go toolchain here")

// programs are our own, standard library only, built from these very sources
// wherever the binary runs.
//
//go:embed programs
var programs embed.FS

// ownSources returns the source text of each of our programs.
func ownSources() (map[string]string, error) {
	entries, err := programs.ReadDir("programs")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		text, err := programs.ReadFile(path.Join("programs", e.Name(), "main.go"))
		if err != nil {
			return nil, err
		}
		out["programs/"+e.Name()] = string(text)
	}
	return out, nil
}

// buildProgram builds a static program into file. A program that is not our own
// is built in moduleDir, a checkout of Podhop, whose go.mod names its version.
func buildProgram(ctx context.Context, name, moduleDir, file string, sources map[string]string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return ErrNoGo
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"+versions(name), "-o", file, name)
	cmd.Dir = moduleDir
	if text, own := sources[name]; own {
		dir, err := os.MkdirTemp("", "podhop-program-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for f, content := range map[string]string{"go.mod": "module " + path.Base(name) + "\n\ngo 1.24\n", "main.go": text} {
			if err := os.WriteFile(filepath.Join(dir, f), []byte(content), 0o644); err != nil {
				return err
			}
		}
		cmd.Dir, cmd.Args[len(cmd.Args)-1] = dir, "."
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// versions are the linker's options by which a command of Kubernetes knows its
// version, as upstream's own build sets them.
func versions(name string) string {
	version := upstreamVersion()
	if version == "" || !strings.HasPrefix(name, "k8s.io/kubernetes/cmd/") {
		return ""
	}
	parts := strings.Split(version, ".")
	var out strings.Builder
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for key, value := range map[string]string{"gitVersion": "v" + version, "gitMajor": parts[0], "gitMinor": parts[1], "gitTreeState": "clean"} {
			fmt.Fprintf(&out, " -X %s.%s=%s", pkg, key, value)
		}
	}
	return out.String()
}

// sourceFile finds a file of a Go package ("IMPORT PATH/NAME"), or one relative to
// it ("IMPORT PATH/../NAME"), as the checkout of Podhop in moduleDir has it.
func sourceFile(ctx context.Context, name, moduleDir string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", ErrNoGo
	}
	pkg, file, ok := strings.Cut(name, "//")
	if !ok {
		pkg, file = path.Split(name)
		pkg = strings.TrimSuffix(pkg, "/")
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-find", "-f", "{{.Dir}}", pkg)
	cmd.Dir, cmd.Env = moduleDir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w: %s", pkg, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return filepath.Join(strings.TrimSpace(string(out)), file), nil
}

// upstreamVersion is the version of Kubernetes this binary is built with.
func upstreamVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "k8s.io/kubernetes" {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}
