package catalog

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// plain needs neither apt nor Go.
func plain(name, text string) Recipe {
	return Recipe{Name: name, Base: "plain-base", Files: []File{{Path: "/etc/motd", Text: text}},
		Config: v1.Config{Cmd: []string{"sh"}}, Names: []Names{library(name, "1.0", "2.0")}}
}

func TestBuildOnlyWhatChanged(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	base := Recipe{Name: "plain-base", Files: skeleton()}
	build := func(recipes ...Recipe) Result {
		t.Helper()
		res, err := Build(t.Context(), Config{Dir: dir, Cache: cache, Recipes: append([]Recipe{base}, recipes...)})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Skipped) > 0 {
			t.Fatal("skipped: ", res.Skipped)
		}
		return res
	}
	expect := func(got Result, built, upToDate string) {
		t.Helper()
		if strings.Join(got.Built, " ") != built || strings.Join(got.UpToDate, " ") != upToDate {
			t.Errorf("built %v, up to date %v; want %q and %q", got.Built, got.UpToDate, built, upToDate)
		}
	}
	expect(build(plain("a", "1"), plain("b", "1")), "a b", "")
	expect(build(plain("a", "1"), plain("b", "1")), "", "a b")
	expect(build(plain("a", "1"), plain("b", "2")), "b", "a")
	blobs := func() int {
		files, _ := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
		return len(files)
	}
	// The base's layer is shared: per image a layer, a configuration and a manifest.
	if n := blobs(); n != 7 {
		t.Errorf("%d blobs after a rebuild, want 7", n)
	}
	base.Files = slices.Concat(base.Files, []File{{Path: "/etc/base", Text: "new"}})
	expect(build(plain("b", "2")), "b", "")
	if n := blobs(); n != 4 {
		t.Errorf("%d blobs after an image was dropped, want 4", n)
	}

	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index, validate.Fast); err != nil {
		t.Error("not a valid OCI layout: ", err)
	}
}

// An image that lost a blob is built anew, the others are left alone.
func TestBuildMendsBlobs(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Cache: t.TempDir(), Recipes: []Recipe{{Name: "plain-base"}, plain("a", "1"), plain("b", "2")}}
	if _, err := Build(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	path, err := layout.FromPath(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		if m.Annotations[AnnotationName] != "a" {
			continue
		}
		img, err := path.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		if err := path.RemoveBlob(config); err != nil {
			t.Fatal(err)
		}
	}
	res, err := Build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(res.Built, []string{"a"}) || !slices.Equal(res.UpToDate, []string{"b"}) {
		t.Errorf("built %v, up to date %v", res.Built, res.UpToDate)
	}
}

func TestSkippedSaysWhy(t *testing.T) {
	r := plain("a", "1")
	r.Keep = []string{"/usr/bin/nosuch"}
	res, err := Build(t.Context(), Config{Dir: t.TempDir(), Cache: t.TempDir(), Recipes: []Recipe{{Name: "plain-base"}, r, plain("b", "1")}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(res.Built, []string{"b"}) {
		t.Errorf("built %v, want b alone", res.Built)
	}
	if err := res.Skipped["a"]; err == nil || !strings.Contains(err.Error(), "no package has /usr/bin/nosuch") {
		t.Errorf("skipped a: %v", err)
	}
}

// TestSources takes a file of a Go package into an image.
func TestSources(t *testing.T) {
	b := build{Config: Config{ModuleDir: ".", Progress: func(string, int, int) {}}}
	r := Recipe{Name: "a", Sources: map[string]string{
		"k8s.io/kubernetes/test/images/agnhost/porter/localhost.crt":        "/localhost.crt",
		"k8s.io/kubernetes/test/images/agnhost/porter/localhost.key":        "/localhost.key",
		"k8s.io/kubernetes/test/images/agnhost//../nautilus/html/data.json": "/data.json"}}
	tree, err := b.tree(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair([]byte(tree["/localhost.crt"].text), []byte(tree["/localhost.key"].text)); err != nil {
		t.Error(err)
	}
	if text := tree["/data.json"].text; !strings.Contains(text, "nautilus.jpg") {
		t.Errorf("the file beside the package: %q", text)
	}
	r.Sources = map[string]string{"k8s.io/kubernetes/nosuch/file": "/file"}
	if _, err := b.tree(t.Context(), r); err == nil || !strings.Contains(err.Error(), "k8s.io/kubernetes/nosuch") {
		t.Errorf("of a package that is not there: %v", err)
	}
}

func TestIsBelow(t *testing.T) {
	for _, tt := range []struct {
		folder, name string
		want         bool
	}{
		{"/usr/share/perl", "/usr/share/perl/5.36.0/bigint.pm", true},
		{"/usr/share/perl", "/usr/share/perl5/x.pm", false},
		{"/usr/share/perl", "/usr/share/perl", false},
		{"/usr/lib/*-linux-gnu*/perl", "/usr/lib/x86_64-linux-gnu/perl/5.36/POSIX.pm", true},
		{"/usr/lib/*-linux-gnu*/perl", "/usr/lib/x86_64-linux-gnu/perl-base/POSIX.pm", false},
		{"/usr/lib/python3*", "/usr/lib/python3.11/os.py", true},
		{"/usr/lib/python3*", "/usr/lib/os.py", false},
	} {
		if got := isBelow(tt.folder, tt.name); got != tt.want {
			t.Errorf("isBelow(%q, %q) = %v", tt.folder, tt.name, got)
		}
	}
}

// TestRecipesOfSuites: what Kubernetes' own tests ask for is there, but for what
// nobody has or only few may have.
func TestRecipesOfSuites(t *testing.T) {
	for reference, want := range map[string]bool{
		"registry.k8s.io/e2e-test-images/agnhost:2.66.1": true, "registry.k8s.io/e2e-test-images/agnhost:2.55": true,
		"registry.k8s.io/e2e-test-images/busybox:1.37.0-2": true, "registry.k8s.io/e2e-test-images/nginx:1.28.0-2": true,
		"registry.k8s.io/e2e-test-images/nonewprivs:1.4": true, "registry.k8s.io/e2e-test-images/nonroot:1.5": true,
		"registry.k8s.io/e2e-test-images/nautilus:1.8": true, "registry.k8s.io/e2e-test-images/kitten:1.8": true,
		"registry.k8s.io/e2e-test-images/perl:5.26":                  true,
		"registry.k8s.io/e2e-test-images/regression-issue-74839:1.5": true, "registry.k8s.io/e2e-test-images/glibc-dns-testing:2.1.1": true,
		"registry.k8s.io/pause:3.10.2": true, "docker.io/library/perl:5.34.0": true, "registry.k8s.io/hpa-example:latest": true,
		"invalid.registry.k8s.io/invalid/alpine:3.1": false, "gcr.io/k8s-authenticated-test/agnhost:2.6": false,
	} {
		repository, tag, _ := strings.Cut(reference, ":")
		found := slices.ContainsFunc(Recipes(), func(r Recipe) bool {
			return slices.ContainsFunc(r.Names, func(n Names) bool { return n.Answers(repository, tag) })
		})
		if found != want {
			t.Errorf("%s: %v", reference, found)
		}
	}
}

func TestParseShow(t *testing.T) {
	const text = `Package: nginx
Version: 1.22.1-9
Depends: libc6 (>= 2.34), libcrypt1 (>= 1:4.1.0), libpcre2-8-0 | libpcre3, iproute2, nginx-common (<< 1.22.1-9.1~), zlib1g (>= 1:1.1.4)
Pre-Depends: bind9-libs
Filename: pool/main/n/nginx/nginx_1.22.1-9_amd64.deb
Description-en: small server
 with a long text: and a colon

Package: virtual
Version: 1
`
	debs := parseShow(strings.NewReader(text))
	if len(debs) != 1 || debs[0].Name != "nginx" || debs[0].Version != "1.22.1-9" {
		t.Fatalf("got %+v", debs)
	}
	got := debs[0].libraries()
	slices.Sort(got)
	want := []string{"bind9-libs", "libc6", "libcrypt1", "libpcre2-8-0", "zlib1g"}
	if !slices.Equal(got, want) {
		t.Errorf("libraries %v, want %v", got, want)
	}
}

func TestRecipes(t *testing.T) {
	seen := map[string]string{}
	known := map[string]bool{}
	for _, r := range Recipes() {
		if r.Base != "" && !known[r.Base] {
			t.Errorf("%s: base %q does not come before it", r.Name, r.Base)
		}
		if known[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		known[r.Name] = true
		for _, n := range r.Names {
			for _, repository := range n.Repositories {
				for _, tag := range append(n.Words, "latest", "1", "1.0", "2.0", "alpine") {
					if !n.Answers(repository, tag) {
						continue
					}
					reference := repository + ":" + tag
					if other := seen[reference]; other != "" && other != r.Name {
						t.Errorf("%s and %s both answer for %s", r.Name, other, reference)
					}
					seen[reference] = r.Name
				}
			}
		}
	}
}
