package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// streaming is what exec, attach, cp and port-forward are tried on: two containers,
// and beside them some that end.
const streaming = `apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: a, image: busybox, command: [sh, -c, "echo a-out; echo a-end; trap exit TERM; while :; do sleep 1 & wait $!; done"]}
  - {name: b, image: nginx}
---
apiVersion: v1
kind: Pod
metadata: {name: crash, labels: {app: two}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: busybox, command: [sh, -c, "echo start; exit 3"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: busybox, stdin: true, command: [sh, -c, "while read line; do echo got $line; done; sleep 3600"]}]
---
apiVersion: v1
kind: Service
metadata: {name: two}
spec: {selector: {app: two}, ports: [{name: web, port: 8080, targetPort: 80}, {name: udp, port: 53, protocol: UDP}]}
`

var transports = map[string][]string{
	"websockets": {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true", "KUBECTL_PORT_FORWARD_WEBSOCKETS=true"},
	"SPDY":       {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false", "KUBECTL_PORT_FORWARD_WEBSOCKETS=false"},
}

// testStreams tries what is a conversation with a running pod, over both protocols.
func testStreams(t *testing.T, x *session) {
	x.parallel(t, "logs", testLogs)
	for transport, env := range transports {
		x.parallel(t, transport, func(t *testing.T, x *session) {
			blob := make([]byte, 10<<20)
			rand.Read(blob)
			s := x.fresh("streams-"+strings.ToLower(transport)).shell(map[string]string{"pods.yaml": streaming, "blob": string(blob), "tree/sub/file": "in a tree\n"}, env...)
			s.sh("kubectl apply -f pods.yaml && kubectl wait --for=condition=Ready --timeout=110s pod/two pod/reader")
			s.steps([]step{
				{line: "kubectl exec two -- hostname", says: `Defaulted container "a" out of: a, b` + "\ntwo"},
				{line: "kubectl exec two -c b -- sh -c 'echo out; echo err >&2; exit 5'", exit: 5, says: "out\nerr\ncommand terminated with exit code 5"},
				{line: "kubectl exec two -c b 2>/dev/null -- sh -c 'echo out; echo err >&2'", says: "out"},
				{line: "kubectl exec two -c nothing -- true", exit: 1, says: "error: container nothing is not valid for pod two out of: a, b"},
				{line: "kubectl exec two -c a -- nothing", exit: 1, says: `exec: "nothing": executable file not found in $PATH`},
				{line: "kubectl exec nothing -- true", exit: 1, says: `Error from server (NotFound): pods "nothing" not found`},
				{line: "kubectl exec svc/two -- hostname", says: "two"},
				{line: "kubectl exec -i two -c a -- sha256sum < blob > there; sha256sum < blob | diff - there"},
				{line: "kubectl exec -i two -c a -- cat < blob | cmp - blob"},
				{line: "kubectl cp blob two:/tmp/blob -c a && kubectl cp two:/tmp/blob back -c a && cmp blob back"},
				{line: "kubectl cp tree two:/tmp/ -c a && kubectl cp two:/tmp/tree back-tree -c a && diff -r tree back-tree"},
				{line: "kubectl run echo --image=busybox --restart=Never -i --rm --quiet -- cat < pods.yaml | cmp - pods.yaml"},
				{line: "echo said | kubectl run exit --image=busybox --restart=Never -i --rm -- sh -c 'cat; exit 4'", exit: 4, says: "said\n" + `pod "exit" deleted`},
				{line: "kubectl port-forward svc/two :53", exit: 1, says: "error: UDP protocol is not supported for 53"},
				{line: "kubectl port-forward svc/two :54", exit: 1, says: "Service two does not have a service port 54"},
			})
			x.run(t, "attach", func(t *testing.T, x *session) { s.of(x).testAttach() })
			x.run(t, "terminal", func(t *testing.T, x *session) { s.of(x).testTerminal() })
			x.run(t, "port-forward", func(t *testing.T, x *session) {
				for _, to := range []string{"pod/two :80", "svc/two :8080", "svc/two :web"} {
					s.of(x).testPortForward(to)
				}
				s.of(x).testRefused()
			})
			x.run(t, "proxied", func(t *testing.T, x *session) { s.of(x).testProxied() })
		})
	}
}

// of is the shell for a subtest.
func (s *shell) of(x *session) *shell {
	n, inner := *s.namespace, *s
	n.session, inner.namespace = x, &n
	return &inner
}

func testLogs(t *testing.T, x *session) {
	s := x.fresh("logs").shell(map[string]string{"pods.yaml": streaming})
	s.sh("kubectl apply -f pods.yaml && kubectl wait --for=condition=Ready --timeout=110s pod/two && kubectl wait --for=jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'=3 --timeout=110s pod/crash")
	s.steps([]step{
		{line: "kubectl logs two", says: `Defaulted container "a" out of: a, b` + "\na-out\na-end"},
		{line: "kubectl logs two -c a --tail=1", says: "a-end"},
		{line: "test -z \"$(kubectl logs two -c a --tail=0)\""},
		{line: "test \"$(kubectl logs two -c a --limit-bytes=3)\" = a-o"},
		{line: "kubectl logs two --all-containers --prefix --timestamps --since=1h", says: "[pod/two/a] 20\nZ a-out\n[pod/two/b] 20"},
		{line: "kubectl logs two -c a --since-time=2020-01-01T00:00:00Z", says: "a-out"},
		{line: "kubectl logs -l app=two --all-containers --prefix", says: "[pod/crash/c] start\n[pod/two/a] a-out\n[pod/two/b]"},
		{line: "kubectl logs crash --previous", says: "start"},
		{line: "kubectl logs two -c a --previous", exit: 1, says: `Error from server (BadRequest): previous terminated container "a" in pod "two" not found`},
		{line: "kubectl logs two -c nothing", exit: 1, says: "error: container nothing is not valid for pod two out of: a, b"},
		{line: "kubectl logs nothing", exit: 1, says: `pods "nothing" not found`},
		{line: "kubectl logs -f -l app=two --all-containers --max-log-requests=1", exit: 1, says: "error: you are attempting to follow 3 log streams, but maximum allowed concurrency is 1, use --max-log-requests to increase the limit"},
		// These end because the pods do.
		{line: "kubectl run tick --image=busybox --restart=Never -- sh -c 'for i in 1 2 3; do echo tick $i; sleep 0.2; done'; until kubectl logs -f tick > ticks; do sleep 0.1; done; cat ticks", says: "tick 1\ntick 2\ntick 3"},
		{line: "kubectl logs -f two -c a > followed & until grep -q a-out followed; do sleep 0.1; done; kubectl delete pod two --wait=false; wait $! && cat followed", says: "a-out\n" + `pod "two" deleted`},
	})
}

// testAttach talks with a process that runs.
func (s *shell) testAttach() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, "exec kubectl attach -i reader")
	keyboard := must(cmd.StdinPipe())
	screen := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	fmt.Fprintln(keyboard, "one")
	s.sees(screen, "got one")
	fmt.Fprintln(keyboard, "two")
	s.sees(screen, "got two")
	if out := s.sh("kubectl logs reader"); !strings.Contains(out, "got one\ngot two\n") {
		s.t.Errorf("the log has %q", out)
	}
}

func (s *shell) sees(screen *lockedBuffer, text string) {
	s.t.Helper()
	until(s.t, patience, "the screen shows "+text, func() string {
		if strings.Contains(screen.String(), text) {
			return ""
		}
		return fmt.Sprintf("it shows %q", screen)
	})
}

// testTerminal works at a terminal whose size changes.
func (s *shell) testTerminal() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, "exec kubectl exec -it two -c a -- sh")
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 31, Cols: 97})
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	defer cmd.Process.Kill()
	screen := &lockedBuffer{}
	go io.Copy(screen, f)
	size := func(want string) {
		until(s.t, patience, "the terminal's size is "+want, func() string {
			fmt.Fprintln(f, "stty size")
			time.Sleep(time.Second) // what is typed ahead is all answered
			if strings.Contains(screen.String(), want) {
				return ""
			}
			return fmt.Sprintf("it shows %q", screen)
		})
	}
	size("31 97")
	pty.Setsize(f, &pty.Winsize{Rows: 44, Cols: 123})
	size("44 123")
	fmt.Fprintln(f, "sleep 3600")
	s.sees(screen, "sleep 3600")
	until(s.t, patience, "Ctrl-C ends what runs", func() string {
		f.Write([]byte{3})
		fmt.Fprintln(f, "echo co''de:$?")
		time.Sleep(time.Second)
		if strings.Contains(screen.String(), "code:130") {
			return ""
		}
		return fmt.Sprintf("it shows %q", screen)
	})
	fmt.Fprintln(f, "exit 9")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
		s.t.Errorf("it ends with %v:\n%s", cmd.ProcessState, screen)
	}
}

var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+) ->`)

// forward starts kubectl port-forward and returns where it listens.
func (s *shell) forward(args string) (address string, screen *lockedBuffer) {
	s.t.Helper()
	cmd := s.command(s.t.Context(), "exec kubectl port-forward "+args)
	screen = &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	until(s.t, patience, "port-forward listens", func() string {
		if m := forwarding.FindStringSubmatch(screen.String()); m != nil {
			address = m[1]
			return ""
		}
		return fmt.Sprintf("it shows %q", screen)
	})
	return address, screen
}

// testPortForward asks through several connections at a time.
func (s *shell) testPortForward(to string) {
	s.t.Helper()
	address, screen := s.forward(to)
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			resp, err := client.Get("http://" + address)
			if err == nil {
				var body []byte
				body, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if !bytes.Contains(body, []byte("Welcome to nginx!")) {
					err = fmt.Errorf("%s: %s", resp.Status, body)
				}
			}
			answers <- err
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			s.t.Errorf("%s: %v\n%s", to, err, screen)
		}
	}
}

// testRefused asks a port at which nothing listens.
func (s *shell) testRefused() {
	s.t.Helper()
	address, screen := s.forward("pod/two :81")
	if resp, err := http.Get("http://" + address); err == nil {
		s.t.Errorf("port 81 answers %s", resp.Status)
	}
	s.sees(screen, "failed to connect to localhost:81 inside the pod")
}

// testProxied goes by a proxy that speaks TLS to the world and HTTP to the page's
// listener, as public sites have it.
func (s *shell) testProxied() {
	s.t.Helper()
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(must(url.Parse(s.URL)))
		r.SetXForwarded()
	}})
	defer front.Close()
	config := filepath.Join(s.dir, "proxied")
	if err := os.WriteFile(config, must(os.ReadFile(filepath.Join(s.dir, ".kube", "config"))), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.env = append(s.env, "KUBECONFIG="+config)
	cluster := "podhop-" + s.ID
	s.sh("kubectl config unset clusters." + cluster + ".certificate-authority-data")
	s.sh("kubectl config set-cluster " + cluster + " --tls-server-name= --insecure-skip-tls-verify --server=" + front.URL + "/k8s/" + s.ID)
	s.steps([]step{
		{line: "kubectl exec two -c b -- sh -c 'echo out; exit 5'", exit: 5, says: "out"},
		{line: "kubectl exec -i two -c a -- cat < blob | cmp - blob"},
	})
	s.testPortForward("pod/two :80")
}

// testProxy asks what kubectl proxy leads to.
func testProxy(t *testing.T, x *session) {
	s := x.fresh("proxy").shell(map[string]string{"web.yaml": web, "static/file": "of the learner's\n"})
	s.sh("kubectl apply -f web.yaml && kubectl rollout status deploy/web")
	cmd := s.command(t.Context(), "exec kubectl proxy --port=0 --www=static --www-prefix=/mine/")
	screen := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	starting := regexp.MustCompile(`Starting to serve on (127\.0\.0\.1:\d+)`)
	s.sees(screen, "Starting to serve on 127.0.0.1:")
	base := "http://" + starting.FindStringSubmatch(screen.String())[1]
	pod := strings.TrimSpace(s.sh("kubectl get pods -l app=web -o jsonpath='{.items[0].metadata.name}'"))
	for path, want := range map[string]string{
		"/api/":      `"10.96.0.1:443"`,
		"/mine/file": "of the learner's",
		"/api/v1/namespaces/proxy/pods/" + pod + "/proxy/":              "Welcome to nginx!",
		"/api/v1/namespaces/proxy/pods/http:" + pod + ":80/proxy/":      "Welcome to nginx!",
		"/api/v1/namespaces/proxy/pods/" + pod + ":81/proxy/":           "connection refused",
		"/api/v1/namespaces/proxy/services/web:web/proxy/":              "Welcome to nginx!",
		"/api/v1/namespaces/proxy/services/web:8080/proxy/":             "Welcome to nginx!",
		"/api/v1/namespaces/proxy/services/nothing/proxy/":              "no endpoints available for service",
		"/api/v1/namespaces/proxy/pods/" + pod + "/exec?command=whoami": "Forbidden", // proxies pass no exec on
	} {
		until(t, patience, path, func() string {
			resp, err := http.Get(base + path)
			if err != nil {
				return err.Error()
			}
			defer resp.Body.Close()
			if body := must(io.ReadAll(resp.Body)); !bytes.Contains(body, []byte(want)) {
				return fmt.Sprintf("no %q in %s", want, body)
			}
			return ""
		})
	}
}
