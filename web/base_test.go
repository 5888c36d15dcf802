package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/web/internal/devserver"
)

// Below a base path nothing that pages ask for, lead to or remember is anywhere else: openAt
// fails with each request that is.
func TestBasePath(t *testing.T) {
	library, errs := lessons.Load(lessons.Content())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	p := openAt(t, "/a/podhop", library, "/", chromium.Options{Allow: "status of 4"})
	for _, path := range []string{"/", "/playground", "/lessons/your-first-pod", "/recordings", "/nowhere", "/s/gone", "/s/full/ports", "/embed/playground", "/embed/lessons/your-first-pod"} {
		p.visit("/a/podhop"+path, `[...document.querySelectorAll("main, .opener")].some(m => m.checkVisibility())`)
		p.leadsBelow(path)
	}

	p.visit("/a/podhop/playground", `document.querySelector(".embed-code").textContent.includes(location.origin + "/a/podhop/embed/playground")`)
	p.Click(".opening .primary")
	p.Until(live + ` && location.pathname === "/a/podhop/s/new"`)
	p.visit("/a/podhop/s/full?lesson=your-first-pod", live+` && document.querySelector(".cm-content")`)
	for _, id := range []string{"terminal", "objects", "journeys", "whatif", "events"} {
		p.Click("#tab-" + id)
		p.Until(`!document.querySelector("#panel-` + id + `").hidden`)
		switch id {
		case "terminal":
			p.Until(says("learner:~$")) // by a websocket
		case "objects":
			p.Click("[name=objects-by][value=all]")
			p.Until(`document.querySelector(".kinds-list button")`) // by the Kubernetes API
		}
		p.leadsBelow("tab " + id)
	}
	p.Click(`[data-vertex="service/default/my-service"]`)
	p.Until(`document.querySelector("page-inspector .head .kind")`)
	for _, popover := range chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll("[popover]")].map(e => e.id).filter(id => id && id !== "toasts")`) {
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).showPopover(), true)`)
		p.leadsBelow("popover " + popover)
		chromium.Eval[bool](p.Tab, `(document.getElementById(`+chromium.Quote(popover)+`).hidePopover(), true)`)
	}
	if fonts := chromium.Eval[int](p.Tab, `document.fonts.ready.then(() => performance.getEntriesByType("resource").filter((e) => e.name.startsWith(location.origin + "/a/podhop/static/") && e.name.endsWith(".woff2")).length)`); fonts == 0 {
		t.Error("no font was loaded")
	}
	p.Do(chromedp.Reload()) // a page that was left is remembered
	p.Until(live)
	p.visit("/a/podhop/", `document.querySelector(".mine a[data-session=full]")?.pathname === "/a/podhop/s/full"`)

	for _, path := range []string{"/classes", "/classes/class-3", "/join", "/join/ABC-DEF", "/m/member-3-m1"} {
		p.visit("/a/podhop"+path, `document.querySelector("main")?.checkVisibility()`)
		p.Until(`document.querySelector("class-people [data-member], form:not([hidden]), .member-lessons")`)
		p.leadsBelow(path)
	}
	p.Click(".member-lessons .quiet")
	p.Until(live + ` && location.pathname === "/a/podhop/s/demo-3-m1" && document.querySelector(".strip-class a")?.pathname === "/a/podhop/m/member-3-m1"`)
	p.leadsBelow("a member's session")

	p.server.Keep("told", devserver.File(p.server.Cluster("demo").Recording()))
	p.visit("/a/podhop/recordings/told", `document.querySelector(".scrub")`)
	p.leadsBelow("a recording")
	p.alone()
}

// leadsBelow fails with links and forms of this server that lead elsewhere.
func (p *tab) leadsBelow(where string) {
	p.T.Helper()
	astray := chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll("[href], [src], [action]")].map((e) => new URL(e.getAttribute("href") ?? e.getAttribute("src") ?? e.getAttribute("action"), location.href))
		.filter((u) => u.origin === location.origin && !u.pathname.startsWith("/a/podhop/")).map((u) => u.pathname)`)
	if len(astray) > 0 {
		p.T.Errorf("%s leads to %s", where, fmt.Sprint(astray))
	}
}
