package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/web/internal/devserver"
)

// openObjects opens the tab Objects with all resources, of a kind.
func openObjects(t *testing.T, session, kind string, o chromium.Options, put ...string) (*tab, *devserver.Kube) {
	t.Helper()
	p := openTab(t, "/s/"+session, o)
	p.Until(live)
	k := p.server.Cluster(session).Kube()
	for _, text := range put {
		k.Put(text)
	}
	p.Click("#tab-objects")
	p.Click("[name=objects-by][value=all]")
	chromium.Eval[bool](p.Tab, `(document.querySelector("#dock").scrollIntoView(), true)`) // on a phone it is further down
	p.Until(`document.querySelector(".kinds-list button")`)
	chooseKind(p, kind)
	return p, k
}

func chooseKind(p *tab, kind string) {
	p.T.Helper()
	button := `[...document.querySelectorAll(".kinds-list button")].find(b => b.textContent.trim() === ` + chromium.Quote(kind) + `)`
	p.Until(button)
	chromium.Eval[bool](p.Tab, `(`+button+`.click(), true)`)
	p.Until(`document.querySelector(".resources-bar h2").textContent.trim().split(/\s/)[0] === ` + chromium.Quote(kind) + ` && document.querySelector(".resources-said").textContent.includes("object")`)
}

// row is the JavaScript of the row of an object in the table.
func row(name string) string {
	return `[...document.querySelectorAll(".resource-table tbody tr[data-key]")].find(r => r.querySelector(".link").textContent === ` + chromium.Quote(name) + `)`
}

func openRow(p *tab, name string) {
	p.T.Helper()
	p.Until(row(name))
	chromium.Eval[bool](p.Tab, `(`+row(name)+`.querySelector(".link").click(), true)`)
	p.Until(`document.querySelector("page-inspector h2").textContent.includes(` + chromium.Quote(name) + `)`)
}

// untilKube waits for what the told API shows, not the page; ok says what it was instead.
func untilKube(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	saw := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var is bool
		if is, saw = ok(); is {
			return
		}
	}
	t.Fatalf("want %s, see %s", what, saw)
}

// refused is what a browser logs of answers that are errors.
const refused = "Failed to load resource"

const settings = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  managedFields: [{manager: kubectl}]
data: {colour: "blue <b>bold</b>", managedFields: "not those"}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
type: Opaque
data: {word: czNjcjN0, raw: /w==}
`

func TestAllResources(t *testing.T) {
	p, k := openObjects(t, "demo", "Pod", chromium.Options{Allow: refused}, settings)
	p.Until(row("my-pod") + `.textContent.includes("Running")`)
	sections := chromium.Eval[string](p.Tab, `[...document.querySelectorAll(".kinds-list h2")].map(h => h.textContent).join()`)
	if sections != "Workloads,Network,Config and storage,Access,Cluster" {
		t.Errorf("the sections are %s", sections)
	}
	if heads := p.Text(".resource-table thead"); !strings.Contains(heads, "Namespace Name↑ Ready Status Restarts IP Node Age") {
		t.Errorf("the heads read %q", heads)
	}
	// One watch, which is told what changes.
	k.Put("{apiVersion: v1, kind: Pod, metadata: {name: another}, status: {phase: Pending}}")
	p.Until(row("another") + `.querySelector(".status.starting")`)
	k.Put("{apiVersion: v1, kind: Pod, metadata: {name: another}, status: {phase: CrashLoopBackOff}}")
	p.Until(row("another") + `.querySelector(".status.failing")`)
	k.Remove("pods", "default", "another")
	p.Until(`!` + row("another"))
	chooseKind(p, "ConfigMap")
	p.Until(row("settings"))
	untilKube(t, "one watch", func() (bool, string) { n := k.Watches(); return n == 1, fmt.Sprint(n) })

	// What is cut off goes on; what is forgotten begins anew. Neither misses a thing.
	for i, forget := range []bool{false, true} {
		k.Cut(forget)
		name := fmt.Sprintf("later-%d", i)
		k.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}}")
		p.Until(row(name))
	}

	// Names are filtered and sorted; kinds are found by their short names.
	p.Do(chromedp.Focus(chromedp.CSS("#tab-objects")))
	p.Keys("/")
	p.Until(`document.activeElement.id === "resource-filter"`)
	chromium.Eval[bool](p.Tab, `(document.activeElement.select(), true)`) // this driver types the key too
	p.Keys("LATER")
	p.Until(`document.querySelector(".resources-said").textContent === "2 of 3 objects"`)
	chromium.Eval[bool](p.Tab, `([...document.querySelectorAll(".resource-table thead button")].find(b => b.textContent.startsWith("Name") && !b.textContent.startsWith("Namespace")).click(), true)`)
	p.Until(`document.querySelector(".resource-table tbody .link").textContent === "later-1" && document.querySelector("[aria-sort=descending]")`)
	p.Do(chromedp.Focus(chromedp.CSS(".kinds-filter")))
	p.Keys("deploy")
	p.Until(`document.querySelectorAll(".kinds-list button").length === 1`)
	p.Keys(kb.Enter)
	p.Until(row("my-deployment"))

	// Another tab, and nothing is watched.
	p.Click("#tab-editor")
	untilKube(t, "no watch", func() (bool, string) { n := k.Watches(); return n == 0, fmt.Sprint(n) })
	p.Click("#tab-objects")
	untilKube(t, "a watch again", func() (bool, string) { n := k.Watches(); return n == 1, fmt.Sprint(n) })
}

func TestResourcesOfADefinition(t *testing.T) {
	p, k := openObjects(t, "demo", "CustomResourceDefinition", chromium.Options{Allow: refused})
	k.Put(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    additionalPrinterColumns: [{name: Spec, type: string, jsonPath: .spec}, {name: Size, type: integer, jsonPath: .spec.size}]
`)
	chooseKind(p, "Widget") // it appears by itself
	k.Put(`{apiVersion: example.com/v1, kind: Widget, metadata: {name: "a.b-c"}, spec: {size: 3, html: "<img src=x>"}, status: {conditions: [{type: Ready, status: "False", message: no <i>way</i>}]}}`)
	p.Until(row("a.b-c") + `.textContent.includes('{"html":"<img src=x>","size":3}')`)
	openRow(p, "a.b-c")
	p.Until(`document.querySelector("object-overview .conditions").textContent.includes("no <i>way</i>") && !document.querySelector("object-overview i, object-overview img")`)
	chooseKind(p, "CustomResourceDefinition") // where these are followed it is known at once
	k.Remove("customresourcedefinitions", "", "widgets.example.com")
	p.UntilIn(patience, `![...document.querySelectorAll(".kinds-list button")].some(b => b.textContent === "Widget")`)
}

func TestSidesOfAnObject(t *testing.T) {
	p, k := openObjects(t, "demo", "ConfigMap", chromium.Options{}, settings)
	openRow(p, "settings")
	p.Until(`document.querySelector("#side-overview[aria-selected=true]") && document.querySelector("object-overview").textContent.includes("default")`)
	p.Click("#side-yaml")
	p.Until(`document.querySelector("object-yaml .cm-content").textContent.includes("colour: blue <b>bold</b>")`)
	if got := p.Text("object-yaml .cm-content"); strings.Contains(got, "manager:") || !strings.Contains(got, "not those") {
		t.Errorf("the YAML reads %q: managedFields are to be folded away, and they alone", got)
	}
	p.Click("object-yaml [type=checkbox]")
	p.Until(`document.querySelector("object-yaml .cm-content").textContent.includes("manager: kubectl")`)
	k.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {colour: green}}")
	p.Until(`document.querySelector("object-yaml .cm-content").textContent.includes("colour: green")`)
	p.Click("#side-data")
	p.Until(`document.querySelector("object-data pre").textContent === "green"`)
	p.Click("#side-events")
	p.Until(`document.querySelector("object-events").textContent.includes("No events about it")`)
	k.Put(`{apiVersion: v1, kind: Event, metadata: {name: settings.1}, involvedObject: {kind: ConfigMap, name: settings, namespace: default}, type: Warning, reason: Odd, message: "it is <b>odd</b>", count: 3}`)
	p.Until(`document.querySelector("object-events .warning").textContent.includes("Odd 3×") && document.querySelector("object-events .warning").textContent.includes("it is <b>odd</b>")`)
	k.Remove("configmaps", "default", "settings")
	p.Click("#side-yaml")
	p.Until(`document.querySelector("object-yaml").textContent.includes("It has been deleted")`)

	// A Secret keeps its values to itself until it is asked.
	chooseKind(p, "Secret")
	openRow(p, "password")
	p.Click("#side-data")
	p.Until(`document.querySelectorAll("object-data li").length === 2`)
	if got := p.Text("object-data"); strings.Contains(got, "s3cr3t") || strings.Contains(got, "czNj") {
		t.Errorf("the Secret is in sight: %s", got)
	}
	p.Click("[aria-label='Show word']")
	p.Until(`document.querySelector("object-data pre[tabindex]").textContent === "s3cr3t"`)
	p.Click("[aria-label='Show raw']")
	p.Until(`document.querySelector("object-data").textContent.includes("Not a text.")`)
}

func TestOwners(t *testing.T) {
	p, _ := openObjects(t, "demo", "Deployment", chromium.Options{})
	openRow(p, "my-deployment")
	p.Click("#side-related")
	p.Until(`document.querySelectorAll(".owners .branch").length === 5 && document.querySelector(".owners [aria-current]").textContent === "my-deployment"`)
	chromium.Eval[bool](p.Tab, `(document.querySelector(".owners ul ul .link").click(), true)`)
	p.Until(`document.querySelector("page-inspector h2").textContent.startsWith("Pod") && document.querySelectorAll(".owners .branch").length === 3`)
	p.Until(`document.querySelector("object-related").textContent.includes("Runs on") && [...document.querySelectorAll("object-related h3")].some(h => h.textContent === "Selected by")`)
	// On the map it is what is chosen, and its overview is the map's.
	p.Until(`document.querySelector("pod-map .selected[data-vertex^='pod/default/my-deployment-']")`)
	p.Click("#side-overview")
	p.Until(`document.querySelector("page-inspector .wiring")`)
}

func TestLogs(t *testing.T) {
	p, k := openObjects(t, "demo", "Pod", chromium.Options{Allow: refused})
	k.Log("default", "my-pod", "my-container", "first <b>line</b>", "second line")
	openRow(p, "my-pod")
	p.Click("#side-logs")
	p.Until(`document.querySelector(".log").textContent.includes("first <b>line</b>")`)
	k.Log("default", "my-pod", "my-container", "third line", "\x1b[31mred\x1b[0m", strings.Repeat("x", 200_000))
	p.Until(`document.querySelectorAll(".log-line").length === 5 && [...document.querySelectorAll(".log-line")].some(l => l.textContent === "red")`)
	p.Until(`document.querySelector(".log-line:nth-last-child(2)").textContent.length < 11000`)
	p.Do(chromedp.Focus(chromedp.CSS("object-logs [type=search]")))
	p.Keys("LINE")
	p.Until(`document.querySelectorAll(".log-line").length === 4 && document.querySelectorAll(".log mark").length >= 3 && document.querySelector(".log-count").textContent === "4 of 5 lines"`)
	chromium.Eval[bool](p.Tab, `(() => { const i = document.querySelector("object-logs [type=search]"); i.value = ""; i.dispatchEvent(new Event("input")); return true })()`)

	// A flood: the newest are kept, the others counted, and the newest is in sight.
	flood := make([]string, 20_000)
	for i := range flood {
		flood[i] = fmt.Sprintf("flood %d", i)
	}
	k.Log("default", "my-pod", "my-container", flood...)
	p.Until(`[...document.querySelectorAll(".log-line")].some(l => l.textContent === "flood 19999") && document.querySelector(".log-count").textContent.includes("15,005 before them")`)
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll(".log-line").length`); n > 200 {
		t.Errorf("%d lines are drawn", n)
	}
	// Who has scrolled up stays where they are.
	p.Do(chromedp.Focus(chromedp.CSS(".log")))
	chromium.Eval[bool](p.Tab, `(document.querySelector(".log").scrollTop = 18 * 1000, true)`)
	p.Until(`[...document.querySelectorAll(".log-line")].some(l => l.textContent === "flood 16000")`)
	k.Log("default", "my-pod", "my-container", flood[:100]...)
	p.Until(`document.querySelector(".log-count").textContent.includes("15,105 before them") && [...document.querySelectorAll(".log-line")].some(l => l.textContent === "flood 16000")`)

	// The API's words, where there is no log.
	chromium.Eval[bool](p.Tab, `([...document.querySelectorAll("object-logs .check")].find(l => l.textContent.includes("Previous")).click(), true)`)
	p.Until(`document.querySelector(".log-said").textContent.includes("previous terminated container")`)

	// A workload's are those of its pods.
	pod := chromium.Eval[string](p.Tab, `[...document.querySelectorAll(".resource-table .link")].find(b => b.textContent.startsWith("my-deployment-")).textContent`)
	k.Log("default", pod, "my-container", "of the deployment")
	chooseKind(p, "Deployment")
	openRow(p, "my-deployment")
	p.Until(`document.querySelector("object-logs select[aria-label=Pod]").length === 3`)
	chromium.Eval[bool](p.Tab, `(() => { const s = document.querySelector("object-logs select[aria-label=Pod]"); s.value = `+chromium.Quote(pod)+`; s.dispatchEvent(new Event("change")); return true })()`)
	p.Until(`document.querySelector(".log").textContent.includes("of the deployment")`)
}

func TestDoneToAnObject(t *testing.T) {
	p, k := openObjects(t, "demo", "Deployment", chromium.Options{Allow: refused}, settings)
	openRow(p, "my-deployment")
	p.Click("[data-do=scale]")
	p.Until(`document.querySelector("[name=replicas]")?.value === "3" && document.activeElement.name === "replicas"`)
	p.Keys("5")
	p.Keys(kb.Enter)
	p.Until(`document.querySelector(".toast").textContent.includes("Deployment my-deployment is scaled to 5") && !document.querySelector("[name=replicas]")`)
	replicas := func() string {
		return fmt.Sprint(k.Object("deployments", "default", "my-deployment")["spec"].(map[string]any)["replicas"])
	}
	untilKube(t, "5 replicas", func() (bool, string) { return replicas() == "5", replicas() })
	p.Click(".toast .quiet")
	untilKube(t, "3 replicas again", func() (bool, string) { return replicas() == "3", replicas() })
	p.Click("[data-do=restart]")
	p.Until(`[...document.querySelectorAll(".toast")].some(x => x.textContent.includes("its pods are replaced"))`)
	p.Click("[data-do=delete]")
	p.Until(`document.querySelector("dialog.ask h2").textContent === "Delete Deployment my-deployment and its 3 pods?"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector("dialog.ask")`)
	if k.Object("deployments", "default", "my-deployment") == nil {
		t.Error("it is gone, though the answer was no")
	}

	chooseKind(p, "ConfigMap")
	openRow(p, "settings")
	remove := func() {
		p.Click("[data-do=delete]")
		p.Until(`document.querySelector("dialog.ask [value=yes]")`)
		p.Click("dialog.ask [value=yes]")
	}
	k.Refuse("/configmaps/settings", 403, "Forbidden", `configmaps "settings" is forbidden`)
	p.Click("[data-do=delete]")
	p.Until(`document.querySelector("object-actions [role=alert]").textContent === 'configmaps "settings" is forbidden'`)
	k.Refuse("/configmaps/settings", 0, "", "")
	remove()
	p.Until(`!` + row("settings"))
	p.Until(`[...document.querySelectorAll(".toast")].some(x => x.textContent.includes("ConfigMap settings is deleted"))`)
	chromium.Eval[bool](p.Tab, `([...document.querySelectorAll(".toast")].find(x => x.textContent.includes("is deleted")).querySelector(".quiet").click(), true)`)
	p.Until(row("settings"))
}

func TestRefusedResources(t *testing.T) {
	p, k := openObjects(t, "demo", "Pod", chromium.Options{Allow: refused}, settings)
	k.Refuse("/secrets", 403, "Forbidden", `secrets is forbidden: User "x" cannot list resource "secrets"`)
	button := `[...document.querySelectorAll(".kinds-list button")].find(b => b.textContent === "Secret")`
	chromium.Eval[bool](p.Tab, `(`+button+`.click(), true)`)
	p.Until(`document.querySelector(".resources-note.bad").textContent.startsWith("secrets is forbidden")`)
	k.Refuse("/secrets", 0, "", "")
	p.Until(row("password"))
}

// The palette finds kinds, and what is listed and not on the map.
func TestFindResources(t *testing.T) {
	p, _ := openObjects(t, "demo", "ConfigMap", chromium.Options{}, settings)
	p.Until(row("settings"))
	find := func(text string) {
		p.palette(text)
		p.Until(first + ` === ` + chromium.Quote(text))
		p.Keys(kb.Enter)
		p.Until(`!document.querySelector(".palette")`)
	}
	find("settings")
	p.Until(`document.querySelector("page-inspector h2").textContent.includes("ConfigMap settings")`)
	p.Click("#tab-editor")
	find("Secret")
	p.Until(`document.querySelector("#tab-objects[aria-selected=true]")`)
	p.Until(row("password"))
}

// 2,000 pods: only what is in sight is drawn, and a flood of changes is drawn by the frame.
func TestManyResources(t *testing.T) {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "---\n{apiVersion: v1, kind: Pod, metadata: {name: p-%04d}, status: {phase: Running}}\n", i)
	}
	p, k := openObjects(t, "new", "Pod", chromium.Options{Width: 390, Height: 844}, text.String())
	p.Until(`document.querySelector(".resources-said").textContent === "2000 objects"`)
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll(".resource-table tbody tr").length`); n > 120 {
		t.Errorf("%d rows are drawn", n)
	}
	if chromium.Eval[bool](p.Tab, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		t.Error("the page is wider than its window")
	}
	p.Until(row("p-0000"))
	chromium.Eval[bool](p.Tab, `(`+row("p-0000")+`.querySelector(".link").focus(), true)`)
	p.Keys(kb.End)
	p.Until(`document.activeElement.textContent === "p-1999"`)
	k.Put(strings.ReplaceAll(text.String(), "Running", "Failed"))
	p.Until(row("p-1999") + `.textContent.includes("Failed") && document.activeElement.textContent === "p-1999"`)
}
