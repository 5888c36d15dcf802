package vulnerabilities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Database is the version that is asked. It is pinned, so that what passed today does not fail
// tomorrow unasked; `make vulnerabilities` asks the newest.
const Database = "v0.0.0-20261105234957-e22db6528018"

// Accepted are vulnerabilities whose code the server has, and why they do no harm here.
var Accepted = map[string]string{
	"GO-2026-6094": "CEL's native types are given the wire types alone (lessons/check), which have no private fields; the version is that of Kubernetes",
}

// Scan says what govulncheck finds in a program, by a database of a version, or with
// "latest" the newest. Databases are kept below the folder root/.build.
func Scan(ctx context.Context, root, program, version string) ([]Finding, error) {
	database, err := fetch(ctx, root, version)
	if err != nil {
		return nil, err
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "tool", "govulncheck", "-mode", "binary", "-format", "json", "-db", "file://"+database, program)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("govulncheck: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return Read(&out)
}

// fetch is the folder of a database, which it makes if it is not there.
func fetch(ctx context.Context, root, version string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "golang.org/x/vulndb@"+version)
	cmd.Dir = os.TempDir()                     // it is no module of ours
	cmd.Env = append(os.Environ(), "GOFLAGS=") // nor are our flags its
	answer, err := cmd.Output()
	var module struct{ Dir, Version, Error string }
	if jerr := json.Unmarshal(answer, &module); err == nil {
		err = jerr
	}
	if module.Error != "" {
		err = errors.New(module.Error)
	}
	if err != nil {
		return "", fmt.Errorf("fetch the database of vulnerabilities: %w", err)
	}
	folder, err := filepath.Abs(filepath.Join(root, ".build", "vulnerabilities", module.Version))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	half, err := os.MkdirTemp(filepath.Dir(folder), "half-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	if err := Build(filepath.Join(module.Dir, "data", "osv"), half); err != nil {
		return "", err
	}
	return folder, os.Rename(half, folder)
}

// Toolchain is the version of Go that the project in root asks for, as v1.2.3.
func Toolchain(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "toolchain go"); ok {
			return "v" + version, nil
		}
	}
	return "", errors.New("go.mod names no toolchain")
}
