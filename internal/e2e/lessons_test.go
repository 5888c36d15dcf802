package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

// TestLessons does every lesson that comes with Podhop as its solutions say: no step is
// done before, and each is afterwards.
func TestLessons(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(podhop, "lessons", "test", "--data", t.TempDir(), "--images", catalogue, "--registries=false").CombinedOutput()
	if err != nil || strings.Count(string(out), "ok ") < 20 {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestLessonsNew has somebody begin a lesson of their own, and break it.
func TestLessonsNew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "01-mine")
	run := func(args ...string) (string, error) {
		out, err := exec.Command(podhop, append([]string{"lessons"}, args...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("new", dir); err != nil {
		t.Fatal(err, out)
	}
	flags := []string{"--data", t.TempDir(), "--images", catalogue, "--registries=false"}
	if out, err := run(append([]string{"test", filepath.Dir(dir)}, flags...)...); err != nil || !strings.Contains(out, "ok   mine") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := run(append([]string{"test", filepath.Dir(dir), "--only", "none"}, flags...)...); err == nil {
		t.Errorf("no such lesson: %s", out)
	}
	if out, err := run("new", dir); err == nil || !strings.Contains(out, "exists") {
		t.Errorf("again: %v %s", err, out)
	}
	if out, err := run("new", filepath.Join(filepath.Dir(dir), "Mine")); err == nil || !strings.Contains(out, "must be a number and words") {
		t.Errorf("a bad name: %v %s", err, out)
	}
	broken := strings.Replace(string(must(os.ReadFile(filepath.Join(dir, "lesson.yaml")))), "object.status.phase ==", "object.status.phase == ==", 1)
	if err := os.WriteFile(filepath.Join(dir, "lesson.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(append([]string{"test", filepath.Dir(dir)}, flags...)...); err == nil || !strings.Contains(out, "01-mine/lesson.yaml:14: object.that: Syntax error") {
		t.Errorf("a mistake: %v %s", err, out)
	}
}

// TestLessonInBrowser has a learner do the first step of a lesson, and then somebody
// edit one of their own, and take one of Killercoda's format.
func TestLessonInBrowser(t *testing.T) {
	mine := filepath.Join(t.TempDir(), "01-mine")
	if out, err := exec.Command(podhop, "lessons", "new", mine).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := start(t, t.TempDir(), "--lessons", filepath.Dir(mine), "--lessons", course)
	p := chromium.Open(t, s.URL+"/lessons/your-first-pod", chromium.Options{})
	p.Click("form .primary")
	const first = `document.querySelector("[data-step='1'] step-checks")`
	p.Until(first + `.textContent.includes("There is no Pod my-pod in namespace default.")`)
	p.Click("[data-step='1'] [data-load]")
	p.Click(".apply")
	p.UntilIn(time.Minute, first+`.textContent.includes("Done")`)
	p.Until(`document.querySelector("#announce").textContent !== ""`)
	p.Do(chromedp.Reload())
	p.Until(first + `.textContent.includes("Done")`)

	// A command of the lesson runs in the learner's terminal at a click, and a reload keeps
	// what it said.
	const terminal = `document.querySelector(".terminal-frame:not([hidden]) .xterm-rows")?.textContent`
	const said = `/pod\/my-pod (created|configured|unchanged)/.test(` + terminal + `)`
	p.Click("[data-step='1'] [data-run]")
	p.UntilIn(time.Minute, said)
	p.Do(chromedp.Reload())
	p.UntilIn(time.Minute, said)

	// A step that asks for packets is done by sending some, and not by the checks' own.
	// What is sent before a step is begun does not count for it.
	early := chromium.Eval[string](p, `(async () => {
		const api = location.pathname.replace("/s/", "/api/sessions/");
		const graph = await (await fetch(api + "/topology")).json();
		const to = "http://" + graph.vertices.find((v) => v.id === "pod/default/my-pod").ips[0];
		const sent = await fetch(api + "/requests", {method: "POST", body: JSON.stringify({from: "node/node-1", to})});
		return (await sent.json()).answers[0].outcome;
	})()`)
	if early != "answered" {
		t.Errorf("a request of a node's: %s", early)
	}
	p.Click("[data-step='1'] [data-go='2']")
	p.Click("[data-step='2'] [data-go='3']")
	const third = `document.querySelector("[data-step='3'] step-checks")`
	p.Until(third + `.textContent.includes("No delivered HTTP packet from a node to my-pod was captured since you began this step.")`)
	p.Click("[data-step='3'] [data-fill]")
	p.Click(".send-button")
	p.UntilIn(time.Minute, third+`.textContent.includes("Done")`)

	edit := func(name, old, new string) {
		name = filepath.Join(mine, name)
		text := strings.Replace(string(must(os.ReadFile(name))), old, new, 1)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Do(chromedp.Navigate(s.URL))
	p.Until(`document.body.textContent.includes("My lesson")`)
	reloaded := func(want string) {
		t.Helper()
		until(t, time.Minute, "the first page has "+want, func() string {
			response, err := http.Get(s.URL)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			if page := string(must(io.ReadAll(response.Body))); !strings.Contains(page, want) {
				return page
			}
			return ""
		})
	}
	edit("lesson.yaml", "My lesson", "Edited")
	reloaded("Edited")
	edit("1-pod.md", "Say what", "<script>alert(1)</script>")
	reloaded(filepath.Join(mine, "1-pod.md") + ":1: raw HTML is not allowed")
	edit("1-pod.md", "<script>alert(1)</script>", "Say what")
	reloaded("Edited")
	t.Run("scenario", func(t *testing.T) { scenarioInBrowser(t, s) })
}
