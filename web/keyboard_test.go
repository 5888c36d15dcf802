package web_test

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

// Tab reaches everything that takes the focus by itself, and comes to an end: nothing on the way
// keeps it. (What keeps Tab for itself, the editor and the terminal, has another way out.)
func TestTabReachesEverything(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=deployments&step=2", chromium.Options{Features: map[string]string{"prefers-reduced-motion": "reduce"}})
	p.Until(live)
	p.Click("#tab-events")
	p.Until(`!document.querySelector("#panel-events").hidden`)
	chromium.Eval[bool](p.Tab, `(document.querySelectorAll("article:not([hidden]) details").forEach(d => d.open = true), document.activeElement.blur(), true)`)
	const name = `(e => [e.localName, e.id, e.getAttribute("aria-label") ?? e.textContent.replace(/\s+/g, " ").trim().slice(0, 40)].filter(Boolean).join(" "))`
	const all = `[...document.querySelectorAll("a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex]")]
		.filter(e => e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true}))`
	want := chromium.Eval[[]string](p.Tab, all+`.map(`+name+`)`)
	if len(want) < 30 {
		t.Fatalf("there are only %d things to reach: %q", len(want), want)
	}
	var reached []string
	for range 3 * len(want) {
		p.Press("Tab", 0)
		if chromium.Eval[bool](p.Tab, `document.activeElement === document.body`) {
			break // out of the page
		}
		at := chromium.Eval[string](p.Tab, name+`(document.activeElement)`)
		if len(reached) > len(want) && at == reached[0] {
			break // round
		}
		reached = append(reached, at)
	}
	for _, w := range want {
		if !slices.Contains(reached, w) {
			t.Errorf("Tab does not reach %q", w)
		}
	}
	if len(reached) > 2*len(want) {
		t.Errorf("Tab came to no end after %d: the last are %q", len(reached), reached[len(reached)-5:])
	}

	// CodeMirror's way out: Escape, then Tab.
	p.Click("#tab-editor")
	p.Until(`document.querySelector(".cm-content")`)
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Press("Escape", 0)
	p.Press("Tab", 0)
	p.Until(`!document.activeElement.closest(".cm-editor")`)
}
