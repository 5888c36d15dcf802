package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/web/internal/npm"
)

// axe is axe-core, which knows what of WCAG a program can judge.
var axe = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	packages, err := npm.Install(ctx, "build/tests.lock", "../.build/tests", nil)
	if err != nil {
		return "", err
	}
	script, err := os.ReadFile(filepath.Join(packages[0].Dir, "axe.min.js"))
	return string(script), err
})

// excused is what axe finds and we mean. Boxes on the map are named in full, and drawn as short
// as they have room for. Edges that are moved lie between the page's parts, in none of them.
const excused = `v.id === "label-content-name-mismatch" && document.querySelector(n.target[0])?.closest("pod-map") || v.id === "region" && n.target[0].startsWith("page-edge")`

// accessible fails with what axe finds wrong on the page as it is now, light and dark: of what
// it looks for, contrast alone depends on that, and a phone has the colours of a wide page.
func (p *tab) accessible(state string) {
	p.T.Helper()
	p.fits(state)
	p.judge(state, `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`)
	if chromium.Eval[int](p.Tab, `innerWidth`) < 860 {
		return
	}
	p.Media(map[string]string{"prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce"})
	p.judge(state+", dark", `{type: "rule", values: ["color-contrast"]}`)
	p.Media(still)
}

// fits fails if something makes the page wider than the window, or stands out of a dialog or a panel.
func (p *tab) fits(state string) {
	p.T.Helper()
	for _, wide := range chromium.Eval[[]string](p.Tab, `[document.documentElement, ...document.querySelectorAll("dialog[open], [popover]:popover-open")]
		.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.localName + (e.id ? "#" + e.id : "") + " is " + e.clientWidth + " wide, and what it shows " + e.scrollWidth)`) {
		p.T.Errorf("%s: %s", state, wide)
	}
}

// still is how the pages are looked at, so that nothing is judged half faded.
var still = map[string]string{"prefers-color-scheme": "light", "prefers-reduced-motion": "reduce"}

// judge fails with what some rules find, once what is drawn by the frame has been drawn.
func (p *tab) judge(state, rules string) {
	p.T.Helper()
	script, err := axe()
	if err != nil {
		p.T.Fatal(err)
	}
	if !chromium.Eval[bool](p.Tab, `"axe" in window`) {
		chromium.Eval[bool](p.Tab, script+"\n;true")
	}
	found := chromium.Eval[[]string](p.Tab, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => axe.run(document, {
		runOnly: `+rules+`, resultTypes: ["violations"],
	})).then(r => r.violations.flatMap(v => v.nodes.filter(n => !(`+excused+`)).map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " ") + " in " + n.html.slice(0, 200))))`)
	for i, f := range found {
		if i == 12 {
			p.T.Errorf("%s: and %d more", state, len(found)-i)
			break
		}
		p.T.Errorf("%s: %s", state, f)
	}
}

// Each page, with what can be opened on it open, wide in light and dark, and narrow: axe
// finds nothing, nobody else is asked for anything, and (as in each test) the policy of content is
// kept to.
func TestAccessible(t *testing.T) {
	for name, width := range map[string]int64{"wide": 1480, "phone": 390} {
		t.Run(name, func(t *testing.T) {
			o := chromium.Options{Width: width, Height: 850, Allow: "status of 4", Features: still}
			t.Run("front", func(t *testing.T) { front(t, o) })
			t.Run("playground", func(t *testing.T) { playground(t, o) })
			t.Run("resources", func(t *testing.T) { resources(t, o) })
			t.Run("dialogs", func(t *testing.T) { dialogs(t, o) })
			t.Run("lesson", func(t *testing.T) { lesson(t, o) })
			t.Run("looking on", func(t *testing.T) { lookOn(t, o) })
			t.Run("classes", func(t *testing.T) { classes(t, o) })
			t.Run("class", func(t *testing.T) { class(t, o) })
			t.Run("seat", func(t *testing.T) { seat(t, o) })
			t.Run("recording", func(t *testing.T) {
				p := openKept(t, "", o)
				p.Click(".scrub-keys [aria-label='Next packet']")
				p.Until(soFar + `.startsWith("1 of 8")`)
				p.accessible("a recording")
				p.alone()
			})
		})
	}
}

// alone fails if anybody but the server was asked for something.
func (p *tab) alone() {
	p.T.Helper()
	own := chromium.Eval[string](p.Tab, `location.host`)
	if hosts := p.Hosts(); len(hosts) != 1 || hosts[0] != own {
		p.T.Errorf("the page asked %v, its server is %s", hosts, own)
	}
}

func (p *tab) visit(path, until string) {
	p.T.Helper()
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + path))
	p.Until(until)
}

func front(t *testing.T, o chromium.Options) {
	p := openTab(t, "/", o)
	const all = `document.querySelectorAll("details").forEach(d => d.open = true)`
	for _, path := range []string{"/", "/playground", "/lessons/your-first-pod", "/recordings", "/nowhere", "/s/gone", "/s/full/ports",
		"/embed/playground", "/embed/lessons/your-first-pod", "/sign-in?name=Ada", "/sign-in?provider=login.example.org&wrong=No.", "/gate?kind=token&wrong=No.", "/gate?kind=work&bits=40"} {
		p.visit(path, `[...document.querySelectorAll("main, .opener")].some(m => m.checkVisibility())`)
		chromium.Eval[bool](p.Tab, `(`+all+`, true)`)
		p.accessible(path)
	}
	p.alone()
}

func playground(t *testing.T, o chromium.Options) {
	p := openTab(t, "/s/full", o)
	p.Until(live)
	narrow := o.Width < 860
	p.accessible("the first look")
	for _, id := range []string{"editor", "terminal", "objects", "journeys", "whatif", "events"} {
		p.Click("#tab-" + id)
		p.Until(`!document.querySelector("#panel-` + id + `").hidden`)
		switch id {
		case "terminal":
			p.Until(says("learner:~$"))
			p.command("colors")
			p.Until(says("true colour"))
			p.Click("[data-search]")
			p.Until(`document.querySelector(".terminal-search")`)
			p.accessible("a terminal and its search")
			p.Click("[data-aloud]")
			p.Until(`document.querySelector(".xterm-accessibility-tree")?.textContent.includes("true colour")`)
		case "editor":
			p.Until(`document.querySelector(".cm-content")`)
			p.Paste(chromium.Quote("kind: Service\nmetadata: {name: web}\nspec: {}\n"))
			p.Click(".compare")
			p.Until(`document.querySelector(".comparison .compared")`)
			p.accessible("a comparison")
			p.Press("Escape", 0)
			p.Until(`!document.querySelector(".comparison")`)
			p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
			p.Until(`document.querySelector(".tried").textContent !== ""`) // what helps is there
			p.Paste(chromium.Quote("---\n"))
			p.Keys(kb.End, chromedp.KeyModifiers(ctrl))
			p.Keys("k")
			p.Until(`document.querySelector(".cm-tooltip-autocomplete li")`)
			p.accessible("what may be written here")
			p.Press("Escape", 0)
			p.Until(`!document.querySelector(".cm-tooltip-autocomplete")`)
		}
		p.accessible("tab " + id)
	}
	for _, id := range []string{"pod/default/allowed", "node/node-1", "service/default/my-service", "networkpolicy/default/my-network-policy", "client"} {
		vertex := fmt.Sprintf("[data-vertex=%q]", id)
		if !chromium.Eval[bool](p.Tab, `document.querySelector(`+chromium.Quote(vertex)+`) !== null`) {
			continue // not drawn on the map
		}
		p.Click(vertex)
		p.Until(`document.querySelector("page-inspector .head .kind")`)
		p.accessible("details of " + id)
	}
	for _, popover := range chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll("[popover]")].map(e => e.id).filter(id => id && id !== "toasts")`) {
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).showPopover(), true)`)
		if popover == "cluster" {
			p.Until(`document.querySelector("#cluster .node-list")`)
		}
		p.accessible("popover " + popover)
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).hidePopover(), true)`)
	}
	chromium.Eval[bool](p.Tab, `(document.querySelector(".open-record").click(), true)`)
	p.Until(`document.querySelector("#record:popover-open")`)
	p.accessible("popover record")
	p.Press("Escape", 0)
	if !narrow {
		p.Click("dock-tabs[area=left] .move-tab")
		p.Until(`document.activeElement.role === "menuitem"`)
		p.accessible("a tab's menu")
		p.Press("Escape", 0)
	}
	p.server.Cluster("full").Cut()
	p.alone()
}

// resources goes through the API's objects, and all sides of one.
func resources(t *testing.T, o chromium.Options) {
	p, k := openObjects(t, "demo", "ConfigMap", o, settings)
	p.Until(row("settings"))
	p.accessible("all resources")
	chooseKind(p, "Secret")
	openRow(p, "password")
	for _, side := range []string{"yaml", "data", "events"} {
		p.Click("#side-" + side)
		p.Until(`document.querySelector("object-` + side + `")?.textContent.trim()`)
		if side == "data" {
			p.Click("[aria-label='Show word']")
		}
		p.accessible("a Secret's side " + side)
	}
	k.Log("default", "my-pod", "my-container", "a line", "\x1b[31mred\x1b[0m")
	p.Click("#tab-objects") // on a phone the details had its place
	p.Until(`document.querySelector("resource-browser").checkVisibility()`)
	chooseKind(p, "Pod")
	openRow(p, "my-pod")
	for _, side := range []string{"logs", "related"} {
		p.Click("#side-" + side)
		p.Until(`document.querySelector("object-` + side + `")?.textContent.trim()`)
		p.accessible("a pod's side " + side)
	}
	p.alone()
}

// dialogs opens what lies above the page.
func dialogs(t *testing.T, o chromium.Options) {
	p := openTab(t, "/s/demo?lesson=your-first-pod&embed=true", o)
	p.Until(live)
	p.accessible("a session in a frame")
	p.Click(".search")
	p.Until(`document.activeElement.matches(".palette[open] input")`)
	p.accessible("the palette")
	p.Keys("my-serv")
	p.Until(first + ` === "my-service"`)
	p.accessible("the palette with what it found")
	p.Keys("qqqq")
	p.Until(`document.querySelector(".palette .empty")`)
	p.accessible("the palette that found nothing")
	p.Press("Escape", 0)
	p.Until(`!document.querySelector(".palette")`)
	p.palette("remove node-2")
	p.Until(first + `.startsWith("Remove node-2")`)
	p.Press("Enter", 0)
	p.Until(`document.querySelector("dialog.ask[open]")`)
	p.accessible("a question")
	p.Press("Escape", 0)
	p.Until(`!document.querySelector("dialog.ask")`)
	p.palette("stop node-2")
	p.Until(first + ` === "Stop node-2"`)
	p.Press("Enter", 0)
	p.Until(toast("node-2 was stopped"))
	p.accessible("a notice")
	p.alone()
}

func lesson(t *testing.T, o chromium.Options) {
	p := openTab(t, "/s/demo?lesson=deployments&step=2", o)
	p.Until(live)
	chromium.Eval[bool](p.Tab, `(document.querySelectorAll("article:not([hidden]) details").forEach(d => d.open = true), true)`)
	p.accessible("a lesson")
	p.server.Cluster("demo").Tell(model.Message{Type: "closed"})
	p.Until(`document.querySelector("[role=alertdialog]")`)
	p.accessible("a session that is gone")
	p.alone()
}

// lookOn is the page of somebody who looks on, while they follow and while they do not.
func lookOn(t *testing.T, o chromium.Options) {
	p := openTab(t, "/s/view-full", o)
	p.Until(live + ` && ` + bar + `("Nothing is being shown")`)
	p.accessible("a page of which nothing is shown")
	p.server.Cluster("full").Present(presented("kind: Pod\n", 3))
	p.Until(bar + `("You follow") && ` + inEditor + `?.includes("kind: Pod")`)
	p.accessible("a page that follows")
	p.Click("#tab-journeys")
	p.Until(`document.querySelector("look-bar .follow")`)
	p.accessible("a page that does not")
	p.alone()
}

// classes makes one, and joins one.
func classes(t *testing.T, o chromium.Options) {
	p := openTab(t, "/classes", o)
	p.Until(`!document.querySelector(".class-form").hidden`)
	p.accessible("making a class")
	p.fill("[name=title]", "Tuesday")
	p.Click(".class-form .primary")
	p.Until(`document.querySelector(".made")`)
	p.accessible("a class that was made")
	p.visit("/join", `document.querySelector(".ask-code")`)
	p.accessible("asking for a code")
	p.visit("/join/XYZ-XYZ", alert+`.includes("No class")`)
	p.accessible("a wrong code")
	p.visit("/join/SHU-TTT", alert+`.includes("Nobody")`)
	p.accessible("a class that is closed to joining")
	p.visit("/join/ABC-DEF", `document.querySelector(".joining form")`)
	p.accessible("asking for a name")
	p.alone()
}

// class goes over the instructor's page.
func class(t *testing.T, o chromium.Options) {
	p, room := openClass(t, 40, o)
	p.accessible("a class")
	p.Click("[data-member] .pick input")
	p.Click("[data-member]:has(.count.bad) .who")
	p.Until(`document.querySelector(".more .fails")`)
	p.accessible("somebody, whole")
	p.Click(".where-list .cell:not(:disabled)")
	p.Until(`document.querySelector(".tools .term")`)
	p.accessible("a filter by step")
	p.Click(".tools .term")
	room.Change(func(c *model.Class) { c.Frozen, c.FreezeText = true, "Look here" })
	p.Until(`document.querySelector(".frozen-note")`)
	p.accessible("a frozen class")
	p.Click(".picked .quiet")
	for _, kind := range []string{"message", "manifest", "step", "lesson", "start-over", "fault"} {
		p.Click(".kinds-of [value=" + kind + "]")
		p.accessible("pushing: " + kind)
	}
	p.Click(".how-bad [value=exact]")
	p.Until(`document.querySelector(".exactly")`)
	p.accessible("pushing a fault exactly")
	p.Click(".kinds-of [value=start-over]")
	p.Click(".class-dialog .primary")
	p.Until(`document.querySelector("dialog.ask[open]")`)
	p.accessible("asked before all start over")
	p.Click("dialog.ask .danger")
	p.Until(`document.querySelector(".pushed")`)
	p.accessible("what came of a push")
	p.Press("Escape", 0)
	p.Until(`!document.querySelector(".class-dialog")`)
	p.Click(".chip.code")
	p.Until(`document.querySelector(".big-code .the-picture")?.naturalWidth > 0`)
	p.accessible("the code")
	p.Press("Escape", 0)
	p.Until(`!document.querySelector(".class-dialog")`)
	p.Click(".chip.search")
	p.Until(`document.querySelector(".palette[open]")`)
	p.accessible("the palette of a class")
	p.Press("Escape", 0)
	for _, popover := range []string{"menu", "keys"} {
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).showPopover(), true)`)
		p.accessible("popover " + popover)
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).hidePopover(), true)`)
	}
	room.Change(func(c *model.Class) { c.Frozen, c.Open, c.Closed, c.Code = false, false, c.Made, "" })
	p.Until(`document.querySelector(".head .muted").textContent.startsWith("Closed")`)
	p.accessible("a class that is closed")
	p.alone()
}

// seat is a member's page, and the class on that of their session.
func seat(t *testing.T, o chromium.Options) {
	p, room, seat := seated(t, o)
	p.accessible("a member's session")
	for _, push := range []model.Push{{Kind: "message", Text: "Look here"}, {Kind: "hint", Text: "Describe it"}, {Kind: "manifest", Manifest: "kind: Pod\n"}, {Kind: "step", Step: 2}, {Kind: "lesson", Lesson: "deployments"}, {Kind: "fault", Fault: "dns"}} {
		room.Push(push)
	}
	p.Until(`document.querySelectorAll("#class-notices .notice").length === 6`)
	p.accessible("notices")
	seat.Look("Grace Hopper")
	p.Until(`document.querySelector(".strip-hand")`)
	p.accessible("somebody looks")
	room.Member("m1", func(m *model.Member) { m.Control, m.Help = "asked", nil })
	p.Until(`document.querySelector("dialog.consent[open]")`)
	p.accessible("asked for the keyboard")
	p.Click("dialog.consent [value=yes]")
	p.Until(`document.querySelector(".strip-hand.holds")`)
	p.accessible("somebody has the keyboard")
	p.Click("ask-help .ask-for")
	chromium.Eval[bool](p.Tab, `(document.querySelector("#help-form").showPopover(), true)`)
	p.accessible("asking for help")
	chromium.Eval[bool](p.Tab, `(document.querySelector("#help-form").hidePopover(), true)`)
	room.Change(func(c *model.Class) { c.Frozen, c.FreezeText = true, "Eyes to the front" })
	p.Until(`document.querySelector("dialog.frozen[open]")`)
	p.accessible("a frozen page")
	p.visit("/m/member-3-m1", `document.querySelector(".member-lessons .quiet")`)
	p.accessible("a member's page, frozen")
	room.Change(func(c *model.Class) { c.Frozen, c.Closed = false, c.Made })
	p.Until(`document.querySelector(".over")`)
	p.accessible("a class that is over")
	p.alone()
}
