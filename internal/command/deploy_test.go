package command

import (
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// The image, docker-compose.yml, the chart and .ci/setup say again what the code says. No test
// runs a container engine, so these hold them to it.

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serveFlags are the flags of podhop serve, parsed with an environment.
func serveFlags(t *testing.T, variables map[string]string) (serveConfig, *flag.FlagSet) {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
	var cfg serveConfig
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	cfg.register(fs)
	env := environment{stdout: io.Discard, stderr: io.Discard}
	if err := env.parse(fs, nil); err != nil {
		t.Error(err)
	}
	return cfg, fs
}

// knownVariables reports variables that are no setting of podhop serve.
func knownVariables(t *testing.T, where string, names []string) {
	t.Helper()
	_, fs := serveFlags(t, nil)
	var known []string
	fs.VisitAll(func(f *flag.Flag) { known = append(known, variable(f.Name)) })
	for _, name := range names {
		if strings.HasPrefix(name, "PODHOP_") && !slices.Contains(known, name) {
			t.Errorf("%s: %s is no setting of podhop serve", where, name)
		}
	}
}

var (
	packageList   = regexp.MustCompile(`--no-install-recommends ((?:\\\n|[^\n&])*)&&`)
	needed        = regexp.MustCompile(`(?m)^need=\((.*)\)$`)
	goImage       = regexp.MustCompile(`(?m)^FROM golang:(\S+)-bookworm `)
	goVersion     = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)
	anyVariable   = regexp.MustCompile(`PODHOP_[A-Z_]+`)
	healthOptions = regexp.MustCompile(`(?m)^HEALTHCHECK .*--timeout=(\S+) `)
)

// TestDockerfile compares what is installed with what make run installs.
func TestDockerfile(t *testing.T) {
	file := deployed(t, "Dockerfile")
	m, n := packageList.FindStringSubmatch(file), needed.FindStringSubmatch(deployed(t, ".ci/setup"))
	if m == nil || n == nil {
		t.Fatal("the lists of packages were not found")
	}
	image := strings.Fields(strings.ReplaceAll(m[1], "\\\n", " "))
	run := []string{"ca-certificates"}
	for _, pair := range strings.Fields(n[1]) {
		_, name, _ := strings.Cut(pair, ":")
		if !slices.Contains([]string{"dpkg", "git"}, name) { // the catalogue and the version are made by its first stage
			run = append(run, name)
		}
	}
	slices.Sort(image)
	slices.Sort(run)
	if !slices.Equal(image, run) {
		t.Errorf("the image installs %q, make run %q", image, run)
	}
	g, v := goImage.FindStringSubmatch(file), goVersion.FindStringSubmatch(deployed(t, "go.mod"))
	if g == nil || v == nil || g[1] != v[1] {
		t.Errorf("it is built by %q, and go.mod asks for %q", g, v)
	}
	if h := healthOptions.FindStringSubmatch(file); h == nil {
		t.Error("there is no health check")
	} else if d, err := time.ParseDuration(h[1]); err != nil || d <= healthTimeout {
		t.Errorf("the health check is given %s, and podhop health takes up to %v to say what is wrong", h[1], healthTimeout)
	}
	knownVariables(t, "Dockerfile", anyVariable.FindAllString(file, -1))
}

var withDefault = regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`)

// TestCompose has the variables of docker-compose.yml, with their defaults, be taken by podhop
// serve, and the rest agree with it.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []string
			Healthcheck struct{ Timeout string }
			Grace       string `json:"stop_grace_period"`
		}
	}
	if err := yaml.Unmarshal([]byte(withDefault.ReplaceAllString(deployed(t, "docker-compose.yml"), "$2")), &file); err != nil {
		t.Fatal(err)
	}
	service := file.Services["podhop"]
	if len(service.Environment) == 0 {
		t.Fatal("there is no environment")
	}
	knownVariables(t, "docker-compose.yml", slices.Collect(maps.Keys(service.Environment)))
	cfg, _ := serveFlags(t, service.Environment)
	for _, listen := range []string{cfg.listen, cfg.listenAPI} {
		if !slices.ContainsFunc(service.Ports, func(p string) bool { return strings.HasSuffix(p, listen) }) {
			t.Errorf("the server listens at %s, which is not among the ports %q", listen, service.Ports)
		}
		if !strings.Contains(deployed(t, "Dockerfile"), strings.TrimPrefix(listen, ":")) {
			t.Errorf("the Dockerfile does not expose %s", listen)
		}
	}
	if d, err := time.ParseDuration(service.Healthcheck.Timeout); err != nil || d <= healthTimeout {
		t.Errorf("the health check is given %v (%v), and podhop health takes up to %v to say what is wrong", d, err, healthTimeout)
	}
	if d, err := time.ParseDuration(service.Grace); err != nil || d <= cfg.hosting.drainBy+cfg.hosting.drainDelay {
		t.Errorf("the server is killed after %v (%v), and may take %v to park its sessions", d, err, cfg.hosting.drainBy+cfg.hosting.drainDelay)
	}
}

// TestChartVariables has the variables that the chart sets be settings.
func TestChartVariables(t *testing.T) {
	files, err := filepath.Glob("../../server/chart/podhop/templates/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		knownVariables(t, name, anyVariable.FindAllString(string(text), -1))
	}
}
