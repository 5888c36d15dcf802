package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// made is a stack of layers that was built, and all that is in it.
type made struct {
	layers  []v1.Layer
	history []string
	paths   tree
}

// make builds the layer of a recipe, on those of its base.
func (b *build) make(ctx context.Context, r Recipe) (*made, error) {
	if m, ok := b.made[r.Name]; ok {
		return m, nil
	}
	m := &made{paths: tree{}}
	if r.Base != "" {
		below, err := b.make(ctx, b.recipes[r.Base])
		if err != nil {
			return nil, err
		}
		m.layers, m.history, m.paths = slices.Clone(below.layers), slices.Clone(below.history), maps.Clone(below.paths)
	}
	t, err := b.tree(ctx, r)
	if err != nil {
		return nil, err
	}
	t = t.without(m.paths)
	layer, err := writeLayer(t, b.temp)
	if err != nil {
		return nil, err
	}
	m.layers, m.history = append(m.layers, layer), append(m.history, r.Name)
	maps.Copy(m.paths, t)
	b.made[r.Name] = m
	return m, nil
}

// tree gathers the files of a recipe.
func (b *build) tree(ctx context.Context, r Recipe) (tree, error) {
	t := tree{}
	p, err := b.pool(r)
	if err != nil {
		return nil, err
	}
	kept, err := p.closure(r.Keep)
	if err != nil {
		return nil, err
	}
	if r.Applets != "" {
		out, err := exec.CommandContext(ctx, p.files["/usr/bin/busybox"], "--list").Output()
		if err != nil {
			return nil, fmt.Errorf("busybox --list: %w", err)
		}
		for _, applet := range strings.Fields(string(out)) {
			// Not the package tools: they would suggest packages can be installed.
			if applet != "busybox" && !strings.HasPrefix(applet, "dpkg") && !strings.HasPrefix(applet, "rpm") {
				t.add(File{Path: filepath.Join(r.Applets, applet), Link: "busybox"})
			}
		}
	}
	for _, name := range kept {
		if err := t.addFile(name, p.files[name]); err != nil {
			return nil, err
		}
	}
	if r.CACertificates {
		bundle, err := certificates(p)
		if err != nil {
			return nil, err
		}
		t.add(File{Path: "/etc/ssl/certs/ca-certificates.crt", Text: bundle})
		t.add(File{Path: "/etc/ssl/cert.pem", Link: "certs/ca-certificates.crt"})
	}
	for _, program := range slices.Sorted(maps.Keys(r.Programs)) {
		file := filepath.Join(b.temp, "program-"+filepath.Base(program))
		b.Progress("go build "+filepath.Base(program), 0, 0)
		if err := buildProgram(ctx, program, b.ModuleDir, file, b.sources); err != nil {
			return nil, err
		}
		if err := os.Chtimes(file, epoch, epoch); err != nil {
			return nil, err
		}
		if err := t.addFile(r.Programs[program], file); err != nil {
			return nil, err
		}
		e := t[merged(r.Programs[program])]
		e.mode = 0o755
		if slices.Contains(r.SetUID, r.Programs[program]) {
			e.mode |= fs.ModeSetuid
		}
		t[merged(r.Programs[program])] = e
	}
	for _, source := range slices.Sorted(maps.Keys(r.Sources)) {
		file, err := sourceFile(ctx, source, b.ModuleDir)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		t.add(File{Path: r.Sources[source], Text: string(text)})
	}
	for _, f := range r.Files {
		t.add(f)
	}
	return t, nil
}

// pool is a recipe's packages with the libraries they need.
func (b *build) pool(r Recipe) (*pool, error) {
	var folders []string
	seen := map[string]bool{}
	for todo := slices.Clone(r.Packages); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if folder, ok := b.folders[name]; ok && !seen[name] {
			seen[name] = true
			folders = append(folders, folder)
			todo = append(todo, b.debs[name].libraries()...)
		}
	}
	return newPool(folders)
}

// certificates joins the certificates of ca-certificates, as
// update-ca-certificates does on a machine.
func certificates(p *pool) (string, error) {
	files := p.match("/usr/share/ca-certificates/**")
	if len(files) == 0 {
		return "", errors.New("no certificates in ca-certificates")
	}
	var out strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(p.files[name])
		if err != nil {
			return "", err
		}
		out.Write(text)
		if !strings.HasSuffix(string(text), "\n") {
			out.WriteByte('\n')
		}
	}
	return out.String(), nil
}
