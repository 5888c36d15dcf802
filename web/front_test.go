package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

const editorText = `[...document.querySelectorAll(".cm-line")].map((l) => l.textContent).join("\n")`

func packed(text string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	zw.Write([]byte(text))
	zw.Close()
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}

// A link brings manifests along: they are shown before, and are in the editor after, and
// nothing is applied. A link that is made of the editor's text brings the same.
func TestLinkWithManifests(t *testing.T) {
	text := "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {app: \"<b>ü</b>\"}\n  name: given\n---\nkind: Service\nmetadata: {name: other}\n"
	p := openTab(t, "/playground#name=two.yaml&m="+packed(text), chromium.Options{})
	p.Until(`document.querySelector(".given .given-what").textContent.startsWith("Opens with two.yaml: Pod given, Service other.")`)
	if got := chromium.Eval[string](p.Tab, `document.querySelector(".given pre").textContent`); got != text {
		t.Errorf("it is shown as %q", got)
	}
	p.Click(".opening .primary")
	p.Until(live + ` && document.querySelector(".cm-content")?.textContent.includes("name: given")`)
	p.Until(editorText + `.trimEnd() === ` + chromium.Quote(strings.TrimRight(text, "\n")))
	if chromium.Eval[bool](p.Tab, `document.querySelector("[data-vertex='pod/default/given']") !== null`) {
		t.Error("it was applied by itself")
	}

	// A reload does not bring it again, over what was changed since.
	if left := chromium.Eval[string](p.Tab, `sessionStorage.getItem("podhop.given")`); left != "" {
		t.Errorf("it is still kept to be opened: %q", left)
	}
}

func TestBadLinks(t *testing.T) {
	for name, test := range map[string]struct{ fragment, want string }{
		"cut off":   {"m=" + packed("kind: Pod\n" + strings.Repeat("x", 100))[:30], "This link is damaged"},
		"no base64": {"m=***", "This link is damaged"},
		"a bomb":    {"m=" + packed(strings.Repeat(" ", 8<<20)), "more than a paste may be"},
		"nothing":   {"text=%20", "There are no manifests in it."},
		"not text":  {"m=" + packed("\xff\xfe\x00"), "This link is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			p := openTab(t, "/playground#"+test.fragment, chromium.Options{})
			p.Until(`document.querySelector(".given.bad .given-what")?.textContent.includes(` + chromium.Quote(test.want) + `)`)
		})
	}
}

// What was done is told on the list, goes out as a file and comes in from one; what is done
// already stays done.
func TestProgressOfLessons(t *testing.T) {
	p := openTab(t, "/", chromium.Options{})
	p.Until(`!document.querySelector(".progress-tools").hidden`)
	card := `document.querySelector("[data-lesson]")`
	slug := chromium.Eval[string](p.Tab, card+`.dataset.lesson`)
	chromium.Eval[bool](p.Tab, fmt.Sprintf(`(localStorage.setItem("podhop.done.%s", "[1]"), true)`, slug))
	p.Do(chromedp.Reload())
	p.Until(card + `.querySelector(".card-done").textContent.startsWith("1 of ")`)
	give := func(text string) {
		chromium.Eval[bool](p.Tab, fmt.Sprintf(`(() => { const d = new DataTransfer(); d.items.add(new File([%s], "p.json")); const i = document.querySelector(".progress-tools input"); i.files = d.files; return i.dispatchEvent(new Event("change")) })()`, chromium.Quote(text)))
	}
	said := `document.querySelector(".progress-tools [role=status]").textContent`
	for _, test := range []struct{ text, want string }{
		{"{", "it is not JSON"},
		{`{"podhop":"recording"}`, "no file of progress"},
		{`{"podhop":"progress","version":2,"lessons":{}}`, "newer Podhop"},
		{`{"podhop":"progress","version":1,"lessons":{"a b":[1]}}`, "is no lesson"},
		{`{"podhop":"progress","version":1,"lessons":{"fine":[1],"bad":["x"]}}`, "bad must have a list"},
		{fmt.Sprintf(`{"podhop":"progress","version":1,"lessons":{%q:[2,2,3],"one-day":[4]}}`, slug), "2 lessons taken from p.json"},
	} {
		give(test.text)
		p.Until(said + `.includes(` + chromium.Quote(test.want) + `)`)
	}
	kept := func(slug string) string {
		return chromium.Eval[string](p.Tab, fmt.Sprintf(`localStorage.getItem("podhop.done.%s") ?? ""`, slug))
	}
	if got := kept(slug) + kept("one-day") + kept("fine"); got != "[1,2,3][4]" {
		t.Errorf("kept %s", got)
	}
	chromium.Eval[bool](p.Tab, `((make) => { URL.createObjectURL = (b) => { b.text().then((x) => (window.saved = x)); return make(b) }; return true })(URL.createObjectURL.bind(URL))`)
	p.Click(".progress-tools .export")
	p.Until(`window.saved && JSON.parse(window.saved).lessons["one-day"][0] === 4`)
}

// A frame in another page begins with a button, and goes on to the cluster inside of it.
func TestEmbedded(t *testing.T) {
	p := openTab(t, "/lessons/your-first-pod", chromium.Options{})
	p.Until(`document.querySelector(".embed-code")?.textContent.includes("/embed/lessons/your-first-pod")`)
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + "/embed/playground#text=kind:%20Pod"))
	p.Until(`document.querySelector(".given .given-what").textContent.includes("Pod")`)
	p.Click(".opening .primary")
	p.Until(live + ` && location.search.includes("embed=true") && document.querySelector(".bar .mark[target=_blank]")`)
	p.Until(editorText + `.trim() === "kind: Pod"`)
}

// Who closed the browser finds back to their cluster, at the step that was on view, until
// its time is up or it is closed.
func TestClustersOfThisBrowser(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live + ` && localStorage.getItem("podhop.mine")?.includes("demo")`)
	p.Click("[data-step]:not([hidden]) [data-go='2']")
	p.Until(`location.search.includes("step=2")`)
	origin := chromium.Eval[string](p.Tab, `location.origin`)
	p.Do(chromedp.Navigate(origin + "/"))
	p.Until(`!document.querySelector(".mine").hidden && document.querySelector(".mine a[data-session=demo]").textContent.startsWith("Your first Pod, ")`)
	p.Click(".mine a[data-session=demo]")
	p.Until(live + ` && location.pathname === "/s/demo" && location.search.includes("step=2")`)

	chromium.Eval[bool](p.Tab, `(localStorage.setItem("podhop.mine", JSON.stringify({over: {title: "x", at: "/s/over", ends: 1}, foreign: {title: "x", at: "https://example.org", ends: 9e15}})), true)`)
	p.Do(chromedp.Navigate(origin + "/playground"))
	p.Do(chromedp.Navigate(origin + "/"))
	p.Until(`!document.querySelector(".progress-tools").hidden`)
	if got := chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll(".mine a")].map((a) => a.dataset.session)`); strings.Join(got, ",") != "demo" && len(got) != 0 {
		t.Errorf("it leads to %v", got)
	}
}
