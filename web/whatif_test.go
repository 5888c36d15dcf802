package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

const tryArticle = "kind: NetworkPolicy\nmetadata:\n  name: article\n---\nkind: Pod\nmetadata:\n  name: allowed\n"

// A policy is tried, looked at cell by cell, applied, and its deletion tried.
func TestWhatIf(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	if chromium.Eval[bool](p.Tab, `performance.getEntriesByType("resource").some(r => r.name.includes("whatif"))`) {
		t.Error("what draws it came with the page")
	}

	// With nothing to be tried it says how things are.
	p.Click("#tab-whatif")
	p.Until(`document.querySelectorAll("what-if td.yes").length === 8 && document.querySelector(".what-said").textContent.includes("How things are now")`)
	p.Until(`document.querySelector(".what-about") && document.querySelector(".try").disabled && !document.querySelector(".what-apply") && !document.querySelector("[name=changes]")`)

	p.Click("#tab-editor")
	p.Paste(chromium.Quote(tryArticle))
	p.Click("#tab-whatif")
	p.Click(".try")
	p.Until(`document.querySelector(".what-said").textContent.includes("With 1 NetworkPolicy of the editor, 1 conversation would be cut and 0 newly allowed; 4 cells of the table change.")`)
	p.Until(`document.querySelector(".what-conversations .cut").textContent.includes("my-pod to my-service (") && document.querySelector(".what-conversations .cut").textContent.includes("No ingress rule of default/article")`)
	p.Until(`document.querySelector(".what-results").textContent.includes("1 document of other kinds is not tried here")`)
	// Only what changes is shown, until all is asked for.
	p.Until(`document.querySelectorAll("what-if thead th").length === 2 && document.querySelectorAll("what-if td").length === 4 && document.querySelectorAll("what-if td.cut").length === 4`)
	p.Click("[name=changes]")
	p.Until(`document.querySelectorAll("what-if td").length === 8 && document.querySelectorAll("what-if td.cut").length === 4`)
	if got := p.Text("what-if tbody tr:first-child"); !strings.Contains(got, "my-deployment ×3") || !strings.Contains(got, "cut *") {
		t.Errorf("the first row reads %q", got)
	}

	// Keys go from cell to cell, of which one is in the tab order, and the reason follows.
	p.Do(chromedp.Focus("what-if td[tabindex='0']"))
	where := `document.activeElement.dataset.row + "," + document.activeElement.dataset.column`
	for _, step := range []struct{ key, want, reason string }{
		{kb.ArrowDown, "1,0", "my-pod to my-deployment ×3, TCP 80: Now: Allowed: no NetworkPolicy isolates either end. Then: No ingress rule of default/article admits it."},
		{kb.ArrowRight, "1,1", "my-pod to my-pod, TCP 80: Allowed: no NetworkPolicy isolates either end."},
		{kb.ArrowRight, "1,1", "my-pod to my-pod"},
		{kb.Home, "1,0", "my-pod to my-deployment"},
		{kb.ArrowUp, "0,0", "Each of these pods always reaches itself."},
		{kb.End, "0,1", "my-deployment ×3 to my-pod"},
	} {
		p.Keys(step.key)
		p.Until(where + ` === ` + chromium.Quote(step.want) + ` && document.querySelectorAll("what-if td[tabindex='0']").length === 1 && document.querySelector("#what-why").textContent.includes(` + chromium.Quote(step.reason) + `)`)
	}
	p.Keys(kb.ArrowLeft)
	p.Keys(kb.Enter)
	p.Until(`document.querySelector("#announce").textContent.includes("my-deployment ×3 to my-deployment ×3, TCP 80. Now: Allowed")`)

	p.Click(".what-apply")
	p.Until(`document.querySelector(".what-said").textContent.includes("How things are now") && document.querySelectorAll("what-if td.no").length > 3`)
	p.Until(`document.querySelector("what-if [name=policy] option[value='default/article']")`)
	chromium.Eval[bool](p.Tab, `(() => { const s = document.querySelector("what-if [name=policy]"); s.value = "default/article"; s.dispatchEvent(new Event("change", {bubbles: true})); return s.value === "default/article" })()`)
	p.Until(`document.querySelector(".what-said").textContent.includes("Without article, 0 conversations would be cut and 1 newly allowed") && document.querySelector("what-if td.allowed") && !document.querySelector("what-if td.cut")`)

	// It is asked anew where the cluster has changed.
	p.server.Cluster("demo").Apply("kind: Pod\nmetadata: {name: later}\n")
	p.Until(`document.querySelector(".what-said").textContent.includes("the cluster has changed since") && document.querySelector("[data-vertex='pod/default/later'].ready")`)
	p.Click(".what-said .link")
	p.Until(`!document.querySelector(".what-said").textContent.includes("changed since") && document.querySelector(".what-head [name=changes]").checked`)
	p.Click("[name=changes]")
	p.Until(`[...document.querySelectorAll("what-if tbody th")].some(th => th.textContent === "later")`)
}

// What the API would not take is said in its words, with line and field.
func TestWhatIfErrors(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Paste(chromium.Quote("kind: NetworkPolicy\nmetadata:\n  name: errs\n"))
	p.Click("#tab-whatif")
	p.Until(`document.querySelector(".try:not(:disabled)")`)
	p.Click(".try")
	p.Until(`document.querySelector(".what-said").textContent.includes("Nothing could be tried")`)
	if got := p.Text(".what-results"); !strings.Contains(got, `line 4 spec.policyTypes[0] Unsupported value: "Inwards"`) {
		t.Errorf("it says %q", got)
	}
	if chromium.Eval[bool](p.Tab, `document.querySelector(".what-apply") !== null`) {
		t.Error("it could be applied")
	}
}

// On a phone it is a list; nothing is wider than the screen. A large table stays inside.
func TestWhatIfFits(t *testing.T) {
	for _, c := range []struct {
		name, path, ready string
		width             int64
	}{
		{"phone", "/s/demo", `document.querySelectorAll("what-if details").length === 2 && !document.querySelector("what-if table")`, 390},
		{"many, phone", "/s/many", `document.querySelectorAll("what-if details").length === 13`, 390},
		{"many", "/s/many", `document.querySelectorAll("what-if thead th").length === 14`, 1280},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openTab(t, c.path, chromium.Options{Width: c.width, Height: 800})
			p.Until(live)
			p.Click("#tab-whatif")
			p.Until(c.ready)
			if wider := chromium.Eval[int](p.Tab, `(w => Math.max(Math.round(w.getBoundingClientRect().right) - innerWidth, w.scrollWidth - w.clientWidth))(document.querySelector("what-if"))`); wider > 0 {
				t.Errorf("it is %d pixels too wide", wider)
			}
			if c.width > 860 {
				// The headings stay in sight, whatever is scrolled.
				p.Until(`(() => { const g = document.querySelector(".what-grid"), h = g.querySelector("thead th:last-child"); g.scrollTop = 1e6; g.scrollLeft = 1e6;
					const [a, b] = [g.getBoundingClientRect(), h.getBoundingClientRect()]; return Math.abs(a.top - b.top) < 3 && Math.abs(a.right - b.right) < 20 &&
					Math.abs(g.querySelector("tbody tr:last-child th").getBoundingClientRect().left - a.left) < 3 })()`)
			}
		})
	}
}
