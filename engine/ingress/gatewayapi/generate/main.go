// Generate copies the definitions out of the module that go.mod names. With -check it
// fails if they are others than what is committed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "sigs.k8s.io/gateway-api"

// kinds are those that a controller of ours serves.
var kinds = []string{"gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants"}

func main() {
	log.SetFlags(0)
	check := flag.Bool("check", false, "compare, and write nothing")
	dir := flag.String("dir", ".", "folder of package gatewayapi")
	flag.Parse()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		log.Fatalf("go list -m %s: %v", module, err)
	}
	for _, kind := range kinds {
		name := fmt.Sprintf("gateway.networking.k8s.io_%s.yaml", kind)
		want, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "config/crd/standard", name))
		if err != nil {
			log.Fatal(err)
		}
		file := filepath.Join(*dir, "crds", name)
		if *check {
			if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, want) {
				log.Fatalf("%s is stale: go generate ./engine/ingress/gatewayapi", file)
			}
			continue
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
