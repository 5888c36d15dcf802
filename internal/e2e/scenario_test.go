package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// course is ours, in Killercoda's format.
const course = "../../lessons/killercoda/testdata/course"

// TestScenarios does a course of Killercoda's format: each verify.sh fails, until what
// the step offers to run was run.
func TestScenarios(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(podhop, "lessons", "test", course, "--data", t.TempDir(), "--images", catalogue, "--registries=false").CombinedOutput()
	if err != nil || strings.Count(string(out), "ok ") != 2 {
		t.Errorf("%v:\n%s", err, out)
	}
}

// evil is a page of a learner's pod that tries what a page of ours may do.
const evil = `apiVersion: v1
kind: ConfigMap
metadata: {name: evil}
data:
  data.txt: mine
  sw.js: ""
  index.html: |
    <!doctype html><title>trying</title><body>
    <script>
    (async () => {
      const said = [], session = location.pathname.split("/")[2], api = location.origin + "/api/sessions/" + session;
      const attempt = async (name, f) => { try { said.push(name + "=" + await f()); } catch { said.push(name + "=no"); } };
      await attempt("origin", () => self.origin);
      await attempt("storage", () => localStorage.length);
      await attempt("cookie", () => document.cookie);
      await attempt("token", async () => (await fetch(api + "/access")).text());
      await attempt("apply", async () => (await fetch(api + "/apply", { method: "POST", body: "apiVersion: v1\nkind: Pod\nmetadata: {name: pwned}\nspec: {containers: [{name: a, image: nginx}]}\n" })).text());
      await attempt("stream", () => new Promise((ok, no) => {
        const socket = new WebSocket(api.replace("http", "ws") + "/stream");
        socket.onopen = () => ok("open");
        socket.onerror = no;
      }));
      await attempt("worker", async () => { await navigator.serviceWorker.register("sw.js"); return "registered"; });
      await attempt("own", async () => (await fetch("data.txt")).text());
      document.body.textContent = said.join(" ");
      document.title = "tried";
    })();
    </script>
---
apiVersion: v1
kind: Pod
metadata: {name: evil, labels: {run: evil}}
spec:
  containers:
  - name: web
    image: nginx
    volumeMounts: [{name: pages, mountPath: /usr/share/nginx/html}]
  volumes: [{name: pages, configMap: {name: evil}}]
---
apiVersion: v1
kind: Service
metadata: {name: evil}
spec:
  type: NodePort
  selector: {run: evil}
  ports: [{port: 80, nodePort: 30081}]
`

// scenarioInBrowser has a learner take a scenario, look at a port of the session, and at
// one where somebody means harm.
func scenarioInBrowser(t *testing.T, s *server) {
	p := chromium.Open(t, s.URL+"/lessons/first-service", chromium.Options{})
	p.Click("form .primary")
	const shown = `document.querySelector(".terminal-frame:not([hidden]) .xterm-rows")?.textContent`
	p.UntilIn(time.Minute, shown+`.includes("Ready.")`)
	if !chromium.Eval[bool](p, `(async () => { const i = document.querySelector("[data-step='1'] .prose img"); await i.decode(); return i.naturalWidth === 200; })()`) {
		t.Error("the intro's image is not shown")
	}
	p.Click("[data-step='1'] [data-go='2']")
	p.Click("[data-step='2'] [data-run]")
	p.UntilIn(time.Minute, `document.querySelector("[data-step='2'] step-checks").textContent.includes("Done")`)
	p.Click("[data-step='2'] [data-go='3']")
	p.Click("[data-step='3'] [data-run]")

	session := chromium.Eval[string](p, `location.pathname.split("/")[2]`)
	api := "/api/sessions/" + session
	until(t, time.Minute, "the shop's verify.sh passes", func() string {
		var answer json.RawMessage
		s.call(http.MethodPost, api+"/checks", model.CheckRequest{Lesson: "first-service", Step: 3}, &answer)
		if !strings.Contains(string(answer), `"passed":true`) {
			return string(answer)
		}
		return ""
	})
	link := chromium.Eval[string](p, `document.querySelector("[data-step='3'] .prose a").href`)
	shop := chromium.Open(t, link, chromium.Options{Theirs: true})
	shop.Until(`document.title === "Welcome to nginx!" && self.origin === "null"`)

	// Where nobody listens, a page says by whom it was refused.
	nobody := chromium.Open(t, strings.Replace(link, "30080", "30099", 1), chromium.Options{Allow: "502"})
	nobody.Until(`document.querySelector("h1")?.textContent === "Nobody answers" && document.body.textContent.includes("Connection refused by the first node and by the learner's machine, port 30099")`)

	if status := s.call(http.MethodPost, api+"/apply", evil, nil); status != http.StatusOK {
		t.Fatalf("apply: %d", status)
	}
	bad := strings.Replace(link, "30080", "30081", 1)
	until(t, time.Minute, "the other page is there", func() string {
		response, err := http.Get(bad)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		page := string(must(io.ReadAll(response.Body)))
		if response.StatusCode != http.StatusOK || !strings.Contains(page, "trying") {
			return page
		}
		return ""
	})
	tab := chromium.Open(t, bad, chromium.Options{Theirs: true})
	tab.UntilIn(time.Minute, `document.title === "tried"`)
	const want = "origin=null storage=no cookie=no token=no apply=no stream=no worker=no own=mine"
	if got := strings.TrimSpace(chromium.Eval[string](tab, `document.body.textContent`)); got != want {
		t.Errorf("a page of a pod may do more than it is to:\ngot  %s\nwant %s", got, want)
	}
	var graph model.Graph
	s.call(http.MethodGet, api+"/topology", nil, &graph)
	for _, v := range graph.Vertices {
		if v.Name == "pwned" {
			t.Error("a page of a pod applied something")
		}
	}
}
