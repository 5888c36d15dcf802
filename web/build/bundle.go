package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/podhop/podhop/web/internal/npm"
)

// entries are what the pages ask for by name; the manifest says what became of them.
var entries = []string{"app/page.ts", "app/front.ts", "app/wait.ts", "app/operator.ts", "app/gate.ts", "app/classes.ts", "app/join.ts", "app/teach.ts", "app/member.ts", "app/page.css", "app/theme.ts"}

// Bundle makes everything that is generated: model.ts and shapes.ts, the bundle with
// content-hashed names, manifest.json, and the licences of what is inside.
func Bundle(root string, packages []npm.Package) (Files, error) {
	web, err := filepath.Abs(filepath.Join(root, "web"))
	if err != nil {
		return nil, err
	}
	modules, err := filepath.Abs(filepath.Join(root, ".build/npm/node_modules"))
	if err != nil {
		return nil, err
	}
	files := Files{"app/model.ts": Types(), "app/recorded/shapes.ts": Shapes()}
	// esbuild reads them from disk like any other module.
	if err := write(web, mergeDist(web, files)); err != nil {
		return nil, err
	}
	points := make([]string, len(entries))
	for i, e := range entries {
		points[i] = filepath.Join(web, e)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: web,
		EntryPoints:   points,
		Outdir:        filepath.Join(web, "dist"),
		Outbase:       filepath.Join(web, "app"),
		EntryNames:    "[name]-[hash]",
		ChunkNames:    "[name]-[hash]",
		AssetNames:    "[name]-[hash]",
		NodePaths:     []string{modules},
		Plugins:       []api.Plugin{editing(modules)},
		Bundle:        true,
		Splitting:     true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Engines: []api.Engine{
			{Name: api.EngineChrome, Version: "120"},
			{Name: api.EngineFirefox, Version: "121"},
			{Name: api.EngineSafari, Version: "17.2"},
		},
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		LegalComments:     api.LegalCommentsNone,
		Loader:            map[string]api.Loader{".woff2": api.LoaderFile},
		Metafile:          true,
		LogLevel:          api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		text := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return nil, errors.New(strings.Join(text, ""))
	}
	for _, out := range result.OutputFiles {
		files["dist/"+filepath.Base(out.Path)] = out.Contents
	}
	manifest, err := manifest(result.Metafile)
	if err != nil {
		return nil, err
	}
	files["dist/manifest.json"] = manifest
	files["dist/licenses.txt"], err = licences(packages)
	return files, err
}

// mergeDist adds what is in dist already, so that writing files removes nothing.
func mergeDist(web string, files Files) Files {
	all := Files{}
	names, _ := listDist(web)
	for _, name := range names {
		if data, err := os.ReadFile(filepath.Join(web, name)); err == nil {
			all[name] = data
		}
	}
	for name, data := range files {
		all[name] = data
	}
	return all
}

// manifest maps the names that pages use to the hashed ones: entry points,
// fonts, and the chunks that are loaded later.
func manifest(metafile string) ([]byte, error) {
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string
			Inputs     map[string]any
		}
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for out, o := range meta.Outputs {
		file := filepath.Base(out)
		switch {
		case o.EntryPoint != "":
			names[filepath.Base(strings.TrimSuffix(o.EntryPoint, ".ts"))+scriptExt(o.EntryPoint)] = file
		case strings.HasSuffix(file, ".woff2"):
			for in := range o.Inputs {
				names[filepath.Base(in)] = file
			}
		}
	}
	data, err := json.MarshalIndent(names, "", "  ")
	return append(data, '\n'), err
}

func scriptExt(entry string) string {
	if strings.HasSuffix(entry, ".ts") {
		return ".js"
	}
	return ""
}

// licences is the text that the licences of bundled packages ask us to ship.
func licences(packages []npm.Package) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("The page's script, style and fonts contain these packages.\n")
	sorted := slices.Clone(packages)
	slices.SortFunc(sorted, func(a, b npm.Package) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range sorted {
		text, err := os.ReadFile(filepath.Join(p.Dir, "LICENSE"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n%s\n\n%s\n", strings.Repeat("=", 72), p.Name, p.Version, p.Licence,
			strings.Repeat("=", 72), strings.TrimSpace(string(text)))
	}
	return b.Bytes(), nil
}
