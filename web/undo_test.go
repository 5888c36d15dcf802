package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

// toast is the latest notice that has a way back, by what it says.
func toast(text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".toast")].find(t => t.textContent.includes(%q) && t.querySelector(".quiet"))`, text)
}

func TestUndo(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	stopped := `document.querySelector("[data-vertex='node/node-2']").getAttribute("aria-label").includes("stopped")`

	// A stopped node starts again, by the notice's button.
	p.palette("stop node-2")
	p.Until(first + ` === "Stop node-2"`)
	p.Keys(kb.Enter)
	p.Until(stopped + ` && ` + toast("node-2 was stopped"))
	chromium.Eval[bool](p.Tab, `(`+toast("node-2 was stopped")+`.querySelector(".quiet").click(), true)`)
	p.Until(`!` + stopped + ` && !` + toast("node-2 was stopped"))

	// What was broken is broken again, from the palette, once.
	broken := `[...document.querySelectorAll("[data-fault]")].map(f => f.dataset.fault).sort().join(" ")`
	for _, name := range []string{"node-1", "node-3"} {
		p.palette("cut off " + name)
		p.Until(first + ` === "Cut off ` + name + `"`)
		p.Keys(kb.Enter)
		p.Until(broken + `.includes("` + name + `")`)
	}
	p.palette("mend everything")
	p.Keys(kb.Enter)
	p.Until(broken + ` === "" && ` + toast("Everything is mended"))
	p.palette("undo")
	p.Until(first + ` === "Undo" && document.querySelector(".palette [aria-selected=true]").textContent.includes("Everything is mended")`)
	p.Keys(kb.Enter)
	p.Until(broken + ` === "node/node-1 node/node-3"`)
	p.palette("undo")
	p.Until(first + ` !== "Undo"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".palette")`)

	// A node that is removed does not come back: that is asked first.
	p.palette("remove node-2")
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.closest(".ask")?.textContent.includes("Remove node-2?")`)
	p.Keys(kb.Tab, chromedp.KeyModifiers(shift))
	p.Keys(kb.Enter)
	p.Until(`!document.querySelector("[data-vertex='node/node-2']") && !document.querySelector(".ask")`)
}
