package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// first is what the palette would run.
const first = `document.querySelector(".palette [aria-selected=true] > span").textContent`

func (p *tab) palette(query string) {
	p.T.Helper()
	p.Keys("k", chromedp.KeyModifiers(ctrl))
	p.Until(`document.activeElement.matches(".palette[open] input[role=combobox]")`)
	p.Keys(query)
	p.Until(fmt.Sprintf(`document.activeElement.value === %q`, query))
}

func TestPaletteFindsAndRuns(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live)

	// An object, by the letters that begin its words.
	p.palette("my-serv")
	p.Until(first + ` === "my-service" && document.activeElement.getAttribute("aria-activedescendant") === document.querySelector(".palette [aria-selected=true]").id`)
	p.Keys(kb.Enter)
	p.Until(`!document.querySelector(".palette") && document.querySelector(".head h2").textContent.includes("my-service")`)

	// A tab, which takes the focus.
	p.palette("events")
	p.Until(first + ` === "Events"`)
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.id === "tab-events" && !document.querySelector("#panel-events").hidden`)

	// A request, filled in.
	p.palette("send my-deployment")
	p.Until(`document.querySelectorAll(".palette [role=option]").length > 2`)
	p.Keys(kb.ArrowDown)
	p.Until(`document.querySelector(".palette [aria-selected=true]").dataset.at === "1"`)
	p.Keys(kb.ArrowUp)
	p.Keys(kb.Enter)
	p.Until(`document.querySelector("[name=to]").value.startsWith("http://10.244.") && document.activeElement.matches(".send-button")`)

	// A step of the lesson, without leaving the page.
	title := chromium.Eval[string](p.Tab, `(window.kept = true, document.querySelector("[data-step='3'] h1").textContent)`)
	p.palette(title)
	p.Until(`document.querySelector(".palette [aria-selected=true]").textContent.includes("this lesson, step 3")`)
	p.Keys(kb.Enter)
	p.Until(`location.search.includes("step=3") && window.kept && document.querySelector("[data-step='3']:not([hidden]) h1") === document.activeElement`)

	// What was run lately comes first, after a reload too; Escape runs nothing.
	p.Do(chromedp.Reload())
	p.Until(live)
	p.focus("#tab-events")
	p.palette("")
	p.Until(`document.querySelector(".palette [aria-selected=true]").textContent.includes("step 3") && [...document.querySelectorAll(".palette [role=option] > span:first-child")].slice(0, 4).some(o => o.textContent === "my-service")`)
	p.Keys("zzzz")
	p.Until(`document.querySelector(".palette-list").textContent === "Nothing of that name"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".palette") && document.activeElement.id === "tab-events"`)

	// Another lesson.
	p.palette("reach pods through a service")
	p.Until(first + ` === "Reach Pods through a Service"`)
	p.Keys(kb.Enter)
	p.Until(`location.pathname === "/lessons/reach-pods-through-a-service"`)
}

// The keys are one list: what the help says, the palette offers.
func TestKeysAndPaletteAgree(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.focus("#tab-editor")
	p.Keys("?")
	p.Until(`document.querySelector("#keys:popover-open")`)
	help := strings.Split(chromium.Eval[string](p.Tab, `[...document.querySelectorAll("#keys dl > div")].filter(d => [...d.querySelector("kbd").textContent].length === 1 || d.querySelector("kbd").textContent === "Space").map(d => d.querySelector("kbd").textContent + "=" + d.querySelector("dd").textContent).join("\n")`), "\n")
	if len(help) < 10 {
		t.Fatalf("the help lists %q", help)
	}
	p.Keys(kb.Escape)
	p.palette("")
	offered := chromium.Eval[string](p.Tab, `[...document.querySelectorAll(".palette [role=option]")].filter(o => o.querySelector("kbd")).map(o => o.querySelector("kbd").textContent + "=" + o.querySelector("span").textContent).join("\n")`)
	for _, h := range help {
		if !strings.Contains(offered, h) {
			t.Errorf("the palette lacks %q; it has\n%s", h, offered)
		}
	}
}

func TestClockWarnsAndExtends(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: "409"})
	p.Until(live)
	c := p.server.Cluster("demo")
	s := c.Session()
	s.ExpiresAt = time.Now().Add(3 * time.Minute).UTC().Format(time.RFC3339)
	c.Tell(model.Message{Type: "session", Session: &s})
	p.Until(`document.querySelector(".clock.soon") && document.querySelector(".toast")?.textContent.includes("This cluster closes at") && document.querySelector("#announce").textContent.includes("closes at")`)
	p.Click(".toast .quiet") // Extend
	p.Until(`!document.querySelector(".clock.soon") && [...document.querySelectorAll(".toast")].some(t => t.textContent.includes("stays until")) && document.querySelector(".clock b").textContent.startsWith("2:59")`)

	// By keyboard, from its panel, until there is no more to be had.
	p.focus(".clock.chip")
	p.Keys(kb.Enter)
	p.Until(`document.querySelector("#clock:popover-open h2").textContent.includes("stays until")`)
	p.Click("#clock .extend")
	p.Until(`document.querySelector(".clock b").textContent.startsWith("3:59")`)
	p.Click("#clock .extend")
	p.Until(`[...document.querySelectorAll(".toast")].some(t => t.textContent.includes("lasts 4h at most"))`)
}

func TestStartOver(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod&step=2", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Paste(chromium.Quote("kind: Pod # mine\n"))
	p.Until(`document.querySelector(".cm-content").textContent.includes("# mine")`)
	p.focus(".clock.chip")
	p.Keys(kb.Enter)
	p.Until(`document.querySelector("#clock:popover-open")`)
	p.Click("#clock .start-over")
	// The question has the focus on its No, and Escape is one.
	p.Until(`document.querySelector(".ask[open]")?.textContent.includes("Start over?") && document.activeElement.textContent === "Cancel"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".ask") && location.pathname === "/s/demo"`)

	p.palette("start over")
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.textContent === "Cancel" && document.querySelector(".ask [name=choice]").checked`)
	p.Keys(kb.Tab, chromedp.KeyModifiers(shift))
	p.Until(`document.activeElement.textContent === "Start over"`)
	p.Keys(kb.Enter)
	p.Until(`location.pathname === "/s/demo-again" && location.search === "?lesson=your-first-pod&step=2"`)
	p.Until(live + ` && document.querySelector(".cm-content")?.textContent.includes("# mine")`)

	// Without what is in the editor.
	p.palette("start over")
	p.Keys(kb.Enter)
	p.Click(".ask [name=choice]")
	p.Click(".ask .danger")
	p.Until(`location.pathname === "/s/demo-again-again"`)
	p.Until(live + ` && document.querySelector(".cm-content") && !document.querySelector(".cm-content").textContent.includes("# mine")`)
}

func TestThemeIsKept(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Features: map[string]string{"prefers-color-scheme": "light"}})
	p.Until(live)
	const paper = `getComputedStyle(document.body).backgroundColor`
	light := chromium.Eval[string](p.Tab, paper)
	p.Click(".page-menu [value=dark]")
	p.Until(paper + ` !== ` + chromium.Quote(light))
	dark := chromium.Eval[string](p.Tab, paper)
	p.Do(chromedp.Reload())
	p.Until(live + ` && ` + paper + ` === ` + chromium.Quote(dark) + ` && document.querySelector(".page-menu [value=dark]").checked`)
	// On other pages, too.
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`)))
	p.Until(`location.pathname === "/" && ` + paper + ` === ` + chromium.Quote(dark))
	p.Do(chromedp.NavigateBack())
	p.Until(live)
	p.palette("theme as the system")
	p.Keys(kb.Enter)
	p.Until(paper + ` === ` + chromium.Quote(light))
}
