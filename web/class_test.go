package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/web/internal/devserver"
)

const (
	alert  = `[...document.querySelectorAll("[role=alert]")].map((a) => a.textContent).join(" ")`
	people = `[...document.querySelectorAll("class-people [data-member]")]`
	heard  = `document.getElementById("announce").textContent`
)

// fill writes into a field as somebody who types does.
func (p *tab) fill(selector, value string) {
	p.T.Helper()
	p.Until(`document.querySelector(` + chromium.Quote(selector) + `)`)
	chromium.Eval[bool](p.Tab, fmt.Sprintf(`((f) => { f.value = %s; for (const e of ["input", "change"]) f.dispatchEvent(new Event(e, {bubbles: true})); return true })(document.querySelector(%s))`, chromium.Quote(value), chromium.Quote(selector)))
}

// A class is made of some of the lessons, and its way in is shown; the browser finds back to it.
func TestMakeClass(t *testing.T) {
	p := openTab(t, "/classes", chromium.Options{Allow: "status of 422"})
	p.Until(`!document.querySelector(".class-form").hidden && document.querySelector("[name=until]").value`)
	p.fill("[name=title]", "refuse")
	p.Click(".class-form .primary")
	p.Until(alert + `.includes("must not be refuse")`)
	p.fill("[name=title]", "Networking, Tuesday")
	p.fill("[name=instructor]", "Ada")
	p.Click(".class-lessons [name=all]")
	p.Click(".class-form .primary")
	p.Until(alert + `.includes("Choose a lesson")`)
	for _, slug := range []string{"deployments", "your-first-pod"} {
		p.Click(".class-lessons [value=" + slug + "]")
	}
	p.Until(`document.querySelector("[name=all]").indeterminate && document.querySelector(".all [role=status]").textContent.startsWith("2 of ")`)
	p.Click(".class-form .primary")
	p.Until(`document.querySelector(".made h2")?.textContent === "Networking, Tuesday is ready"`)
	c := p.server.Room("class-new").Class()
	if want := []string{"your-first-pod", "deployments"}; !slices.Equal(c.Lessons, want) || c.Instructor != "Ada" || c.Size != 30 {
		t.Errorf("asked for lessons %v of %q, %d places; want %v of Ada, 30", c.Lessons, c.Instructor, c.Size, want)
	}
	if until, err := time.Parse(time.RFC3339, c.Until); err != nil || until.Before(time.Now()) {
		t.Errorf("it ends %q: %v", c.Until, err)
	}
	p.Until(`document.querySelector(".the-link a").href.endsWith("/join/` + c.Code + `")`)
	p.Until(`((i) => i?.naturalWidth > 0 && i.alt.endsWith(document.querySelector(".the-link a").href))(document.querySelector(".the-picture"))`)
	p.Do(chromedp.Reload())
	p.Until(`document.querySelector("my-classes a")?.textContent.startsWith("Networking, Tuesday")`)
	p.Click("my-classes a")
	p.Until(`document.querySelector(".head h1")?.textContent === "Networking, Tuesday" && document.querySelector("class-people .empty")?.textContent.includes("Nobody has joined")`)
}

// Who joins is told what a code leads to, or why it leads nowhere, and comes to a page of their own.
func TestJoinClass(t *testing.T) {
	p := openTab(t, "/join", chromium.Options{Allow: "status of 4"})
	enter := func(code string) {
		p.fill("[name=code]", code)
		p.Click(".ask-code .primary")
	}
	enter("xyz xyz")
	p.Until(alert + `.includes("No class has the code XYZ-XYZ")`)
	enter("too-oft")
	p.Until(alert + `.includes("Too many codes")`)
	for code, want := range map[string]string{"FUL-LLL": "All places", "SHU-TTT": "Nobody can join"} {
		p.visit("/join/"+code, alert+`.includes(`+chromium.Quote(want)+`)`)
		p.Until(`!document.querySelector("[name=name]")`)
	}
	p.visit("/join", `document.querySelector("[name=code]")`)
	enter("abcdef")
	p.Until(`location.pathname === "/join/ABC-DEF" && document.querySelector("#class-title")?.textContent === "Kubernetes networking"`)
	p.fill("[name=name]", "refuse")
	p.Click(".joining .primary")
	p.Until(alert + `.includes("must not be refuse")`)
	p.fill("[name=name]", "Hedy")
	p.Click(".joining .primary")
	p.Until(`location.pathname === "/m/member-3-j3" && document.querySelector(".member .lead").textContent.includes("Hedy")`)
	p.Until(`document.querySelectorAll(".member-lessons li").length === 3`)

	// Back at the code, there is no need to join again.
	p.visit("/join/ABC-DEF", `document.querySelector(".again-here b")?.textContent === "Hedy"`)
	p.Click(".again-here a")
	p.Until(`location.pathname === "/m/member-3-j3" && document.querySelector("ask-help button")`)
	p.Click("ask-help .ask-for")
	p.Until(`document.querySelector("#help-form:popover-open")`)
	p.fill("#help-form textarea", "It stays Pending")
	p.Click("#help-form .primary")
	p.Until(`document.querySelector(".help-asked")?.textContent.includes("It stays Pending")`)
	seat := p.server.Seat("member-3-j3")
	eventually(t, "help is asked for", func() bool { h := seat.Member().Help; return h != nil && h.Text == "It stays Pending" })
	p.Click("ask-help .quiet")
	eventually(t, "no help is asked for", func() bool { return seat.Member().Help == nil })

	p.Click(".member-lessons li:nth-child(2) .quiet")
	p.Until(live + ` && location.pathname === "/s/demo-3-j3" && location.search.includes("containers-that-share") && document.querySelector("class-strip")`)
	if got := p.Text(".crumb a"); got != "Kubernetes networking" {
		t.Errorf("it leads back to %q", got)
	}
}

func openClass(t *testing.T, n int, o chromium.Options) (*tab, *devserver.Room) {
	t.Helper()
	key := fmt.Sprintf("class-%d", n)
	p := openTab(t, "/classes/"+key, o)
	p.Until(fmt.Sprintf(people+`.length === %d`, n))
	return p, p.server.Room(key)
}

// Rows come in the order of who needs help most, and stay where they are while somebody is
// at them, whatever is told meanwhile.
func TestLivePeople(t *testing.T) {
	p, room := openClass(t, 40, chromium.Options{})
	names := func() []string {
		return chromium.Eval[[]string](p.Tab, people+`.map((r) => r.dataset.member)`)
	}
	const order = `(r) => r.matches(".wants") ? 0 : r.matches(".away") ? 3 : r.querySelector(".count.bad") ? 1 : 2`
	p.Until(`((all) => all.every((x, i) => i === 0 || all[i - 1] <= x) && new Set(all).size === 4)(` + people + `.map(` + order + `))`)

	// With the focus in the list nothing moves, though somebody new needs help.
	chromium.Eval[bool](p.Tab, `(`+people+`[5].focus(), true)`)
	before := names()
	last := before[len(before)-1]
	room.Member(last, func(m *model.Member) {
		m.Online, m.Help = true, &model.Help{Since: time.Now().UTC().Format(time.RFC3339), Text: "Nothing <b>works</b>"}
	})
	p.Until(fmt.Sprintf(`document.querySelector("[data-member=%s] .asks")?.textContent.includes("Nothing <b>works</b>")`, last))
	p.Until(heard + `.includes("asks for help: Nothing")`)
	if now := names(); !slices.Equal(now, before) {
		t.Errorf("rows moved while the focus was there:\n%v\n%v", before, now)
	}
	p.Until(`!document.querySelector(".tools .again").disabled && document.title.startsWith("(4) ")`)
	if got := chromium.Eval[string](p.Tab, `document.activeElement.dataset.member ?? ""`); got != before[5] {
		t.Errorf("the focus is at %q, was at %s", got, before[5])
	}
	p.Click(".tools .again")
	p.Until(fmt.Sprintf(people+`.slice(0, 4).some((r) => r.dataset.member === %q)`, last))

	// Each thing about somebody, whole, is one key away.
	chromium.Eval[bool](p.Tab, `(`+people+`.find((r) => r.querySelector(".count.bad")).focus(), true)`)
	p.Press("Enter", 0)
	p.Until(`document.querySelector(".more .saw-whole, .more .fails")`)
	p.Press("ArrowDown", 0)
	p.Until(`document.activeElement.matches("[data-member]")`)
	p.Press("ArrowUp", 0)
	p.Press("ArrowLeft", 0)
	p.Until(`!document.querySelector(".more")`)

	// Where the class is leads to who is there.
	p.Click(".where-list .cell:not(:disabled)")
	p.Until(`document.querySelector(".cell[aria-pressed=true]") && ` + people + `.length === Number(document.querySelector(".cell[aria-pressed=true]").textContent)`)
	p.Press("Escape", 0)
	p.Until(people + `.length === 40`)
	p.fill("#people-filter", "grace")
	p.Until(people + `.length > 0 && ` + people + `.every((r) => r.textContent.includes("Grace"))`)
	p.fill("#people-filter", "")
	p.fill(".tools .only", "offline")
	p.Until(people + `.length > 0 && ` + people + `.every((r) => r.matches(".away"))`)
	p.fill(".tools .only", "all")
	p.fill(".tools .sort", "name")
	p.Until(people + `.map((r) => r.querySelector(".who b").textContent).every((n, i, all) => i === 0 || all[i - 1].localeCompare(n) <= 0)`)
}

// The line comes back by itself, with everything that is otherwise by then.
func TestLiveLine(t *testing.T) {
	p, room := openClass(t, 3, chromium.Options{})
	p.Until(`document.querySelector("class-link .link.live")`)
	room.Cut()
	eventually(t, "the page is back", func() bool { return room.Watched() == 1 })
	room.Member("m0", func(m *model.Member) { m.Errors = 77 })
	p.Until(`document.querySelector("class-link .link.live") && document.querySelector("[data-member=m0] .errors").textContent.trim() === "77"`)
	p.Click("[data-member=m0] .who")
	p.Click(".more .away-with")
	p.Until(`document.querySelector("dialog.ask[open]")`)
	p.Click("dialog.ask .danger")
	p.Until(people + `.length === 2 && document.querySelector(".head .muted").textContent.startsWith("2 of ")`)
	p.Click(".head .actions > :last-child")
	p.Click("dialog.ask .danger")
	p.Until(`document.querySelector(".head .muted").textContent.startsWith("Closed ")`)
	if got := chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll(".results-of a")].map((a) => a.getAttribute("href"))`); !slices.Equal(got, []string{"/api/classes/class-3/results.csv", "/api/classes/class-3/results.json"}) {
		t.Errorf("the results are at %v", got)
	}
}

// Things are sent to all, to those who were chosen, or to one, and what came of it is told of each.
func TestPush(t *testing.T) {
	p, room := openClass(t, 40, chromium.Options{Allow: "status of 422"})
	last := func() model.Push {
		all := room.Pushed()
		if len(all) == 0 {
			return model.Push{}
		}
		return all[len(all)-1]
	}
	choose := func(kind string) {
		p.Click(".kinds-of [value=" + kind + "]")
		p.Until(`document.querySelector(".kinds-of [value=` + kind + `]").checked`)
	}
	send := func() {
		p.Click(".class-dialog .primary")
		p.Until(`document.querySelector(".pushed")`)
	}
	p.Click(".head .primary")
	p.Until(`document.querySelector("#class-dialog-title")?.textContent === "Push to all 40 people"`)
	p.fill(".class-dialog [name=text]", "refuse")
	p.Click(".class-dialog .primary")
	p.Until(alert + `.includes("must not be refuse")`)
	p.fill(".class-dialog [name=text]", "Five minutes")
	send()
	p.Until(`document.querySelector(".pushed b").textContent === "Done for all 40"`)
	if got := last(); got.Kind != "message" || got.Text != "Five minutes" || len(got.To) != 0 {
		t.Errorf("pushed %+v", got)
	}
	p.Click(".class-dialog .primary")

	// To two who were chosen, of whom one has no session: a fault takes in the other alone.
	without := chromium.Eval[string](p.Tab, people+`.find((r) => r.querySelector(".acts button").disabled).dataset.member`)
	for _, id := range []string{"m0", without} {
		p.Click("[data-member=" + id + "] .pick input")
	}
	p.Click(".picked .quiet")
	choose("fault")
	p.fill("[name=what]", "link pod")
	p.fill("[name=pod]", "my-pod")
	p.Click(".how-bad [value=exact]")
	p.fill("[name=loss]", "12.5")
	send()
	p.Until(`document.querySelector(".pushed b").textContent === "Done for 1 of 2 people" && document.querySelector(".push-results li").textContent.includes("no session")`)
	if got := last(); got.Fault != "link.pod.default.my-pod" || got.Settings == nil || got.Settings.Loss != 12.5 || len(got.To) != 2 {
		t.Errorf("pushed %+v %+v", got, got.Settings)
	}
	p.Click(".class-dialog .primary")

	// To one, by the key of their row.
	p.Click(".picked .link")
	p.Until(`!document.querySelector(".picked b")`)
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-member=m1]").focus(), true)`)
	p.Press("p", 0)
	p.Until(`document.querySelector(".kinds-of")`)
	choose("step")
	p.fill(".class-dialog [name=lesson]", "deployments")
	p.fill(".class-dialog select[name=step]", "4")
	send()
	if got := last(); got.Kind != "step" || got.Lesson != "deployments" || got.Step != 4 || !slices.Equal(got.To, []string{"m1"}) {
		t.Errorf("pushed %+v", got)
	}
	p.Press("Escape", 0)
	p.Until(`!document.querySelector(".class-dialog") && document.activeElement.dataset.member === "m1"`)

	// Freezing asks what is to be read.
	p.Press("f", 0)
	p.fill(".freeze textarea", "Look here")
	p.Click(".freeze .primary")
	p.Until(`document.querySelector(".frozen-note")?.textContent.includes("Look here")`)
	if c := room.Class(); !c.Frozen || c.FreezeText != "Look here" {
		t.Errorf("the class is %+v", c)
	}
	p.Press("f", 0)
	p.Until(`!document.querySelector(".frozen-note")`)
}

// To look opens a tab; the keyboard is asked for, and its state is shown.
func TestLookAndControl(t *testing.T) {
	p, room := openClass(t, 3, chromium.Options{})
	chromium.Eval[bool](p.Tab, `(window.open = () => (window.opened = {location: {}, close() {}}), true)`)
	p.Click("[data-member=m1] .acts button")
	p.Until(`window.opened?.location.href.startsWith("/s/view-demo-m1?lesson=") && document.querySelector("[data-member=m1] .mode.looking")`)
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-member=m1]").focus(), true)`)
	p.Press("k", 0)
	p.Until(`document.querySelector("[data-member=m1] .mode.asked")`)
	room.Member("m1", func(m *model.Member) { m.Control, m.View = "given", "view-demo-hand-m1" })
	p.Until(`document.querySelector("[data-member=m1] .mode.keyboard") && ` + heard + `.includes("gave you the keyboard")`)
	p.Until(`[...document.querySelectorAll(".toast")].some((t) => t.textContent.includes("gave you the keyboard"))`)
	p.Press("Enter", 0)
	p.Until(`[...document.querySelectorAll(".more .actions button")].some((b) => b.textContent === "Give the keyboard back") && document.querySelector(".more .actions a").pathname === "/s/view-demo-hand-m1"`)
	chromium.Eval[bool](p.Tab, `([...document.querySelectorAll(".more .actions button")].find((b) => b.textContent === "Give the keyboard back").click(), true)`)
	p.Until(`!document.querySelector("[data-member=m1] .mode.keyboard") && !document.querySelector(".toast")`)
}

// seated opens the page of a member's session.
func seated(t *testing.T, o chromium.Options) (*tab, *devserver.Room, *devserver.Seat) {
	t.Helper()
	p := openTab(t, "/m/member-3-m1", o)
	p.Until(`document.querySelector(".member-lessons li .quiet")`)
	p.Click(".member-lessons li .quiet")
	p.Until(live + ` && document.querySelector("class-strip a") && location.search.includes("your-first-pod")`)
	return p, p.server.Room("class-3"), p.server.Seat("member-3-m1")
}

// What comes from the class is shown until it is put away, and is done by a press, not by itself.
func TestNotices(t *testing.T) {
	p, room, seat := seated(t, chromium.Options{})
	eventually(t, "it is known where they are", func() bool {
		return slices.Contains(seat.Told(), model.Progress{Lesson: "your-first-pod", Step: 1})
	})
	notice := func(kind string) string { return `document.querySelector("#class-notices .` + kind + `")` }
	room.Push(model.Push{Kind: "message", Text: "Look <i>here</i>", To: []string{"m1"}})
	p.Until(notice("message") + `?.textContent.includes("Look <i>here</i>") && ` + heard + `.includes("Grace Hopper: Look")`)
	room.Push(model.Push{Kind: "message", Text: "not for m1", To: []string{"m0"}})
	room.Push(model.Push{Kind: "manifest", Manifest: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: sent\nspec:\n  containers:\n  - name: c\n    image: nginx\n"})
	p.Until(notice("manifest"))
	if chromium.Eval[bool](p.Tab, editorText+`.includes("name: sent")`) {
		t.Error("a manifest went into the editor by itself")
	}
	p.Click("#class-notices .manifest .primary")
	p.Until(editorText + `.includes("name: sent") && document.querySelector("[data-vertex='pod/default/sent']")`)
	room.Push(model.Push{Kind: "step", Step: 3})
	p.Click("#class-notices .step .primary")
	p.Until(`location.search.includes("step=3") && document.querySelector("[data-step='3']:not([hidden])") && !` + notice("step"))
	eventually(t, "it is known that they went to the step", func() bool {
		return slices.Contains(seat.Told(), model.Progress{Lesson: "your-first-pod", Step: 3})
	})
	if chromium.Eval[bool](p.Tab, `document.querySelector("#class-notices").textContent.includes("not for")`) {
		t.Error("somebody else's message is shown")
	}
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-step='3'] .help details").open = true)`)
	eventually(t, "it is known that they took a hint", func() bool {
		return slices.ContainsFunc(seat.Told(), func(g model.Progress) bool { return g.Step == 3 && (g.Hint == 1 || g.Solution) })
	})
	for chromium.Eval[int](p.Tab, `document.querySelectorAll("#class-notices .notice").length`) > 0 {
		p.Click("#class-notices [aria-label=Dismiss]")
	}
	room.Push(model.Push{Kind: "start-over"})
	p.Click("#class-notices .start-over .primary")
	p.Until(`document.querySelector("dialog.ask[open] h2")?.textContent === "Start over?"`)
}

// Somebody who looks is named as long as it lasts. Who asks for the keyboard gets it by a yes
// alone, and it can be taken back.
func TestConsent(t *testing.T) {
	p, room, seat := seated(t, chromium.Options{})
	seat.Look("Grace Hopper")
	p.Until(`document.querySelector(".strip-hand")?.textContent.includes("Grace Hopper looks at your session")`)
	ask := func() {
		room.Member("m1", func(m *model.Member) { m.Control = "asked" })
		p.Until(`document.querySelector("dialog.consent[open]")`)
	}
	answers := func(want ...bool) {
		t.Helper()
		eventually(t, fmt.Sprintf("the answers are %v", want), func() bool { return slices.Equal(seat.Answers(), want) })
	}
	ask()
	// Whoever was typing answers nothing by it.
	p.Press("Enter", 0)
	p.Press(" ", 0)
	if !chromium.Eval[bool](p.Tab, `document.querySelector("dialog.consent[open]") !== null`) {
		t.Error("an Enter that was meant for something else answered")
	}
	p.Press("Escape", 0)
	answers(false)
	p.Until(`!document.querySelector("dialog.consent")`)
	ask()
	p.Click("dialog.consent [value=yes]")
	answers(false, true)
	p.Until(`document.querySelector(".strip-hand.holds")?.textContent.includes("Grace Hopper has your keyboard")`)
	p.Click(".strip-hand.holds .quiet")
	eventually(t, "the keyboard is back", func() bool { return seat.Member().Control == "" })
	p.Until(`!document.querySelector(".strip-hand.holds")`)

	// Who asked and thought better of it takes the question away.
	ask()
	room.Member("m1", func(m *model.Member) { m.Control = "" })
	p.Until(`!document.querySelector("dialog.consent")`)
	answers(false, true)

	// Time is a no, which the page says before the server stops waiting. What comes up and goes is written down, because
	// it may have gone before anybody looks.
	chromium.Eval[bool](p.Tab, `(window.asked = [], new MutationObserver(() => {
		const text = document.querySelector("dialog.consent[open] .consent-time")?.textContent
		if (text && window.asked.at(-1) !== text) window.asked.push(text)
	}).observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true}), true)`)
	room.Wait(8)
	room.Member("m1", func(m *model.Member) { m.Control = "asked" })
	answers(false, true, false)
	p.Until(`!document.querySelector("dialog.consent")`)
	if got := chromium.Eval[[]string](p.Tab, `window.asked`); len(got) == 0 || got[0] != "No answer is a no, in 3 s." {
		t.Errorf("it said %q", got)
	}
	seat.Look("")
	p.Until(`!document.querySelector(".strip-hand")`)
}

// A frozen page can be read, and that is all, until it goes on.
func TestFrozen(t *testing.T) {
	p, room, _ := seated(t, chromium.Options{})
	room.Change(func(c *model.Class) { c.Frozen, c.FreezeText = true, "Eyes to the front" })
	p.Until(`document.querySelector("dialog.frozen[open]")?.textContent.includes("Grace Hopper has frozen all screens")`)
	p.Until(`document.querySelector("dialog.frozen").textContent.includes("Eyes to the front")`)
	for range 3 { // a browser lets the second one through
		p.Press("Escape", 0)
	}
	p.Press("k", chromium.Ctrl)
	p.Press("?", 0)
	p.Until(`document.querySelector("dialog.frozen:modal") && !document.querySelector(".palette, #keys:popover-open")`)
	// What is below takes no focus, so that nothing is typed there.
	chromium.Eval[bool](p.Tab, `(document.querySelector(".send input")?.focus(), document.querySelector(".mark").focus(), true)`)
	if got := chromium.Eval[string](p.Tab, `document.activeElement.closest("dialog")?.className ?? document.activeElement.outerHTML.slice(0, 100)`); got != "frozen" && !strings.HasPrefix(got, "<body") {
		t.Errorf("the focus is at %s", got)
	}
	room.Change(func(c *model.Class) { c.Frozen = false })
	p.Until(`!document.querySelector("dialog.frozen")`)
	// The browser lets go of what was below when it draws next.
	p.Until(`(document.querySelector(".mark").focus(), document.activeElement.matches(".mark"))`)
}
