package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/evanw/esbuild/pkg/api"
)

// An edit changes what a package says before it is bundled, at exactly so many places: an
// upgrade that moves the ground fails.
type edit struct {
	file    string // below node_modules
	find    *regexp.Regexp
	replace string
	places  int
	// why is for who reads this, and for the error.
	why string
}

// edits let xterm.js live under a Content-Security-Policy that allows no inline style.
var edits = []edit{
	{"@xterm/xterm/lib/xterm.mjs", regexp.MustCompile(`([\w$.]+)\.createElement\("style"\)`),
		`Object.assign($1.createElement("style"),{nonce:document.querySelector("script[nonce]")?.nonce??""})`, 3,
		"the style sheets that it makes need the page's nonce"},
	{"@xterm/xterm/lib/xterm.mjs", regexp.MustCompile(`([\w$]+)\.setAttribute\("style",`), `Reflect.set($1.style,"cssText",`, 1,
		"style attributes are refused, their properties are not"},
}

// editing is the plugin that makes the edits as esbuild loads the files.
func editing(modules string) api.Plugin {
	of := map[string][]edit{}
	for _, e := range edits {
		path := filepath.Join(modules, filepath.FromSlash(e.file))
		of[path] = append(of[path], e)
	}
	return api.Plugin{Name: "edits", Setup: func(build api.PluginBuild) {
		for path, list := range of {
			build.OnLoad(api.OnLoadOptions{Filter: "^" + regexp.QuoteMeta(path) + "$"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
				data, err := os.ReadFile(path)
				if err != nil {
					return api.OnLoadResult{}, err
				}
				text, err := apply(string(data), list)
				return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, err
			})
		}
	}}
}

func apply(text string, list []edit) (string, error) {
	for _, e := range list {
		if n := len(e.find.FindAllStringIndex(text, -1)); n != e.places {
			return "", fmt.Errorf("%s: %s is there %d times, not %d (%s)", e.file, e.find, n, e.places, e.why)
		}
		text = e.find.ReplaceAllString(text, e.replace)
	}
	return text, nil
}
