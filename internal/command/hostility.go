package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine"
)

// A hostility is what somebody does to a session of theirs who means it. begin returns when
// it is under way; what it starts is in doing, and ends with that.
type hostility struct {
	name  string
	begin func(ctx context.Context, s *engine.Session, doing *deeds) error
}

func hostilities() []hostility {
	return []hostility{
		{"a fork bomb", hostilePods("busybox", 1, "bomb() { bomb | bomb & }; while :; do bomb; sleep 1; done")},
		{"programs that compute", hostilePods("busybox", 6, "while :; do :; done & while :; do :; done & while :; do :; done & wait")},
		{"programs that want all memory", hostilePods("busybox", 3, "while :; do tail -c 4000m /dev/zero; done & while :; do tail -c 4000m /dev/zero; done & wait")},
		{"programs that fill the disk", hostilePods("busybox", 3, "while :; do dd if=/dev/zero of=/big bs=1M; rm -f /big; done")},
		{"programs that log without end", hostilePods("busybox", 4, "exec yes a line of a log that nobody wants to read, and there is no end to it")},
		{"a flood of packets", hostilePods("nicolaka/netshoot", 3, flooding)},
		{"a flood of packets, looked at", hostileFlood},
		{"connections without end", hostilePods("python:3", 3, "exec python3 -c '"+hostileConnections+"'")},
		{"handshakes with the API server", hostilePods("python:3", 3, "exec python3 -c '"+hostileHandshakes+"'")},
		{"pastes of large objects", hostilePastes},
		{"API requests without a limit", hostileRequests},
		{"watches of what changes", hostileWatches},
		{"pods that come and go", hostileChurn},
		{"Services that come and go", hostileServices},
		{"probes by programs", hostileProbes},
	}
}

// hostileConnections has the kernel remember as many connections as it takes: each socket is one
// to a Service's address, and all namespaces share what they are looked up in.
const hostileConnections = `
import socket, threading
def ask():
    while True:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try: s.sendto(b"x", ("10.96.0.10", 53))
        except OSError: pass
        s.close()
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("10.96.0.1", 443))
        s.close()
for i in range(4): threading.Thread(target=ask).start()
`

// hostileHandshakes has the session's API server, which is a part of this process, begin TLS with
// pods again and again.
const hostileHandshakes = `
import socket, ssl, threading
c = ssl.create_default_context()
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
def ask():
    while True:
        try: c.wrap_socket(socket.create_connection(("10.96.0.1", 443))).close()
        except OSError: pass
for i in range(16): threading.Thread(target=ask).start()
`

// deeds are goroutines that end together.
type deeds struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func newDeeds(ctx context.Context) *deeds {
	d := &deeds{}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d
}

// end ends them, and waits.
func (d *deeds) end() {
	d.cancel()
	d.work.Wait()
}

// repeat has n goroutines do it until the end, one call after another.
func (d *deeds) repeat(n int, do func(ctx context.Context, worker, turn int)) {
	for worker := range n {
		d.work.Go(func() {
			for turn := 0; d.ctx.Err() == nil; turn++ {
				do(d.ctx, worker, turn)
			}
		})
	}
}

// hostilePods runs a script in so many pods.
func hostilePods(image string, pods int, script string) func(context.Context, *engine.Session, *deeds) error {
	return func(ctx context.Context, s *engine.Session, _ *deeds) error {
		var paste bytes.Buffer
		for i := range pods {
			fmt.Fprintf(&paste, `---
apiVersion: v1
kind: Pod
metadata: {name: hostile-%d}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: %s, command: [sh, -c, %q]}]
`, i, image, script)
		}
		if err := s.BenchPaste(ctx, paste.Bytes()); err != nil {
			return err
		}
		return hostileRuns(ctx, s)
	}
}

// hostileRuns waits until the first of the pods has run for a while.
func hostileRuns(ctx context.Context, s *engine.Session) error {
	if err := s.BenchRunning(ctx, "hostile-0"); err != nil {
		return err
	}
	return nap(ctx, time.Second)
}

func nap(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flooding pings another node as fast as that answers.
const flooding = "for i in 1 2 3; do ping -f -q -s 1000 172.18.0.12 & done; wait"

// hostileFlood has pods do that while somebody watches.
func hostileFlood(ctx context.Context, s *engine.Session, doing *deeds) error {
	_, stop, err := watch(doing.ctx, s)
	if err != nil {
		return err
	}
	doing.work.Go(func() {
		<-doing.ctx.Done()
		_ = stop()
	})
	return hostilePods("nicolaka/netshoot", 3, flooding)(ctx, s, doing)
}

// large is what a large object has, in bytes: less than etcd would take.
const large = 900_000

func longText(worker, turn, length int) string {
	word := fmt.Sprintf("%d-%d ", worker, turn)
	return strings.Repeat(word, length/len(word))
}

func hostilePastes(_ context.Context, s *engine.Session, doing *deeds) error {
	doing.repeat(16, func(ctx context.Context, worker, turn int) {
		_ = s.BenchPaste(ctx, fmt.Appendf(nil, "{apiVersion: v1, kind: ConfigMap, metadata: {name: large-%d}, data: {n: %q}}", worker, longText(worker, turn, large)))
	})
	return nil
}

// hostileAPI serves a session's API as a server does, to a program of its own that asks it
// as fast as it is answered: what clients compute is not to be the server's.
func hostileAPI(ctx context.Context, s *engine.Session, doing *deeds, kind string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	token, err := s.Token(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.API(), ReadHeaderTimeout: time.Minute}
	doing.work.Go(func() { _ = server.Serve(l) })
	doing.work.Go(func() {
		<-doing.ctx.Done()
		_ = server.Close()
	})
	cmd := exec.CommandContext(doing.ctx, "/proc/self/exe", "bench", "client", kind)
	cmd.Env = append(os.Environ(), "PODHOP_BENCH_URL=http://"+l.Addr().String(), "PODHOP_BENCH_TOKEN="+token)
	if err := cmd.Start(); err != nil {
		return err
	}
	doing.work.Go(func() { _ = cmd.Wait() })
	return nap(ctx, time.Second)
}

// hostileClient is that program.
func hostileClient(ctx context.Context, kind string) error {
	c := asker{url: os.Getenv("PODHOP_BENCH_URL"), token: os.Getenv("PODHOP_BENCH_TOKEN"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}}
	doing := newDeeds(ctx)
	switch kind {
	case "requests":
		doing.repeat(64, c.request)
	case "watches":
		doing.repeat(500, c.watch)
	case "churn":
		doing.repeat(16, c.churn)
	case "services":
		doing.repeat(16, c.service)
	default:
		return errUsage
	}
	doing.work.Wait()
	return nil
}

// An asker asks without a limit.
type asker struct {
	url, token string
	http       *http.Client
}

func (c asker) ask(ctx context.Context, method, path, body string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// request lists, writes and reads.
func (c asker) request(ctx context.Context, worker, turn int) {
	name := fmt.Sprintf("asked-%d", worker)
	_, _ = c.ask(ctx, "POST", "/api/v1/namespaces/default/configmaps", fmt.Sprintf(`{"metadata":{"name":%q},"data":{"n":"%d"}}`, name, turn))
	_, _ = c.ask(ctx, "GET", "/api/v1/configmaps", "")
	_, _ = c.ask(ctx, "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "")
	_, _ = c.ask(ctx, "DELETE", "/api/v1/namespaces/default/configmaps/"+name, "")
}

// watch follows what changes all the time.
func (c asker) watch(ctx context.Context, _, _ int) {
	if status, err := c.ask(ctx, "GET", "/api/v1/configmaps?watch=true", ""); err != nil || status != http.StatusOK {
		_ = nap(ctx, time.Second) // as clients do that are told to try again
	}
}

// churn makes a pod and deletes it.
func (c asker) churn(ctx context.Context, worker, turn int) {
	name := fmt.Sprintf("churn-%d-%d", worker, turn)
	_, _ = c.ask(ctx, "POST", "/api/v1/namespaces/default/pods", fmt.Sprintf(
		`{"metadata":{"name":%q},"spec":{"containers":[{"name":"c","image":"busybox","command":["sleep","1000"]}]}}`, name))
	_ = nap(ctx, 200*time.Millisecond)
	_, _ = c.ask(ctx, "DELETE", "/api/v1/namespaces/default/pods/"+name+"?gracePeriodSeconds=0", "")
}

// service makes a Service with endpoints, of which each worker has a hundred, the oldest of which goes.
func (c asker) service(ctx context.Context, worker, turn int) {
	name := fmt.Sprintf("service-%d-%d", worker, turn)
	_, _ = c.ask(ctx, "POST", "/api/v1/namespaces/default/services", fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"ports":[{"port":80}]}}`, name))
	_, _ = c.ask(ctx, "POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", fmt.Sprintf(
		`{"metadata":{"name":%[1]q,"labels":{"kubernetes.io/service-name":%[1]q}},"addressType":"IPv4","endpoints":[{"addresses":["10.1.2.3"]},{"addresses":["10.1.2.4"]}],"ports":[{"port":80}]}`, name))
	_, _ = c.ask(ctx, "DELETE", fmt.Sprintf("/api/v1/namespaces/default/services/service-%d-%d", worker, turn-100), "")
}

func hostileServices(ctx context.Context, s *engine.Session, doing *deeds) error {
	return hostileAPI(ctx, s, doing, "services")
}

// hostileProbes has the kubelets start two programs a second in each of many pods.
func hostileProbes(ctx context.Context, s *engine.Session, _ *deeds) error {
	var paste bytes.Buffer
	for i := range 24 {
		fmt.Fprintf(&paste, `---
apiVersion: v1
kind: Pod
metadata: {name: hostile-%d}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sleep, "100000"]
    livenessProbe: &probe {exec: {command: ["true"]}, periodSeconds: 1, timeoutSeconds: 10}
    readinessProbe: *probe
`, i)
	}
	if err := s.BenchPaste(ctx, paste.Bytes()); err != nil {
		return err
	}
	return hostileRuns(ctx, s)
}

func hostileRequests(ctx context.Context, s *engine.Session, doing *deeds) error {
	return hostileAPI(ctx, s, doing, "requests")
}

func hostileChurn(ctx context.Context, s *engine.Session, doing *deeds) error {
	return hostileAPI(ctx, s, doing, "churn")
}

func hostileWatches(ctx context.Context, s *engine.Session, doing *deeds) error {
	doing.repeat(8, func(ctx context.Context, worker, turn int) {
		_ = s.BenchPaste(ctx, fmt.Appendf(nil, "{apiVersion: v1, kind: ConfigMap, metadata: {name: watched-%d}, data: {n: %q}}", worker, longText(worker, turn, 20_000)))
	})
	return hostileAPI(ctx, s, doing, "watches")
}
