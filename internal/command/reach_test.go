package command

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

// What is named for one purpose is what that alone reaches, and images come of nowhere but the
// public Internet and the mirrors.
func TestReach(t *testing.T) {
	for args, want := range map[string]string{
		"":                   "map[images:{true [] []}]",
		"--registries=false": "map[]",
		"--dns-upstream 10.0.0.2:53 --registry-mirrors docker.io=10.0.0.1:5000":                   "map[images:{true [10.0.0.1:5000] []} names:{false [10.0.0.2:53] []}]",
		"--registries=false --oidc-issuer https://login.lan/realms/a --oidc-client-id podhop":     "map[accounts:{true [login.lan:443] []}]",
		"--registries=false --oidc-issuer http://[::1]:5556 --oidc-client-id podhop":              "map[accounts:{true [[::1]:5556] []}]",
		"--registries=false --acme-domains a.example":                                             "map[certificates:{true [] []}]",
		"--registries=false --acme-domains a.example --acme-directory https://ca.lan:9000/acme/x": "map[certificates:{true [ca.lan:9000] []}]",
		"--registries=false --otlp-endpoint http://collector:4317":                                "map[traces:{false [collector:4317] []}]",
		"--registries=false --store etcd://etcd-a,10.0.0.3:1234/x --advertise 10.0.0.4:8444":      "map[hosts:{false [] [10.0.0.0/24]} store:{false [etcd-a:2379 10.0.0.3:1234] []}]",
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
		var c serveConfig
		fs := flag.NewFlagSet("serve", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		c.register(fs)
		if err := fs.Parse(strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if err := c.otlp.read(); err != nil {
			t.Errorf("%s: %v", args, err)
		}
		if c.store.shared() {
			if err := c.host.complete(); err != nil {
				t.Errorf("%s: %v", args, err)
			}
		}
		if got := fmt.Sprint(c.reach()); got != want {
			t.Errorf("%s:\n%s, want\n%s", args, got, want)
		}
	}
}
