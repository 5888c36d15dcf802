package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A shelf is a registry on loopback that a test can get in the way of.
type shelf struct {
	http.Handler
	host string
	// before, if set, sees each request, and answers it where it returns true.
	before atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	blobs  atomic.Int64 // that were asked for
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
		s.blobs.Add(1)
	}
	if before := s.before.Load(); before != nil && (*before)(w, r) {
		return
	}
	s.Handler.ServeHTTP(w, r)
}

func (s *shelf) intercept(before func(w http.ResponseWriter, r *http.Request) bool) {
	s.before.Store(&before)
}

// withRegistry is a store that may pull from a registry on loopback.
func withRegistry(t *testing.T, change func(*Registries)) (*Store, *shelf) {
	t.Helper()
	reg := &shelf{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	srv := httptest.NewServer(reg)
	t.Cleanup(srv.Close)
	cfg := &Registries{Dir: t.TempDir(), MaxImageBytes: 1 << 20, DialTimeout: 30 * time.Second}
	if change != nil {
		change(cfg)
	}
	s, err := New(Config{Dir: catalogue(t), Registries: cfg})
	if err != nil {
		t.Fatal(err)
	}
	reg.host = strings.TrimPrefix(srv.URL, "http://")
	return s, reg
}

// push puts an image of random layers there.
func (s *shelf) push(t *testing.T, reference string, size int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, 2)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, reference, img)
	return img
}

func (s *shelf) tag(t *testing.T, reference string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(s.host + "/" + reference)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func (s *shelf) write(t *testing.T, reference string, img v1.Image) {
	t.Helper()
	if err := remote.Write(s.tag(t, reference), img); err != nil {
		t.Fatal(err)
	}
}

// put puts any text there as a manifest.
func (s *shelf) put(t *testing.T, reference, mediaType, text string) {
	t.Helper()
	repository, tag, _ := strings.Cut(reference, ":")
	req, err := http.NewRequest(http.MethodPut, "http://"+s.host+"/v2/"+repository+"/manifests/"+tag, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatal(reference, res.Status)
	}
}

func digestOf(t *testing.T, img interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestPullFromRegistry(t *testing.T) {
	s, reg := withRegistry(t, nil)
	pushed := reg.push(t, "team/app:1", 1000)
	var last atomic.Int64
	img, source, err := s.Pull(t.Context(), reg.host+"/team/app:1", Auth{}, func(done, total int64) {
		if done > total {
			t.Errorf("%d of %d bytes", done, total)
		}
		last.Store(max(last.Load(), done))
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := digestOf(t, pushed); img.Digest != want {
		t.Errorf("digest %s, want %s", img.Digest, want)
	}
	if source != "the registry "+reg.host {
		t.Errorf("source %q", source)
	}
	if last.Load() != img.Size {
		t.Errorf("%d bytes arrived, of %d", last.Load(), img.Size)
	}
	for _, l := range img.Layers {
		dir := t.TempDir()
		if err := l.Unpack(dir, UnpackOptions{SingleID: true}); err != nil {
			t.Error(err)
		}
		if files, _ := os.ReadDir(dir); len(files) == 0 {
			t.Error("an empty layer")
		}
	}
	before := reg.blobs.Load()
	if _, _, err := s.Pull(t.Context(), reg.host+"/team/app:1", Auth{}, nil); err != nil {
		t.Error(err)
	}
	if n := reg.blobs.Load() - before; n > 1 { // the configuration
		t.Errorf("pulled again: %d blobs fetched anew", n)
	}
	if !img.Complete() {
		t.Error("an image that was just pulled is not complete")
	}
	files, _ := filepath.Glob(filepath.Join(s.registries.Dir, "*"))
	for _, f := range files {
		os.Remove(f)
	}
	if img.Complete() {
		t.Error("complete, without its layers")
	}
}

// TestPullMovedTag: a tag is resolved anew each time, a digest stays what it is.
func TestPullMovedTag(t *testing.T) {
	s, reg := withRegistry(t, nil)
	first := digestOf(t, reg.push(t, "team/app:1", 1000))
	second := digestOf(t, reg.push(t, "team/app:2", 1000))
	reg.push(t, "team/app:1", 1000)
	third := digestOf(t, reg.push(t, "team/app:1", 1000))
	for reference, want := range map[string]string{":1": third, ":2": second, "@" + first: first, ":1@" + first: first} {
		img, _, err := s.Pull(t.Context(), reg.host+"/team/app"+reference, Auth{}, nil)
		if err != nil || img.Digest != want {
			t.Errorf("%s: %s, %v; want %s", reference, img.Digest, err, want)
		}
		if len(img.RepoDigests) != 1 || img.RepoDigests[0] != reg.host+"/team/app@"+want {
			t.Errorf("%s: digests %q", reference, img.RepoDigests)
		}
	}
}

func TestPullPlatforms(t *testing.T) {
	s, reg := withRegistry(t, nil)
	other := "s390x"
	for reference, platforms := range map[string][]string{"team/both:1": {other, runtime.GOARCH}, "team/other:1": {other}} {
		index := v1.ImageIndex(empty.Index)
		var ours string
		for _, arch := range platforms {
			img, err := random.Image(100, 1)
			if err != nil {
				t.Fatal(err)
			}
			if arch == runtime.GOARCH {
				config, err := img.ConfigName()
				if err != nil {
					t.Fatal(err)
				}
				ours = config.String()
			}
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
		}
		if err := remote.WriteIndex(reg.tag(t, reference), index); err != nil {
			t.Fatal(err)
		}
		img, _, err := s.Pull(t.Context(), reg.host+"/"+reference, Auth{}, nil)
		if ours != "" {
			if err != nil || img.ID != ours || img.Digest != digestOf(t, index) {
				t.Errorf("%s: %s of %s, %v; want %s of %s", reference, img.ID, img.Digest, err, ours, digestOf(t, index))
			}
			continue
		}
		want := fmt.Sprintf("failed to pull and unpack image %q: no match for platform in manifest %s: not found", reg.host+"/"+reference, digestOf(t, index))
		if !errors.Is(err, ErrNotFound) || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", reference, err, want)
		}
	}
}

func TestPullErrors(t *testing.T) {
	s, reg := withRegistry(t, nil)
	reg.push(t, "team/app:1", 1000)
	reg.push(t, "team/big:1", 2<<20)
	reg.put(t, "team/broken:1", "application/vnd.oci.image.manifest.v1+json", `{"schemaVersion": 2, "layers": [`)
	reg.put(t, "team/empty:1", "application/vnd.oci.image.manifest.v1+json", `{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}, "layers": []}`)
	reg.put(t, "team/old:1", "application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion": 1}`)
	reg.put(t, "team/huge:1", "application/vnd.oci.image.manifest.v1+json", `{"schemaVersion": 2, "annotations": {"a": "`+strings.Repeat("a", maxDocument)+`"}}`)
	// A manifest that says its layer has 10 GB, which nobody should begin to fetch.
	reg.put(t, "team/ten:1", "application/vnd.oci.image.manifest.v1+json", tenGigabytes(t, reg))
	spoilt := digestOf(t, layerOf(t, reg.push(t, "team/spoilt:1", 1000)))
	reg.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.Contains(r.URL.Path, "/secret/"):
			w.Header().Set("WWW-Authenticate", `Basic realm="shelf"`)
			http.Error(w, `{"errors":[{"code":"DENIED","message":"no"}]}`, http.StatusForbidden)
		case strings.Contains(r.URL.Path, "/busy/"):
			http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}`, http.StatusTooManyRequests)
		case strings.Contains(r.URL.Path, "/ill/"):
			http.Error(w, "", http.StatusNotImplemented)
		case strings.HasSuffix(r.URL.Path, spoilt):
			w.(http.Flusher).Flush() // of a length not told
			io.WriteString(w, strings.Repeat("x", 100))
		default:
			return false
		}
		return true
	})
	closed := httptest.NewServer(nil)
	gone := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	missing := "sha256:" + strings.Repeat("0", 64)
	for _, tt := range []struct {
		reference string
		is        error
		text      string
	}{
		{reg.host + "/team/app:2", ErrNotFound, `failed to pull and unpack image "HOST/team/app:2": failed to resolve reference "HOST/team/app:2": HOST/team/app:2: not found`},
		{reg.host + "/team/app@" + missing, ErrNotFound, `failed to pull and unpack image "HOST/team/app@` + missing + `": failed to resolve reference "HOST/team/app@` + missing + `": HOST/team/app@` + missing + `: not found`},
		{reg.host + "/nope/app:1", ErrNotFound, `failed to pull and unpack image "HOST/nope/app:1": failed to resolve reference "HOST/nope/app:1": HOST/nope/app:1: not found`},
		{reg.host + "/secret/app:1", ErrDenied, `failed to pull and unpack image "HOST/secret/app:1": failed to resolve reference "HOST/secret/app:1": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`},
		{reg.host + "/busy/app:1", nil, `unexpected status: 429 Too Many Requests: server message: TOOMANYREQUESTS: You have reached your pull rate limit.`},
		{reg.host + "/ill/app:1", nil, `unexpected status from GET request to http://HOST/v2/ill/app/manifests/1: 501 Not Implemented`},
		{reg.host + "/team/big:1", ErrTooLarge, `failed to pull and unpack image "HOST/team/big:1": image too large: 4 MB compressed, and this server takes 1 MB at most`},
		{reg.host + "/team/ten:1", ErrTooLarge, `failed to pull and unpack image "HOST/team/ten:1": image too large: 10240 MB compressed, and this server takes 1 MB at most`},
		{reg.host + "/team/huge:1", ErrTooLarge, `image too large: a manifest of more than 8 MB`},
		{reg.host + "/team/broken:1", nil, `failed to pull and unpack image "HOST/team/broken:1": failed to decode manifest sha256:`},
		{reg.host + "/team/empty:1", nil, `failed to pull and unpack image "HOST/team/empty:1": failed to copy: content at http://HOST/v2/team/empty/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a: HOST/team/empty:1: not found`},
		{reg.host + "/team/old:1", nil, `failed to pull and unpack image "HOST/team/old:1": media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported, please rebuild`},
		{reg.host + "/team/spoilt:1", nil, `failed to pull and unpack image "HOST/team/spoilt:1": failed to copy layer ` + spoilt},
		{gone + "/team/app:1", ErrUnreachable, `connect: connection refused (its built-in catalogue has no such image, but nginx)`},
	} {
		_, _, err := s.Pull(t.Context(), tt.reference, Auth{}, nil)
		if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), strings.ReplaceAll(tt.text, "HOST", reg.host)) {
			t.Errorf("Pull(%q):\n got %v\nwant %s", tt.reference, err, tt.text)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.registries.Dir, "download-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func layerOf(t *testing.T, img v1.Image) v1.Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	return layers[0]
}

// tenGigabytes is an image's manifest, with one more layer than there is.
func tenGigabytes(t *testing.T, reg *shelf) string {
	t.Helper()
	img := reg.push(t, "team/ten:0", 100)
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	descriptor := func(digest string, size int) string {
		return fmt.Sprintf(`{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": %d, "digest": %q}`, size, digest)
	}
	big := descriptor(digestOf(t, layerOf(t, img)), 5<<30)
	return fmt.Sprintf(`{"schemaVersion": 2, "config": %s, "layers": [%s, %s]}`, descriptor(config.String(), len(raw)), big, big)
}

// TestPullPasswords: a registry that wants a password itself, and one that sends
// for a token.
func TestPullPasswords(t *testing.T) {
	for _, kind := range []string{"basic", "token"} {
		t.Run(kind, func(t *testing.T) {
			s, reg := withRegistry(t, nil)
			reg.push(t, "team/app:1", 1000)
			reg.push(t, "other/app:1", 1000)
			reg.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				user, password, _ := r.BasicAuth()
				known := user == "ann" && password == "secret"
				if kind == "basic" {
					if !known {
						w.Header().Set("WWW-Authenticate", `Basic realm="shelf"`)
						w.WriteHeader(http.StatusUnauthorized)
					}
					return !known
				}
				token := ""
				switch {
				case r.URL.Path == "/token" && user != "" && !known:
					http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`, http.StatusUnauthorized)
					return true
				case r.URL.Path == "/token":
					if known {
						token = "team"
					}
					fmt.Fprintf(w, `{"token": "token of %s"}`, token)
					return true
				case r.Header.Get("Authorization") == "Bearer token of team" && !strings.Contains(r.URL.Path, "/other/"):
					return false
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+reg.host+`/token",service="shelf"`)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			})
			reference := reg.host + "/team/app:1"
			resolving := fmt.Sprintf("failed to pull and unpack image %q: failed to resolve reference %[1]q: ", reference)
			nobody := map[string]string{
				"basic": resolving + "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
				"token": resolving + "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
			}
			wrong := map[string]string{
				"basic": resolving + "unexpected status from GET request to http://" + reg.host + "/v2/team/app/manifests/1: 401 Unauthorized",
				"token": resolving + "failed to authorize: failed to fetch oauth token: unexpected status from GET request to http://" + reg.host + "/token: 401 Unauthorized: server message: UNAUTHORIZED: incorrect username or password",
			}
			if _, _, err := s.Pull(t.Context(), reference, Auth{}, nil); !errors.Is(err, ErrDenied) || err.Error() != nobody[kind] {
				t.Errorf("without credentials:\n got %v\nwant %s", err, nobody[kind])
			}
			if _, _, err := s.Pull(t.Context(), reference, Auth{Username: "ann", Password: "guess"}, nil); !errors.Is(err, ErrUnauthorized) || err.Error() != wrong[kind] {
				t.Errorf("with wrong ones:\n got %v\nwant %s", err, wrong[kind])
			}
			right := Auth{Username: "ann", Password: "secret"}
			if _, _, err := s.Pull(t.Context(), reference, right, nil); err != nil {
				t.Error(err)
			}
			// Its layers are here now; that is no way in.
			if _, _, err := s.Pull(t.Context(), reference, Auth{}, nil); !errors.Is(err, ErrDenied) {
				t.Errorf("without credentials, after somebody else: %v", err)
			}
			if kind == "token" {
				if _, _, err := s.Pull(t.Context(), reg.host+"/other/app:1", right, nil); !errors.Is(err, ErrUnauthorized) {
					t.Errorf("another's repository: %v", err)
				}
			}
		})
	}
}

// TestPullStalls: registries that take the request and say nothing more, in the
// manifest's place or a layer's.
func TestPullStalls(t *testing.T) {
	s, reg := withRegistry(t, func(g *Registries) { g.Stall = 50 * time.Millisecond })
	digest := digestOf(t, layerOf(t, reg.push(t, "team/app:1", 1000)))
	ended := make(chan struct{})
	defer close(ended)
	for _, what := range []string{"/manifests/1", digest} {
		reg.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, what) {
				return false
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-ended:
			}
			return true
		})
		_, _, err := s.Pull(t.Context(), reg.host+"/team/app:1", Auth{}, nil)
		want := fmt.Sprintf("failed to pull and unpack image %q: registry unreachable: the registry %s sent nothing for 50ms", reg.host+"/team/app:1", reg.host)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", what, err, want)
		}
	}
}

// TestPullTogether: who waits for a layer that another fetches gets it once,
// and goes on alone when that one gives up.
func TestPullTogether(t *testing.T) {
	s, reg := withRegistry(t, nil)
	layer := layerOf(t, reg.push(t, "team/app:1", 1000))
	digest := digestOf(t, layer)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	reg.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, digest) {
			asked <- struct{}{}
			select {
			case <-answer:
			case <-r.Context().Done():
				return true
			}
		}
		return false
	})
	pull := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() {
			_, _, err := s.Pull(ctx, reg.host+"/team/app:1", Auth{}, nil)
			done <- err
		}()
		return done
	}
	leaving, leave := context.WithCancel(t.Context())
	first := pull(leaving)
	<-asked
	var others []chan error
	for range 3 {
		others = append(others, pull(t.Context()))
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	<-asked // by the next in turn
	close(answer)
	for _, other := range others {
		if err := <-other; err != nil {
			t.Errorf("who stayed: %v", err)
		}
	}
	if len(asked) > 0 {
		t.Errorf("the layer was fetched %d times more than once", len(asked))
	}
}

// TestPullMakesRoom: what was not used for longest goes first.
func TestPullMakesRoom(t *testing.T) {
	s, reg := withRegistry(t, func(g *Registries) { g.MaxBytes = 6000 })
	var images []Image
	for i := range 3 {
		reference := fmt.Sprintf("team/app:%d", i)
		reg.push(t, reference, 1000)
		img, _, err := s.Pull(t.Context(), reg.host+"/"+reference, Auth{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
		if !images[0].Complete() { // a use
			t.Fatalf("the first image went before its turn, when %d were there", i+1)
		}
	}
	if images[1].Complete() || !images[2].Complete() {
		t.Errorf("complete: the second %v, the third %v; the second was not used for longest", images[1].Complete(), images[2].Complete())
	}
	if _, _, err := s.Pull(t.Context(), reg.host+"/team/app:1", Auth{}, nil); err != nil {
		t.Errorf("pulled anew: %v", err)
	}
}

func TestTurns(t *testing.T) {
	var turns turns
	var wg sync.WaitGroup
	var at, worst atomic.Int64
	for range 20 {
		wg.Go(func() {
			release, err := turns.take(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			worst.Store(max(worst.Load(), at.Add(1)))
			runtime.Gosched()
			at.Add(-1)
			release()
		})
	}
	wg.Wait()
	if worst.Load() != 1 || len(turns.busy) != 0 {
		t.Errorf("%d at once, and %d left", worst.Load(), len(turns.busy))
	}
}

func TestLeftoversGo(t *testing.T) {
	dir := t.TempDir()
	left, kept := filepath.Join(dir, "download-1"), filepath.Join(dir, "abc")
	for _, file := range []string{left, kept} {
		if err := os.WriteFile(file, bytes.Repeat([]byte("a"), 10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&Registries{Dir: dir}).prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a layer is there still: %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
