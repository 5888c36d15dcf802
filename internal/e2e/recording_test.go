package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
	"github.com/podhop/podhop/internal/chromium"
)

// TestRecording records what happened in a session, and looks at it when the session, and
// the server that it lived on, are gone.
func TestRecording(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data)
	x := s.openWith(model.SessionOptions{Nodes: 1})
	x.apply(`apiVersion: v1
kind: Secret
metadata: {name: pasted}
stringData: {password: do-not-tell}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: traefik/whoami}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`)
	x.kubectl("create", "secret", "generic", "typed", "--from-literal=token=do-not-tell")
	x.kubectl("create", "deployment", "sleeper", "--image=busybox", "--", "sleep", "3600")
	x.kubectl("scale", "deployment", "sleeper", "--replicas=2")
	x.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
	web := x.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	ip := x.kubectl("get", "pod", "web", "-o", "jsonpath={.status.podIP}")
	until(t, time.Minute, "an answer", func() string {
		var r model.RequestResult
		if status := s.call("POST", x.path("/requests"), model.Request{From: "node/node-1", To: "http://" + web}, &r); status != 200 || r.Answers[0].Status != 200 {
			return fmt.Sprintf("%d %+v", status, r)
		}
		return ""
	})
	x.apply("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny-all}, spec: {podSelector: {}, policyTypes: [Egress]}}")

	// The file has it, without what is not for others.
	var r *model.Recording
	until(t, time.Minute, "a recording of packets that were delivered", func() string {
		r = x.recording("")
		for _, m := range r.Moments {
			if j := m.Message.Journey; j != nil && j.Verdict == "delivered" && strings.HasPrefix(j.Destination, web) {
				return ""
			}
		}
		return fmt.Sprintf("it has %d moments, and left out %+v", len(r.Moments), r.Left)
	})
	for what, want := range map[string]bool{
		"name: pasted": true, "name: typed": true, "password: left out": true, "token: left out": true, "name: deny-all": true, "replicas: 2": true,
		"do-not-tell": false, "ZG8tbm90LXRlbGw": false, "kube-root-ca": false, "coredns": false, "kind: ReplicaSet": false, "status": false, ip: false, web: false,
	} {
		if got := strings.Contains(r.Manifests, what); got != want {
			t.Errorf("%q is in the manifests: %v\n%s", what, got, r.Manifests)
		}
	}
	if r.Left.Secrets != 2 || r.Session.Options.Nodes != 1 || r.Server != "test" {
		t.Errorf("it is %+v, %+v, of server %q", r.Left, r.Session, r.Server)
	}
	if future := x.recording("?since=2100-01-01T00:00:00Z"); len(future.Moments) > 0 || len(future.Graph.Vertices) == 0 {
		t.Errorf("of the time to come it has %d moments on a map of %d", len(future.Moments), len(future.Graph.Vertices))
	}

	// A link to it, and another server.
	var kept model.KeptRecording
	if status := s.call("POST", x.path("/recording"), nil, &kept); status != 201 {
		t.Fatalf("sharing: %d", status)
	}
	if status := s.call("DELETE", x.path(""), nil, nil); status != 204 {
		t.Errorf("closing: %d", status)
	}
	s.stop(syscall.SIGTERM)
	s = start(t, data)
	if status := s.call("GET", x.path(""), nil, nil); status != 404 {
		t.Errorf("the session answers %d", status)
	}
	badRecordings(t, s, kept.ID)

	p := chromium.Open(t, s.URL+kept.URL, chromium.Options{})
	p.Until(`document.querySelector(".scrub") && document.querySelector("[data-vertex='node/node-1']")`)
	p.Until(`!document.querySelector("[data-vertex='pod/default/web']")`) // it begins before the Pod
	p.Click(".scrub-keys [aria-label='Next packet']")
	p.Until(`document.querySelector("[data-vertex='pod/default/web']") && document.querySelectorAll(".hops .hop-button").length > 1 && document.querySelector("pod-map .route")`)
	p.Click("#tab-journeys")
	p.Until(`document.querySelectorAll("journey-list tbody tr").length > 0`)
	asked := chromium.Eval[[]string](p, `performance.getEntriesByType("resource").map((e) => new URL(e.name).pathname).filter((x) => x.startsWith("/api/"))`)
	if len(asked) != 1 || asked[0] != "/api/recordings/"+kept.ID {
		t.Errorf("the page asked for %v", asked)
	}

	// And on from there, in a playground of one's own.
	p.Click("#tab-editor")
	p.Click("recorded-manifests .primary")
	p.UntilIn(time.Minute, `location.pathname.startsWith("/s/") && document.querySelector("[data-vertex='pod/default/web'].ready")`)
	fork := chromium.Eval[string](p, `location.pathname.slice(3)`)
	var graph model.Graph
	until(t, time.Minute, "what was recorded", func() string {
		s.call("GET", "/api/sessions/"+fork+"/topology", nil, &graph)
		want := map[string]bool{"service/default/web": true, "deployment/default/sleeper": true, "networkpolicy/default/deny-all": true}
		for _, v := range graph.Vertices {
			delete(want, v.ID)
		}
		if len(want) > 0 {
			return fmt.Sprintf("missing are %v", want)
		}
		return ""
	})
}

// recording is the session's, of the time that a query asks for.
func (x *session) recording(query string) *model.Recording {
	x.t.Helper()
	resp, err := http.Get(x.URL + x.path("/recording"+query))
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	r, err := recording.Read(resp.Body)
	if err != nil {
		x.t.Fatalf("the recording: %d %v", resp.StatusCode, err)
	}
	return r
}

// badRecordings has files refused that nobody should open.
func badRecordings(t *testing.T, s *server, id string) {
	t.Helper()
	resp, err := http.Get(s.URL + "/api/recordings/" + id)
	if err != nil {
		t.Fatal(err)
	}
	good, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the recording is answered with %d, %v", resp.StatusCode, err)
	}
	zip := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.Bytes()
	}
	bomb := bytes.Repeat(zip(strings.Repeat(" ", 1<<20)), 1<<10) // a gigabyte
	for name, c := range map[string]struct {
		file   []byte
		status int
		want   string
	}{
		"cut off":         {good[:len(good)/2], 422, "cut off"},
		"a later version": {zip(`{"podhop":"recording","version":2}`), 422, "version 2"},
		"not one":         {zip(`<script>alert(1)</script>`), 422, "not a recording"},
		"a bomb":          {bomb, 413, "unpacked"},
		"the same again":  {good, 201, "/recordings/"},
	} {
		resp, err := http.Post(s.URL+"/api/recordings", "application/gzip", bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, text)
		}
	}
}
