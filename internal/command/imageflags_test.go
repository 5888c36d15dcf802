package command

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine"
)

func TestImageFlags(t *testing.T) {
	for _, tt := range []struct {
		args       string
		err        string
		memory     int64
		neighbours string
	}{
		{"", "", 4 << 30, ""},
		{"--image-memory 512Mi", "", 512 << 20, ""},
		{"--image-memory 2G", "", 2e9, ""},
		{"--image-memory 0", "must be at least 1Mi", 0, ""},
		{"--image-memory -1Gi", "must be at least 1Mi", 0, ""},
		{"--image-memory lots", "quantities must match", 0, ""},
		{"--registry-mirrors docker.io=mirror.example.com,quay.io=10.0.0.1:5000", "", 4 << 30, "10.0.0.1:5000"},
		{"--registry-mirrors docker.io=10.0.0.1", "", 4 << 30, "10.0.0.1:443 10.0.0.1:80"},
		{"--registry-mirrors docker.io=[fd00::1]:5000", "", 4 << 30, "[fd00::1]:5000"},
		{"--registry-mirrors docker.io", "must be REGISTRY=HOST[:PORT]", 0, ""},
		{"--registry-mirrors docker.io=https://a", "must be REGISTRY=HOST[:PORT]", 0, ""},
		{"--registry-mirrors =a", "must be REGISTRY=HOST[:PORT]", 0, ""},
	} {
		var c engine.Config
		fs := flag.NewFlagSet("serve", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		registerImages(fs, &c)
		err := fs.Parse(strings.Fields(tt.args))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %s", tt.args, err, tt.err)
			}
			continue
		}
		near := mirrors(c.RegistryMirrors).neighbours()
		slices.Sort(near)
		if err != nil || c.ImageMemory != tt.memory || strings.Join(near, " ") != tt.neighbours {
			t.Errorf("%s: %v, %d bytes, neighbours %q", tt.args, err, c.ImageMemory, near)
		}
	}
}
