// Package gatewayapi has the definitions of the Gateway API that every session
// begins with: those of the standard channel whose kinds are served here. crds/ holds
// upstream's own files, unchanged (sigs.k8s.io/gateway-api, Apache License 2.0), of the
// version in go.mod.
//
// It must know nothing of what becomes of them.
package gatewayapi

import "embed"

//go:generate go run ./generate

//go:embed crds/*.yaml
var files embed.FS

// Definitions are the CustomResourceDefinitions, each a document of YAML.
func Definitions() ([][]byte, error) {
	entries, err := files.ReadDir("crds")
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range entries {
		b, err := files.ReadFile("crds/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}
