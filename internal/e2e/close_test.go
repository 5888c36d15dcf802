//lint:file-ignore SA1019 see server/stream

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"
)

// holdings are what a server has of the things that sessions take.
type holdings struct{ namespaces, mounts, children, goroutines int }

func (h holdings) String() string {
	return fmt.Sprintf("%d namespaces, %d mounts, %d processes, %d goroutines", h.namespaces, h.mounts, h.children, h.goroutines)
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

// holds looks at the process inside, and asks it for its goroutines.
func (s *server) holds() (h holdings) {
	s.t.Helper()
	inside := 0
	for pid, p := range processes() {
		if p.parent == s.cmd.Process.Pid {
			inside = pid
		}
	}
	proc := filepath.Join("/proc", strconv.Itoa(inside))
	for _, fd := range must(os.ReadDir(filepath.Join(proc, "fd"))) {
		// net:[4026531840]: a namespace that nothing else may hold.
		if link, err := os.Readlink(filepath.Join(proc, "fd", fd.Name())); err == nil && strings.HasSuffix(link, "]") &&
			!strings.HasPrefix(link, "socket:") && !strings.HasPrefix(link, "pipe:") && !strings.HasPrefix(link, "anon_inode:") {
			h.namespaces++
		}
	}
	h.mounts = strings.Count(string(must(os.ReadFile(filepath.Join(proc, "mountinfo")))), "\n")
	_, commands := family(inside)
	h.children = len(commands)
	resp := must(http.Get(s.URL + "/metrics"))
	defer resp.Body.Close()
	m := goroutines.FindSubmatch(must(io.ReadAll(resp.Body)))
	if m == nil {
		s.t.Fatal("the metrics do not count goroutines")
	}
	h.goroutines = must(strconv.Atoi(string(m[1])))
	return h
}

// mounts is a pod that has all that is mounted for volumes.
const mounts = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: mounts}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: mounts}
spec:
  containers:
  - name: main
    image: nginx
    volumeMounts: [{name: claim, mountPath: /claim}, {name: memory, mountPath: /memory}, {name: image, mountPath: /image}]
  volumes:
  - {name: claim, persistentVolumeClaim: {claimName: mounts}}
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: image, image: {reference: nginx}}
`

// TestClose opens and closes sessions with running pods and nodes that come and go,
// and finds nothing of them in the server: what one leaves, ten thousand leave.
func TestClose(t *testing.T) {
	s := start(t, t.TempDir())
	cycle := func(n int) {
		x := s.open()
		x.apply(article("3-my-deployment.yaml") + "---\n" + article("4-my-service.yaml") + "---\n" +
			"{apiVersion: v1, kind: Service, metadata: {name: outside}, spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: my-app}, ports: [{port: 80}]}}\n---\n" + articleIngress + app("app1") +
			"---\n" + mounts +
			"---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: {gatewayClassName: podhop, listeners: [{name: http, port: 80, protocol: HTTP}]}}")
		until(t, 60*time.Second, "the pods run", func() string {
			return map[bool]string{false: "not yet"}[len(x.pods("my-deployment")) == 3]
		})
		x.send("node/node-1", x.pods("my-deployment")[0].IPs[0]+":80")
		x.answers("client", "http://example.com/app1", 200, "Hostname: app1-")
		x.kubectl("wait", "--for=condition=Programmed", "gateway/web", "--timeout=60s")
		until(t, 3*time.Minute, "the pod with volumes runs", func() string {
			return map[bool]string{false: "not yet"}[len(x.pods("mounts")) == 1]
		})
		// Machines that came and went while it lasted leave no more than those that stay.
		x.addNode("node-4")
		x.node("POST", "/node-2/stop")
		x.node("POST", "/node-3/stop")
		x.node("POST", "/node-3/start")
		x.node("DELETE", "/node-4")
		x.look("node-1", "nft")
		for _, place := range []string{"client", "client", "node/node-1"} {
			x.terminal(place).shows("$ ")
		}
		if during := s.holds(); during.namespaces < 8 || during.children < 3 {
			t.Fatalf("the test cannot see what it looks for: %v", during)
		}
		if code := x.call("DELETE", x.path(""), nil, nil); code != 204 {
			t.Fatalf("close: %d", code)
		}
	}
	cycle(0) // fills what sessions share: unpacked layers, seccomp programs, schemas
	var before holdings
	until(t, patience, "the server comes to rest", func() string {
		last := before
		before = s.holds()
		if before == last {
			return ""
		}
		return before.String()
	})
	for n := range 3 {
		cycle(n + 1)
	}
	// A few goroutines more or less serve this test's own connections.
	const slack = 12
	until(t, patience, "nothing of the sessions is left", func() string {
		now := s.holds()
		if now.namespaces <= before.namespaces && now.mounts <= before.mounts && now.children <= before.children && now.goroutines <= before.goroutines+slack {
			return ""
		}
		return fmt.Sprintf("%v; before: %v", now, before)
	})
}

// watch opens the session's stream and reads it to its end, so that captures run.
func (x *session) watch() {
	x.t.Helper()
	conn, _, err := websocket.Dial(x.t.Context(), "ws"+strings.TrimPrefix(x.URL, "http")+x.path("/stream"), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	go func() {
		for {
			if _, _, err := conn.Read(x.t.Context()); err != nil {
				return
			}
		}
	}()
}

// TestNodesLeaveNothing has machines come and go in one session while somebody
// watches, and finds no more in the server than there was.
func TestNodesLeaveNothing(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	x.ready("node-1", "node-2", "node-3")
	x.watch()
	cycle := func() {
		x.addNode("node-4")
		x.kubectl("run", "visitor", "--image=nginx", "--overrides", `{"spec":{"nodeName":"node-4","volumes":[{"name":"memory","emptyDir":{"medium":"Memory"}}],
			"containers":[{"name":"visitor","image":"nginx","volumeMounts":[{"name":"memory","mountPath":"/memory"}]}]}}`)
		until(t, 60*time.Second, "its pod runs", func() string {
			return map[bool]string{false: "not yet"}[len(x.pods("visitor")) == 1]
		})
		until(t, patience, "it answers", func() string {
			if a := x.send("node/node-1", "http://"+x.pods("visitor")[0].IPs[0]).Answers[0]; a.Status != 200 {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
		x.node("POST", "/node-4/stop")
		x.node("POST", "/node-4/start")
		x.node("POST", "/node-3/stop")
		x.node("POST", "/node-3/start")
		x.node("DELETE", "/node-4")
		x.kubectl("delete", "pod", "visitor", "--force", "--ignore-not-found")
	}
	cycle() // fills what is there for good
	rest := func() (now holdings) {
		until(t, patience, "the server comes to rest", func() string {
			last := now
			now = s.holds()
			if now == last {
				return ""
			}
			return now.String()
		})
		return now
	}
	before := rest()
	for range 4 {
		cycle()
	}
	const slack = 12 // as in TestClose
	until(t, patience, "nothing of the nodes is left", func() string {
		now := s.holds()
		if now.namespaces <= before.namespaces && now.mounts <= before.mounts && now.children <= before.children && now.goroutines <= before.goroutines+slack {
			return ""
		}
		return fmt.Sprintf("%v; before: %v", now, before)
	})
}
