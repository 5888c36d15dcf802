package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

const (
	ctrl  = 2 // of chromedp.KeyModifiers
	shift = 8
)

// in is a condition: the tabs of an area are these, in this order.
func in(area string, ids ...string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("dock-tabs[area=%s] [role=tab]")].map(t => t.dataset.tab).join(" ") === %q`, area, strings.Join(ids, " "))
}

// inside is a condition: a panel is in sight, in its area, below or beside the tabs of it.
func inside(id, area string) string {
	return fmt.Sprintf(`(() => {
		const p = document.querySelector("#panel-%s").getBoundingClientRect(), t = document.querySelector("dock-tabs[area=%s]").getBoundingClientRect();
		return p.width > 0 && p.height > 0 && Math.abs(p.left - t.left) < 2 && Math.abs(p.top - t.bottom) < 2 && Math.abs(p.width - t.width) < 2 })()`, id, area)
}

func (p *tab) focus(selector string) {
	p.T.Helper()
	p.Until(`document.querySelector(` + chromium.Quote(selector) + `)`)
	p.Do(chromedp.Focus(chromedp.CSS(selector)))
}

// under is the tabs under the map, without some of them, as they are at first.
func (p *tab) under(without ...string) []string {
	p.T.Helper()
	all := chromium.Eval[[]string](p.Tab, `[...document.querySelectorAll("main .panels > [role=tabpanel]:not([data-home])")].map(p => p.id.slice("panel-".length))`)
	return slices.DeleteFunc(all, func(id string) bool { return slices.Contains(without, id) })
}

// A tab that is moved to another area takes what is in its panel with it, and is there
// after a reload.
func TestTabsMoveByKeyboard(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Paste(chromium.Quote("kind: Pod\n"))
	chromium.Eval[bool](p.Tab, `(window.kept = document.querySelector(".cm-editor"), true)`)

	p.focus("#tab-editor")
	p.Keys(kb.F10, chromedp.KeyModifiers(shift))
	p.Until(`document.activeElement.textContent === "Move to the right group" && document.activeElement.role === "menuitem"`)
	p.Keys(kb.Enter)
	p.Until(in("left", p.under("editor")...) + ` && ` + in("right", "editor") + ` && document.activeElement.id === "tab-editor"`)
	p.Until(inside("editor", "right"))
	p.Until(`document.querySelector("#announce").textContent.includes("Editor is in the right group")`)
	if !chromium.Eval[bool](p.Tab, `window.kept.isConnected && window.kept.querySelector(".cm-content").textContent.includes("kind: Pod")`) {
		t.Error("the editor was made anew when its tab was moved")
	}

	// Into the side column, by its button.
	p.Click("#tab-objects")
	p.Until(inside("objects", "left"))
	p.Click("dock-tabs[area=left] .move-tab")
	p.Until(`document.activeElement.role === "menuitem"`)
	p.Keys(kb.ArrowDown)
	p.Until(`document.activeElement.textContent === "Move to the side column"`)
	p.Keys(kb.Enter)
	p.Until(in("side", "details", "objects") + ` && ` + inside("objects", "side"))

	// Among its neighbours.
	rest := p.under("editor", "objects")
	last := len(rest) - 1
	p.focus("#tab-" + rest[last])
	p.Keys(kb.ArrowLeft, chromedp.KeyModifiers(ctrl|shift))
	rest[last-1], rest[last] = rest[last], rest[last-1]
	p.Until(in("left", rest...) + ` && document.activeElement.id === "tab-` + rest[last-1] + `"`)

	p.Do(chromedp.Reload())
	p.Until(live + ` && ` + in("left", rest...) + ` && ` + in("right", "editor") + ` && ` + in("side", "details", "objects"))
	p.Until(inside("objects", "side") + ` && ` + inside("editor", "right") + ` && document.querySelector(".cm-content").textContent.includes("kind: Pod")`)

	// Who chooses an object in the list keeps the list; who chooses one on the map sees it.
	p.Click("object-list button[aria-pressed]")
	p.Until(`document.querySelector("page-inspector .head .kind") && ` + inside("objects", "side"))
	p.Click("[data-vertex='pod/default/my-pod']")
	p.Until(inside("details", "side"))

	p.focus("#tab-editor")
	p.Keys(kb.F10, chromedp.KeyModifiers(shift))
	p.Until(`document.activeElement.role === "menuitem"`)
	p.Keys(kb.End)
	p.Until(`document.activeElement.textContent === "Reset the layout"`)
	p.Keys(kb.Enter)
	p.Until(in("left", p.under()...) + ` && ` + in("right") + ` && ` + in("side", "details"))
}

// middle is where an element is, from its left edge so much of its width.
func (p *tab) middle(selector string, part float64) (x, y float64) {
	p.T.Helper()
	at := chromium.Eval[struct{ X, Y float64 }](p.Tab, fmt.Sprintf(`(() => { const b = document.querySelector(%s).getBoundingClientRect(); return {x: b.left + b.width * %f, y: b.top + b.height / 2} })()`, chromium.Quote(selector), part))
	return at.X, at.Y
}

func (p *tab) drag(from, to string, part float64) {
	p.T.Helper()
	x, y := p.middle(from, 0.5)
	toX, toY := p.middle(to, part)
	p.Do(chromedp.DragAndDropXY(x, y, toX, toY))
}

func TestTabsAreDragged(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	// What moves them is there once a menu was opened.
	p.Click("dock-tabs[area=left] .move-tab")
	p.Until(`document.activeElement.role === "menuitem"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".tab-menu") && document.activeElement.matches(".move-tab, [role=tab]")`)

	p.drag("#tab-objects", "#panel-editor", 0.9) // the right part of the area makes a group
	p.Until(in("left", p.under("objects")...) + ` && ` + in("right", "objects") + ` && ` + inside("objects", "right"))
	p.drag("#tab-events", "#tab-objects", 0.1) // before another
	p.Until(in("right", "events", "objects") + ` && ` + inside("events", "right"))
	p.drag("#tab-whatif", "#panel-details", 0.5) // over a panel: behind the others
	p.Until(in("side", "details", "whatif") + ` && ` + inside("whatif", "side"))
	// The last of the side column takes the column with it, and its edge brings it back.
	p.drag("#tab-whatif", "#panel-editor", 0.2)
	p.Until(in("side", "details"))
	p.drag("#tab-details", "#panel-whatif", 0.2)
	p.Until(in("side") + ` && Math.abs(document.querySelector(".stage").getBoundingClientRect().right - innerWidth) < 2`)
	p.drag("#tab-details", "pod-map", 0.97)
	p.Until(in("side", "details") + ` && ` + inside("details", "side"))
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll(".drop-mark, .dragging").length`); n != 0 {
		t.Error("something of the dragging is left")
	}
}

// now is what a separator says of itself.
func now(edge string) string {
	return fmt.Sprintf(`Number(document.querySelector("page-edge[of=%s]").ariaValueNow)`, edge)
}

func TestAreasAreResized(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live)
	size := func(selector, side string) float64 {
		return chromium.Eval[float64](p.Tab, fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().%s`, selector, side))
	}
	for _, c := range []struct{ edge, area, side, larger, smaller string }{
		{"dock", "#panel-editor", "height", kb.ArrowUp, kb.ArrowDown},
		{"side", "#panel-details", "width", kb.ArrowLeft, kb.ArrowRight},
		{"lesson", "#lesson", "width", kb.ArrowRight, kb.ArrowLeft},
	} {
		was := size(c.area, c.side)
		p.focus("page-edge[of=" + c.edge + "]")
		p.Keys(c.larger)
		p.Until(fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().%s - %f > 20`, c.area, c.side, was))
		p.Keys(c.smaller)
		p.Keys(c.smaller)
		p.Until(fmt.Sprintf(`%f - document.querySelector(%q).getBoundingClientRect().%s > 20`, was, c.area, c.side))
		p.Keys(kb.Home)
		p.Until(now(c.edge) + fmt.Sprintf(` <= Number(document.querySelector("page-edge[of=%s]").ariaValueMin) + 1`, c.edge))
		p.Keys(kb.End)
		p.Until(now(c.edge) + fmt.Sprintf(` >= Number(document.querySelector("page-edge[of=%s]").ariaValueMax) - 1`, c.edge))
		if stage := chromium.Eval[bool](p.Tab, `(b => b.width >= 318 && b.height >= 180)(document.querySelector(".stage").getBoundingClientRect())`); !stage {
			t.Errorf("with the largest %s the map is too small", c.edge)
		}
		chromium.Eval[bool](p.Tab, fmt.Sprintf(`document.querySelector("page-edge[of=%s]").dispatchEvent(new MouseEvent("dblclick"))`, c.edge))
		p.Until(fmt.Sprintf(`Math.abs(document.querySelector(%q).getBoundingClientRect().%s - %f) < 1`, c.area, c.side, was))

		p.Keys(kb.Enter) // folds
		p.Until(fmt.Sprintf(`document.querySelector(".columns").classList.contains("fold-%s")`, c.edge))
		p.Do(chromedp.Reload())
		p.Until(live + fmt.Sprintf(` && document.querySelector(".columns").classList.contains("fold-%s")`, c.edge))
		p.Click(map[string]string{"dock": "dock-tabs[area=left] .fold", "side": "#tab-details", "lesson": "lesson-fold button"}[c.edge])
		p.Until(fmt.Sprintf(`Math.abs(document.querySelector(%q).getBoundingClientRect().%s - %f) < 1`, c.area, c.side, was))
	}
	// By pointer, and kept.
	x, y := p.middle("page-edge[of=side]", 0.5)
	was := size("#panel-details", "width")
	p.Do(chromedp.DragAndDropXY(x, y, x-90, y))
	p.Until(fmt.Sprintf(`Math.abs(document.querySelector("#panel-details").getBoundingClientRect().width - %f) < 3`, was+90))
	p.Do(chromedp.Reload())
	p.Until(live + fmt.Sprintf(` && Math.abs(document.querySelector("#panel-details").getBoundingClientRect().width - %f) < 3`, was+90))
}

// On a phone there is one part of the page at a time, as high as the page.
func TestPhoneViews(t *testing.T) {
	sizes := map[string][2]int64{"phone": {390, 844}, "on its side": {844, 390}, "tablet": {768, 1024}, "smallest": {320, 640}}
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{Width: size[0], Height: size[1]})
			p.Until(live)
			const fits = `document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight`
			const shown = `[["lesson", "#lesson"], ["map", "pod-map"], ["details", "page-inspector"], ["editor", "manifest-editor"], ["terminal", "terminal-panel"]].filter(([, s]) => document.querySelector(s).checkVisibility()).map(([n]) => n).join(" ")`
			p.Until(shown + ` === "lesson" && ` + fits)
			for _, v := range []struct{ button, shown string }{{"Map", "map"}, {"Journey", "details"}, {"Editor", "editor"}, {"Terminal", "terminal"}, {"Lesson", "lesson"}} {
				button := `[...document.querySelectorAll(".jump button")].find(b => b.textContent.trim() === "` + v.button + `")`
				p.Until(button)
				chromium.Eval[bool](p.Tab, `(`+button+`.click(), true)`)
				p.Until(shown + ` === "` + v.shown + `" && ` + fits)
				p.Until(button + `.ariaCurrent === "true" && document.querySelectorAll(".jump [aria-current=true]").length === 1`)
				if h := chromium.Eval[float64](p.Tab, button+`.offsetHeight`); h < 44 {
					t.Errorf("%s is %v px high", v.button, h)
				}
			}
			// What is put somewhere is shown there, and all is to be had.
			p.Click("[data-step]:not([hidden]) [data-load]")
			p.Until(shown + ` === "editor"`)
			p.Click(".search")
			p.Until(`document.activeElement.matches(".palette input") && document.querySelector(".palette").getBoundingClientRect().right <= innerWidth`)
			p.Keys("my-pod")
			p.Until(first + ` === "my-pod"`)
			p.Keys(kb.Enter)
			p.Until(shown + ` === "details"`)
			p.Do(chromedp.Reload())
			p.Until(live + ` && ` + shown + ` === "details"`)
		})
	}
}

// A terminal goes on when its tab is moved.
func TestTerminalMoves(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Click("#tab-terminal")
	p.Until(`document.querySelector(".xterm-screen")`)
	chromium.Eval[bool](p.Tab, `(window.kept = document.querySelector(".xterm-screen"), true)`)
	for _, to := range []string{"the side column", "the left group"} {
		p.palette("move terminal to " + to)
		p.Until(first + ` === "Move Terminal to ` + to + `"`)
		p.Keys(kb.Enter)
		area := map[string]string{"the side column": "side", "the left group": "left"}[to]
		p.Until(inside("terminal", area) + ` && window.kept.isConnected && window.kept === document.querySelector(".xterm-screen") && window.kept.getBoundingClientRect().width > 0`)
	}
}

// The map has the page, and gives it back.
func TestWholeMap(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live)
	p.focus("#tab-editor")
	p.Keys("f")
	p.Until(`document.querySelector(".stage").clientWidth === innerWidth && !document.querySelector("#lesson").checkVisibility() && !document.querySelector("dock-tabs").checkVisibility()`)
	p.Keys("f")
	p.Until(`document.querySelector(".stage").clientWidth < innerWidth && document.querySelector("manifest-editor").checkVisibility()`)
	// A tab that is brought up has its place again.
	p.Keys("f")
	p.Until(`!document.querySelector("dock-tabs").checkVisibility()`)
	p.Keys("l")
	p.Until(`document.querySelector("journey-list").checkVisibility()`)
}
