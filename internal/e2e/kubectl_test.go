package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/podhop/podhop/engine/model"
)

// A session is one opened over HTTP, with a kubeconfig for kubectl.
type session struct {
	*server
	ID, kubeconfig string
}

// open opens a session as the flags say; it is closed with the test.
func (s *server) open() *session {
	s.t.Helper()
	return s.openWith(model.SessionOptions{})
}

func (s *server) openWith(o model.SessionOptions) *session {
	s.t.Helper()
	var created model.Session
	if code := s.call("POST", "/api/sessions", o, &created); code != 201 {
		s.t.Fatalf("open a session: %d", code)
	}
	if created.ID == "" || created.URL == "" || created.APIServer == "" || created.ExpiresAt == "" {
		s.t.Fatalf("the session does not say all: %+v", created)
	}
	x := &session{server: s, ID: created.ID, kubeconfig: filepath.Join(s.t.TempDir(), "kubeconfig")}
	x.writeKubeconfig()
	return x
}

// writeKubeconfig downloads what a learner would.
func (x *session) writeKubeconfig() {
	x.t.Helper()
	resp := must(http.Get(x.URL + x.path("/kubeconfig")))
	defer resp.Body.Close()
	body := must(io.ReadAll(resp.Body))
	if resp.StatusCode != 200 {
		x.t.Fatalf("kubeconfig: %s\n%s", resp.Status, body)
	}
	if err := os.WriteFile(x.kubeconfig, body, 0o600); err != nil {
		x.t.Fatal(err)
	}
}

// run makes a subtest, whose failures are its own.
func (x *session) run(t *testing.T, name string, test func(*testing.T, *session)) {
	t.Run(name, func(t *testing.T) {
		inner, server := *x, *x.server
		server.t, inner.server = t, &server
		test(t, &inner)
	})
}

func (x *session) path(rest string) string { return "/api/sessions/" + x.ID + rest }

// kubectl runs the real one against the session and fails the test if it fails.
func (x *session) kubectl(args ...string) string {
	x.t.Helper()
	out, err := x.tryKubectl("", args...)
	if err != nil {
		x.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (x *session) tryKubectl(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// A home of its own: kubectl caches discovery there.
	args = append([]string{"--kubeconfig", x.kubeconfig, "--cache-dir", filepath.Dir(x.kubeconfig)}, args...)
	return output(ctx, stdin, kubectl, args...)
}

// article returns one of the article's manifests, as it stands there.
func article(name string) string {
	return string(must(os.ReadFile(filepath.Join(root, "lessons", "samples", name))))
}

func TestKubectl(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()

	x.run(t, "version", func(t *testing.T, x *session) {
		if out := x.kubectl("version"); !strings.Contains(out, "Server Version: v1.37") {
			t.Error(out)
		}
	})
	x.run(t, "nodes", func(t *testing.T, x *session) {
		// Seeded as Ready; a kubelet that has just begun may say for a moment that it is not.
		x.ready("node-1", "node-2", "node-3")
		out := x.kubectl("get", "nodes", "-o", "wide")
		for _, want := range []string{"node-1", "node-2", "node-3", "172.18.0.11", "crun://"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if strings.Contains(out, "NotReady") {
			t.Error(out)
		}
	})
	x.run(t, "apply and diff", func(t *testing.T, x *session) {
		out, err := x.tryKubectl(article("3-my-deployment.yaml"), "apply", "-f", "-")
		if err != nil || !strings.Contains(out, "deployment.apps/my-deployment created") {
			t.Fatal(out, err)
		}
		x.kubectl("rollout", "status", "deployment/my-deployment", "--timeout=60s")
		changed := strings.Replace(article("3-my-deployment.yaml"), "image: nginx", "image: nginx:1.25", 1)
		out, err = x.tryKubectl(changed, "diff", "-f", "-")
		var exit *exec.ExitError
		if !asExit(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, "+      - image: nginx:1.25") {
			t.Errorf("diff: %v\n%s", err, out)
		}
	})
	x.run(t, "get", func(t *testing.T, x *session) {
		out := x.kubectl("get", "pods", "-o", "wide")
		if strings.Count(out, "1/1     Running") != 3 || !strings.Contains(out, "10.244.") {
			t.Error(out)
		}
		if out := x.kubectl("get", "deployment", "my-deployment", "-o", "yaml"); !strings.Contains(out, "readyReplicas: 3") {
			t.Error(out)
		}
	})
	x.run(t, "watch", func(t *testing.T, x *session) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, kubectl, "--kubeconfig", x.kubeconfig, "get", "configmaps", "-w", "-o", "name")
		out := &lockedBuffer{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		until(t, patience, "the watch lists", func() string {
			if strings.Contains(out.String(), "kube-root-ca.crt") {
				return ""
			}
			return out.String()
		})
		x.kubectl("create", "configmap", "watched", "--from-literal=a=b")
		until(t, patience, "the watch sees a new object", func() string {
			if strings.Contains(out.String(), "configmap/watched") {
				return ""
			}
			return out.String()
		})
	})
	x.run(t, "describe", func(t *testing.T, x *session) {
		// kubectl leaves events out where it describes several.
		pod := strings.Fields(x.kubectl("get", "pods", "-l", "app=my-app", "-o", "name"))[0]
		until(t, patience, "the pod's events", func() string {
			out := x.kubectl("describe", pod)
			for _, want := range []string{"Successfully assigned default/my-deployment", "Pulled", "Container started"} {
				if !strings.Contains(out, want) {
					return fmt.Sprintf("no %q in\n%s", want, out)
				}
			}
			return ""
		})
		if out := x.kubectl("describe", "node", "node-1"); !strings.Contains(out, "KubeletReady") {
			t.Error(out)
		}
	})
	x.run(t, "rollout", func(t *testing.T, x *session) {
		x.kubectl("set", "image", "deployment/my-deployment", "my-container=httpd")
		x.kubectl("rollout", "status", "deployment/my-deployment", "--timeout=60s")
		out := x.kubectl("rollout", "history", "deployment/my-deployment")
		if !strings.Contains(out, "\n1 ") || !strings.Contains(out, "\n2 ") {
			t.Error(out)
		}
		x.kubectl("rollout", "undo", "deployment/my-deployment")
		x.kubectl("rollout", "status", "deployment/my-deployment", "--timeout=60s")
		if out := x.kubectl("get", "deployment", "my-deployment", "-o", "jsonpath={..image}"); out != "nginx" {
			t.Errorf("after undo: %q", out)
		}
	})
	x.run(t, "scale", func(t *testing.T, x *session) {
		x.kubectl("scale", "deployment/my-deployment", "--replicas=1")
		until(t, 60*time.Second, "one pod is left", func() string {
			out := x.kubectl("get", "pods", "-l", "app=my-app", "-o", "name")
			if strings.Count(out, "pod/") == 1 {
				return ""
			}
			return out
		})
	})
	x.run(t, "exec", func(t *testing.T, x *session) {
		out, err := x.tryKubectl("from stdin\n", "exec", "-i", "deploy/my-deployment", "--", "sh", "-c", "cat; hostname -i; exit 7")
		var exit *exec.ExitError
		if !asExit(err, &exit) || exit.ExitCode() != 7 || !strings.Contains(out, "from stdin") || !strings.Contains(out, "10.244.") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	x.run(t, "exec -it", func(t *testing.T, x *session) {
		cmd := exec.Command(kubectl, "--kubeconfig", x.kubeconfig, "exec", "-it", "deploy/my-deployment", "--", "sh")
		f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 31, Cols: 97})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		screen := &lockedBuffer{}
		go func() {
			buf := make([]byte, 4096)
			for {
				n, err := f.Read(buf)
				screen.Write(buf[:n])
				if err != nil {
					return
				}
			}
		}()
		sees := func(text string) {
			t.Helper()
			until(t, patience, "the terminal", func() string {
				if strings.Contains(screen.String(), text) {
					return ""
				}
				return "no " + text + " in " + screen.String()
			})
		}
		sees("# ")
		f.WriteString("echo tty:$(test -t 0 && echo yes)\n")
		sees("tty:yes")
		until(t, patience, "the terminal's size", func() string {
			f.WriteString("stty size\n")
			if strings.Contains(screen.String(), "31 97") {
				return ""
			}
			return screen.String()
		})
		f.WriteString("exit\n")
		if err := cmd.Wait(); err != nil {
			t.Errorf("exit: %v\n%s", err, screen)
		}
	})
	x.run(t, "logs -f", func(t *testing.T, x *session) {
		x.kubectl("run", "ticker", "--image=busybox", "--restart=Never", "--", "sh", "-c", "for i in 1 2 3; do echo tick $i; sleep 0.2; done")
		until(t, patience, "the pod starts", func() string {
			out, err := x.tryKubectl("", "logs", "-f", "ticker")
			if err == nil && strings.Contains(out, "tick 1\ntick 2\ntick 3\n") {
				return ""
			}
			return out
		})
	})
	x.run(t, "events", func(t *testing.T, x *session) {
		if out := x.kubectl("events"); !strings.Contains(out, "ScalingReplicaSet") {
			t.Error(out)
		}
	})
	x.run(t, "explain", func(t *testing.T, x *session) {
		if out := x.kubectl("explain", "deployment.spec.strategy"); !strings.Contains(out, "rollingUpdate") {
			t.Error(out)
		}
	})
	x.run(t, "api-resources", func(t *testing.T, x *session) {
		out := x.kubectl("api-resources")
		for _, want := range []string{"pods", "deployments", "networkpolicies", "customresourcedefinitions"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %s in\n%s", want, out)
			}
		}
	})
	x.run(t, "auth can-i", func(t *testing.T, x *session) {
		if out := x.kubectl("auth", "can-i", "delete", "pods"); strings.TrimSpace(out) != "yes" {
			t.Error(out)
		}
		out, _ := x.tryKubectl("", "auth", "can-i", "delete", "pods", "--as=system:serviceaccount:default:default")
		if !strings.HasPrefix(out, "no") {
			t.Error(out)
		}
	})
	x.run(t, "create token", func(t *testing.T, x *session) {
		token := strings.TrimSpace(x.kubectl("create", "token", "default"))
		out, err := x.tryKubectl("", "--token", token, "auth", "whoami")
		if err != nil || !strings.Contains(out, "system:serviceaccount:default:default") {
			t.Error(out, err)
		}
		// Another session must not know it.
		y := s.open()
		if out, err := y.tryKubectl("", "--token", token, "auth", "whoami"); err == nil {
			t.Errorf("another session took the token:\n%s", out)
		}
	})
	x.run(t, "get --raw", func(t *testing.T, x *session) {
		// kubectl drops the path of the server's URL here; the session's name is left.
		if out := x.kubectl("get", "--raw", "/api/v1/namespaces/default/pods"); !strings.Contains(out, `"my-deployment-`) {
			t.Error(out)
		}
	})
	x.run(t, "custom resources", func(t *testing.T, x *session) {
		out, err := x.tryKubectl(crd, "apply", "-f", "-")
		if err != nil {
			t.Fatal(out)
		}
		// By its path, because kubectl gives up on an object that has no conditions yet.
		x.kubectl("wait", `--for=jsonpath={.status.conditions[?(@.type=="Established")].status}=True`, "crd/hops.example.com", "--timeout=30s")
		if out, err := x.tryKubectl("apiVersion: example.com/v1\nkind: Hop\nmetadata: {name: one}\nspec: {count: many}\n", "apply", "-f", "-"); err == nil ||
			!strings.Contains(out, "spec.count") {
			t.Errorf("taken against its schema: %s", out)
		}
		if out, err := x.tryKubectl("apiVersion: example.com/v1\nkind: Hop\nmetadata: {name: one}\nspec: {count: 3}\n", "apply", "-f", "-"); err != nil {
			t.Fatal(out)
		}
		if out := x.kubectl("get", "hops"); !strings.Contains(out, "one") {
			t.Error(out)
		}
		y := s.open()
		if out, err := y.tryKubectl("", "get", "hops"); err == nil {
			t.Errorf("another session has them, too: %s", out)
		}
	})
	x.run(t, "delete", func(t *testing.T, x *session) {
		x.kubectl("delete", "deployment", "my-deployment")
		x.kubectl("delete", "pod", "ticker")
		until(t, 60*time.Second, "the pods are gone", func() string {
			out := x.kubectl("get", "pods", "-o", "name")
			return strings.TrimSpace(out)
		})
	})
	y := s.open()
	testCommands(t, y)
	testStreams(t, y)
	y.parallel(t, "proxy", testProxy)
	s.openWith(model.SessionOptions{Nodes: 2}).parallel(t, "nodes", testNodeCommands)
}

const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: hops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: hops, singular: hop, kind: Hop}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {count: {type: integer}}}}
`
