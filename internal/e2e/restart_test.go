//lint:file-ignore SA1019 see server/stream

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
)

// TestRestart ends the server in both ways, and finds its sessions again as they were.
func TestRestart(t *testing.T) {
	data := t.TempDir()
	spans := collect(t)
	s := start(t, data, "--max-sessions", "2", "--lifetime", "2h", "--session-extend", "30m", "--max-lifetime", "2h30m")
	second := make(chan string, 1)
	go func() {
		out, err := exec.CommandContext(t.Context(), podhop, "serve", "--listen", "127.0.0.1:0", "--listen-api", "127.0.0.1:0", "--data", data, "--images", catalogue).CombinedOutput()
		second <- fmt.Sprint(string(out), err)
	}()
	x := s.openWith(model.SessionOptions{Nodes: 2})
	x.apply(app("web") + "---\n" + article("1-my-pod.yaml") + restarted)
	x.call("PUT", x.path("/faults/dns"), model.FaultSettings{DelayMS: 700}, nil)
	x.call("PATCH", x.path(""), model.SessionChange{CNI: "bridge"}, nil)

	other := s.openWith(model.SessionOptions{Nodes: 1})
	t.Run("more time", func(t *testing.T) { moreTime(t, s, other.ID) })
	t.Run("start over", func(t *testing.T) { other.ID = startOver(t, s, other.ID) })
	t.Run("spans", func(t *testing.T) { other.ID = tracesWork(t, s, spans, other.ID) })

	n := x.in("default")
	n.available("web")
	x.serves()
	identity := x.identities()
	sessions := filepath.Join(data, "sessions")
	if said := <-second; !strings.Contains(said, "another server keeps its sessions in "+sessions) {
		t.Errorf("a second server with the same data: %s", said)
	}
	s.stop(syscall.SIGKILL)

	// While nobody looks: one of another time, one that is over, one of a newer server; and
	// the disk was not good to one.
	const old, over, newer = "0kept0in0format0one0000000", "0over000000000000000000000", "0newer00000000000000000000"
	unpack(t, filepath.Join(sessions, old))
	rewrite(t, filepath.Join(sessions, old), func(k map[string]any) { k["until"] = time.Now().Add(time.Hour) })
	const view = "view-nywy3vziu5rhzs34fulgddlz2j" // a link to that, of the same time
	for _, name := range must(filepath.Glob("../../server/keep/folder/testdata/format-1/*")) {
		if err := os.WriteFile(filepath.Join(data, "documents", filepath.Base(name)), must(os.ReadFile(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for id, change := range map[string]func(map[string]any){
		over:  func(k map[string]any) { k["id"], k["until"] = over, time.Now().Add(-time.Minute) },
		newer: func(k map[string]any) { k["id"], k["version"] = newer, 99 },
	} {
		if err := os.CopyFS(filepath.Join(sessions, id), os.DirFS(filepath.Join(sessions, x.ID))); err != nil {
			t.Fatal(err)
		}
		rewrite(t, filepath.Join(sessions, id), change)
	}
	damaged := filepath.Join(sessions, other.ID, "snapshot")
	text := must(os.ReadFile(damaged))
	text[len(text)/2] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}

	address := freePort(t)
	s = start(t, data, "--max-sessions", "2", "--listen", address, "--log", "debug", "--log-format", "json")
	x = x.at(s)
	t.Run("health", func(t *testing.T) { healthy(t, s) })
	t.Run("after kill -9", func(t *testing.T) { again(t, x, identity, 1) })
	x.run(t, "one of another time", func(t *testing.T, x *session) {
		x.ID, x.kubeconfig = old, filepath.Join(t.TempDir(), "kubeconfig")
		x.writeKubeconfig()
		if code := x.call("GET", "/api/sessions/"+view, nil, nil); code != 200 {
			t.Errorf("a link to it answers %d", code)
		}
		for what, want := range map[string]string{"configmap/kept": "of format one", "kept/one": "an object of its own kind"} {
			if out := x.kubectl("get", what, "-o", "yaml"); !strings.Contains(out, want) {
				t.Errorf("%s: %s", what, out)
			}
		}
	})
	t.Run("those that cannot be", func(t *testing.T) {
		for id, want := range map[string]string{
			over:     "no-session",
			newer:    "in format 99",
			other.ID: "the journal is damaged",
		} {
			resp := must(http.Get(s.URL + "/api/sessions/" + id))
			body := string(must(io.ReadAll(resp.Body)))
			resp.Body.Close()
			if resp.StatusCode != 404 && resp.StatusCode != 410 || !strings.Contains(body, want) {
				t.Errorf("%s: %s %s; want it to say %q", id, resp.Status, body, want)
			}
		}
		if _, err := os.Stat(filepath.Join(sessions, "damaged", other.ID)); err != nil {
			t.Errorf("it is not set aside: %v", err)
		}
		if _, err := os.Stat(filepath.Join(sessions, newer)); err != nil {
			t.Errorf("it is not left for the newer one: %v", err)
		}
		if _, err := os.Stat(filepath.Join(sessions, over)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	})

	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+x.path("/stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	type end struct {
		last model.Message
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		var e end
		for {
			var text []byte
			if _, text, e.err = conn.Read(t.Context()); e.err != nil {
				ended <- e
				return
			}
			var m model.Message
			if json.Unmarshal(text, &m) == nil {
				e.last = m
			}
		}
	}()
	page := x.watched()
	s.drains(x.ID, old, newer, other.ID)
	tracesAdoption(t, spans, x.ID, old, newer, other.ID)
	if e := <-ended; e.last.Type == "closed" || websocket.CloseStatus(e.err) != websocket.StatusGoingAway {
		t.Errorf("who watched was told last %+v, and then %v", e.last, e.err)
	}
	page.isTold()
	s = start(t, data, "--max-sessions", "2", "--listen", address)
	x = x.at(s)
	page.goesOn()
	t.Run("after SIGTERM", func(t *testing.T) { again(t, x, identity, 2) })

	if code := x.call("DELETE", x.path(""), nil, nil); code != 204 {
		t.Errorf("closing it: %d", code)
	}
	if _, err := os.Stat(filepath.Join(sessions, x.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of a session that was closed: %v", err)
	}
}

const restarted = `---
apiVersion: batch/v1
kind: Job
metadata: {name: done}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [echo, done]}]}}}
`

// at is the session in another server, with the kubeconfig that it had: of that, the port
// alone has changed.
func (x *session) at(s *server) *session {
	var is model.Session
	if code := s.call("GET", x.path(""), nil, &is); code != 200 {
		s.t.Fatalf("the session answers %d", code)
	}
	next := &session{server: s, ID: x.ID, kubeconfig: x.kubeconfig}
	next.kubectl("config", "set-cluster", strings.TrimSpace(x.kubectlOffline("config", "view", "-o", "jsonpath={.clusters[0].name}")), "--server", is.APIServer)
	return next
}

// kubectlOffline needs no server.
func (x *session) kubectlOffline(args ...string) string {
	out, err := x.tryKubectl("", args...)
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// identities are what must not change, whatever ends the server.
func (x *session) identities() string {
	x.t.Helper()
	return x.kubectl("get", "nodes,deployments,services,jobs,pods", "-o", `jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.spec.clusterIP}{"\n"}{end}`)
}

// serves waits until the Service answers by all its pods' addresses, those that they have
// now, and no others are its endpoints.
func (x *session) serves() {
	x.t.Helper()
	until(x.t, patience, "the Service leads to the pods that there are", func() string {
		want, err := x.tryKubectl("", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}")
		if err != nil {
			return want
		}
		got, err := x.tryKubectl("", "get", "endpointslices", "-l", "kubernetes.io/service-name=web-service", "-o", "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}")
		if err != nil || want == "" || got != want {
			return fmt.Sprintf("endpoints %q, pods %q, %v", got, want, err)
		}
		ip := x.kubectl("get", "service", "web-service", "-o", "jsonpath={.spec.clusterIP}")
		if a := x.send("node/node-1", "http://"+ip+":8080").Answers[0]; a.Status != 200 {
			return fmt.Sprintf("%+v", a)
		}
		return ""
	})
}

// again is what a session must be after its server was started again for the n'th time.
func again(t *testing.T, x *session, identity string, n int) {
	outer := x.t
	x.t = t
	defer func() { x.t = outer }()
	if got := x.identities(); got != identity {
		t.Errorf("there was\n%s\nand is\n%s", identity, got)
	}
	info := x.info()
	if info.Options.CNI != "bridge" || info.Options.Nodes != 2 || len(info.Faults) != 1 || info.Faults[0].ID != "dns" || info.Faults[0].Settings.DelayMS != 700 {
		t.Errorf("the session is %+v", info)
	}
	until(t, patience, "the pods were restarted, and what was done is not done again", func() string {
		out, err := x.tryKubectl("", "get", "pods", "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[0].restartCount} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
		if err != nil {
			return out
		}
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if done := strings.HasPrefix(line, "done-"); len(f) < 4 || done && (f[1] != "Succeeded" || f[2] != "0") || !done && (f[2] < fmt.Sprint(n) || f[3] != "True") {
				return out
			}
		}
		return ""
	})
	x.in("default").available("web")
	x.serves()
}

func moreTime(t *testing.T, s *server, id string) {
	ends := func(method, path string, want int) time.Time {
		var is model.Session
		if code := s.call(method, "/api/sessions/"+id+path, nil, &is); code != want {
			t.Errorf("%s %s: %d, want %d", method, path, code, want)
		}
		at, _ := time.Parse(time.RFC3339, is.ExpiresAt)
		return at
	}
	before := ends("GET", "", 200)
	if after := ends("POST", "/extend", 200); after.Sub(before) != 30*time.Minute {
		t.Errorf("it ended at %v, and now at %v", before, after)
	}
	s.refuse("POST", "/api/sessions/"+id+"/extend", "", 409, "lasts 2h30m at most")
}

// startOver starts a session over on a full server, and returns the new one.
func startOver(t *testing.T, s *server, id string) string {
	var next model.Session
	if code := s.call("POST", "/api/sessions/"+id+"/start-over", nil, &next); code != 201 || next.ID == id || next.Options.Nodes != 1 {
		t.Errorf("it answers %d: %+v", code, next)
	}
	until(t, patience, "the old one is gone", func() string {
		if code := s.call("GET", "/api/sessions/"+id, nil, nil); code != 404 {
			return fmt.Sprint("it answers ", code)
		}
		if _, err := os.Stat(filepath.Join(s.Data, "sessions", id)); !errors.Is(err, os.ErrNotExist) {
			return fmt.Sprint("its folder: ", err)
		}
		return ""
	})
	return next.ID
}

// rewrite changes what is kept of a session beside its objects.
func rewrite(t *testing.T, dir string, change func(map[string]any)) {
	t.Helper()
	name := filepath.Join(dir, "session.json")
	var k map[string]any
	if err := json.Unmarshal(must(os.ReadFile(name)), &k); err != nil {
		t.Fatal(err)
	}
	change(k)
	if err := os.WriteFile(name, must(json.Marshal(k)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// unpack makes the folder of a session that a server of format 1 left.
func unpack(t *testing.T, dir string) {
	t.Helper()
	zip := must(gzip.NewReader(bytes.NewReader(must(os.ReadFile("testdata/kept-1.tar.gz")))))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(zip); ; {
		h, err := files.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), must(io.ReadAll(files)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
