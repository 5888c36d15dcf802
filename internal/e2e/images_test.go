package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/podhop/podhop/engine/container/image/catalog"
)

// A shelf is a registry that lets everybody have what is in open/, and ann what
// is in private/. Whoever takes the layers of open/slow waits until they give up.
type shelf struct {
	http.Handler
	host string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.host = strings.TrimPrefix(srv.URL, "http://")
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if known := user == "ann" && password == "secret"; !known && !strings.HasPrefix(r.URL.Path, "/v2/open/") {
		w.Header().Set("WWW-Authenticate", `Basic realm="shelf"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v2/open/slow/blobs/") {
		<-r.Context().Done()
		return
	}
	s.Handler.ServeHTTP(w, r)
}

// push puts an image there and returns its digest.
func (s *shelf) push(t *testing.T, reference string, img v1.Image) string {
	t.Helper()
	auth := remote.WithAuth(&authn.Basic{Username: "ann", Password: "secret"})
	if err := remote.Write(must(name.NewTag(s.host+"/"+reference)), img, auth); err != nil {
		t.Fatal(err)
	}
	return must(img.Digest()).String()
}

// sleeper is the catalogue's busybox, asleep, and of a version of its own.
func sleeper(t *testing.T, version string) v1.Image {
	t.Helper()
	index := must(must(layout.FromPath(catalogue)).ImageIndex())
	for _, m := range must(index.IndexManifest()).Manifests {
		if m.Annotations[catalog.AnnotationName] == "busybox" {
			img := must(index.Image(m.Digest))
			config := must(img.ConfigFile()).Config
			config.Cmd, config.Env = []string{"sleep", "1000000"}, append(config.Env, "VERSION="+version)
			return must(mutate.Config(img, config))
		}
	}
	t.Fatal("the catalogue has no busybox")
	return nil
}

// asked is a pod for an image; with says more of its spec.
func asked(pod, image, policy, with string) string {
	if policy != "" {
		policy = ", imagePullPolicy: " + policy
	}
	return fmt.Sprintf("---\n{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {nodeName: node-1, %s terminationGracePeriodSeconds: 0, containers: [{name: c, image: '%s'%s}]}}\n", pod, with, image, policy)
}

// told is what is known of a pod: how its container is, and the pod's events.
type told struct{ phase, reason, message, imageID, events string }

func (x *session) told() map[string]*told {
	x.t.Helper()
	out := map[string]*told{}
	at := func(pod string) *told {
		if out[pod] == nil {
			out[pod] = &told{}
		}
		return out[pod]
	}
	const each = `jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.phase}{"\t"}{..waiting.reason}{"\t"}{..imageID}{"\t"}{..waiting.message}{"\n"}{end}`
	for _, line := range strings.Split(x.kubectl("get", "pods", "-o", each), "\n") {
		if f := strings.SplitN(line, "\t", 5); len(f) == 5 {
			p := at(f[0])
			p.phase, p.reason, p.imageID, p.message = f[1], f[2], f[3], f[4]
		}
	}
	const event = `jsonpath={range .items[*]}{.involvedObject.name}{"\t"}{.type} {.reason} {.message}{"\n"}{end}`
	for _, line := range strings.Split(x.kubectl("get", "events", "-o", event), "\n") {
		if pod, text, ok := strings.Cut(line, "\t"); ok {
			at(pod).events += text + "\n"
		}
	}
	return out
}

// expectation is what a pod is to come to, and what is to be said on the way.
type expectation struct {
	pod, phase, reason string
	says               []string // each in the container's message or the events
}

func (e expectation) missing(p *told) (missing []string) {
	if p == nil {
		return []string{"the pod"}
	}
	if e.phase != "" && p.phase != e.phase {
		missing = append(missing, fmt.Sprintf("phase %s (it is %s, %s: %s)", e.phase, p.phase, p.reason, p.message))
	}
	if e.reason != "" && p.reason != e.reason {
		missing = append(missing, fmt.Sprintf("reason %s (it is %s)", e.reason, p.reason))
	}
	for _, text := range e.says {
		if !strings.Contains(p.message+"\n"+p.events, text) {
			missing = append(missing, fmt.Sprintf("%q in %q and\n%s", text, p.message, p.events))
		}
	}
	return missing
}

// comeTo waits until each has been as it is to be: states of failed pulls alternate.
func (x *session) comeTo(what string, all []expectation) {
	x.t.Helper()
	until(x.t, 180*time.Second, what, func() string {
		now := x.told()
		var still []string
		all = slices.DeleteFunc(all, func(e expectation) bool {
			missing := e.missing(now[e.pod])
			if len(missing) > 0 {
				still = append(still, e.pod+": "+strings.Join(missing, "; "))
			}
			return len(missing) == 0
		})
		return strings.Join(still, "\n")
	})
}

// TestImages: where images come from, and all that can go wrong with them, in the
// kubelet's own words. A registry stands behind several names.
func TestImages(t *testing.T) {
	t.Parallel() // it waits more than it works
	reg := newShelf(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	s := start(t, t.TempDir(), "--nodes", "1", "--image-size", "64Mi", "--registry-mirrors",
		fmt.Sprintf("registry.example.com=%s,docker.io=%[1]s,gone.example.com=%s", reg.host, strings.TrimPrefix(closed.URL, "http://")))
	x := s.open()

	digest := reg.push(t, "open/app:1", sleeper(t, "1"))
	reg.push(t, "private/app:1", sleeper(t, "private"))
	moved := reg.push(t, "open/moved:1", sleeper(t, "before"))
	slow := must(mutate.AppendLayers(sleeper(t, "slow"), must(random.Layer(1000, "application/vnd.oci.image.layer.v1.tar"))))
	reg.push(t, "open/slow:1", slow)
	huge := must(http.NewRequest(http.MethodPut, "http://"+reg.host+"/v2/open/huge/manifests/1", strings.NewReader(tenGigabytes(t, reg))))
	huge.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	huge.SetBasicAuth("ann", "secret")
	if resp := must(http.DefaultClient.Do(huge)); resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
	x.kubectl("create", "secret", "docker-registry", "right", "--docker-server=registry.example.com", "--docker-username=ann", "--docker-password=secret")
	x.kubectl("create", "secret", "docker-registry", "wrong", "--docker-server=registry.example.com", "--docker-username=ann", "--docker-password=guess")
	x.kubectl("create", "serviceaccount", "puller")
	x.kubectl("patch", "serviceaccount", "puller", "-p", `{"imagePullSecrets":[{"name":"right"}]}`)

	const example, private = "registry.example.com/open/", "registry.example.com/private/app:1"
	secret := func(name string) string { return "imagePullSecrets: [{name: " + name + "}]," }
	results := x.apply(strings.Join([]string{
		asked("served", example+"app:1", "", ""), asked("by-digest", example+"app@"+digest, "", ""), asked("built-in", "nginx", "", ""),
		asked("gone", example+"app:gone", "", ""), asked("typo", "ngnix", "", ""), asked("unreachable", "gone.example.com/app:1", "", ""),
		asked("invalid", example+"App", "", ""), asked("never", example+"other:1", "Never", ""), asked("huge", example+"huge:1", "", ""),
		asked("no-secret", private, "", ""), asked("right-secret", private, "", secret("right")), asked("wrong-secret", private, "", secret("wrong")),
		asked("account", private, "Always", "serviceAccountName: puller,"),
		asked("before", example+"moved:1", "", ""), asked("slow", example+"slow:1", "", ""),
	}, ""))
	for _, r := range results {
		if len(r.Errors) > 0 {
			t.Fatalf("%+v", r)
		}
	}
	source := fmt.Sprintf("was served by the registry registry.example.com (by its mirror %s)", reg.host)
	failed := func(image, why string) string {
		return fmt.Sprintf("Warning Failed Failed to pull image %q: failed to pull and unpack image %q: %s", image, image, why)
	}
	resolve := func(image, why string) string {
		return failed(image, fmt.Sprintf("failed to resolve reference %q: %s", image, why))
	}
	backOff := []string{"Warning Failed Error: ErrImagePull", "Normal BackOff Back-off pulling image", "Warning Failed Error: ImagePullBackOff", "Back-off pulling image"}
	x.run(t, "states", func(t *testing.T, x *session) {
		x.comeTo("each pod is as it would be on any cluster", []expectation{
			{"served", "Running", "", []string{`Normal Pulling Pulling image "` + example + `app:1"`, `Normal ImageServed Image "` + example + `app:1" ` + source,
				`Normal Pulled Successfully pulled image "` + example + `app:1" in `, " including waiting). Image size: "}},
			{"by-digest", "Running", "", []string{`Normal ImageServed Image "` + example + "app@" + digest}},
			{"built-in", "Running", "", []string{`Normal ImageServed Image "nginx`, "was served by the built-in catalogue (nginx"}},
			{"gone", "Pending", "ImagePullBackOff", append(backOff, resolve(example+"app:gone", example+"app:gone: not found"),
				fmt.Sprintf("Back-off pulling image %q: ErrImagePull: failed to pull and unpack image", example+"app:gone"))},
			{"typo", "Pending", "ImagePullBackOff", append(backOff, `Failed to pull image "ngnix": failed to pull and unpack image "docker.io/library/ngnix:latest"`)},
			{"unreachable", "Pending", "ImagePullBackOff", append(backOff, "connection refused", "built-in catalogue has no such image, but ", "busybox", "nginx")},
			{"invalid", "Pending", "InvalidImageName", []string{`Warning InspectFailed Failed to apply default image tag "` + example + `App": couldn't parse image name`, "Warning Failed Error: InvalidImageName"}},
			{"never", "Pending", "ErrImageNeverPull", []string{`Warning ErrImageNeverPull Container image "` + example + `other:1" is not present with pull policy of Never`, "Warning Failed Error: ErrImageNeverPull"}},
			{"huge", "Pending", "ImagePullBackOff", append(backOff, failed(example+"huge:1", "image too large: 10240 MB compressed, and this server takes 64 MB at most"))},
			{"no-secret", "Pending", "ImagePullBackOff", append(backOff, resolve(private, "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"))},
			{"right-secret", "Running", "", []string{source}},
			{"wrong-secret", "Pending", "ImagePullBackOff", append(backOff, "401 Unauthorized")},
			{"account", "Running", "", []string{source}},
			{"before", "Running", "", nil},
		})
	})
	x.run(t, "a registry that hangs", func(t *testing.T, x *session) {
		x.comeTo("the pull says how far it is", []expectation{{"slow", "Pending", "", []string{`Normal PullProgress Still pulling image "` + example + `slow:1": `}}})
	})
	x.run(t, "what is there", func(t *testing.T, x *session) {
		after := reg.push(t, "open/moved:1", sleeper(t, "after"))
		x.apply(asked("still", example+"moved:1", "IfNotPresent", "") + asked("here", example+"app:1", "Never", ""))
		x.comeTo("images of the node do", []expectation{
			{"still", "Running", "", []string{`Normal Pulled Container image "` + example + `moved:1" already present on machine`, source}},
			{"here", "Running", "", []string{`Container image "` + example + `app:1" already present on machine`}},
		})
		x.apply(asked("anew", example+"moved:1", "Always", ""))
		x.comeTo("a tag is resolved anew", []expectation{{"anew", "Running", "", []string{"Successfully pulled image"}}})
		now := x.told()
		for pod, want := range map[string]string{"before": moved, "still": moved, "anew": after} {
			if got := now[pod].imageID; got != example+"moved@"+want {
				t.Errorf("%s runs %s, want %s", pod, got, want)
			}
		}
		until(t, 180*time.Second, "the node lists what it has", func() string {
			out := x.kubectl("get", "node", "node-1", "-o", `jsonpath={range .status.images[*]}{.names} {.sizeBytes}{"\n"}{end}`)
			for _, want := range []string{example + "app:1", "docker.io/library/nginx:latest", example + "moved@" + moved, example + "moved@" + after} {
				if !strings.Contains(out, `"`+want+`"`) {
					return want + " in\n" + out
				}
			}
			return ""
		})
	})
}

// tenGigabytes is the manifest of an image that says it has a layer of 10 GiB.
func tenGigabytes(t *testing.T, reg *shelf) string {
	t.Helper()
	small := sleeper(t, "huge")
	reg.push(t, "open/huge:0", small)
	config := must(small.ConfigName())
	return fmt.Sprintf(`{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": %d, "digest": %q},
		"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": %d, "digest": %q}]}`,
		len(must(small.RawConfigFile())), config, int64(10<<30), must(must(small.Layers())[0].Digest()))
}

// TestImagesList: the command that says what there is.
func TestImagesList(t *testing.T) {
	out, err := exec.Command(podhop, "images", "list", "--images", catalogue).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"IMAGE", "docker.io/library/nginx", "registry.k8s.io/e2e-test-images/agnhost"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	out, err = exec.Command(podhop, "images", "build", "--images", catalogue).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "images: 0 built, ") {
		t.Errorf("built again, though nothing changed: %v\n%s", err, out)
	}
}
