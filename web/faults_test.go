package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

func TestBreakAndMend(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: "422"})
	p.Until(live)
	const badge = `document.querySelector("[data-fault='node/node-2']")`
	p.Do(chromedp.Focus(chromedp.CSS(`[data-vertex="node/node-2"]`)))
	p.Keys(kb.Enter)
	p.Until(`document.querySelector(".breakage .break")`)
	// By keyboard: open the choices, and take the first.
	p.Do(chromedp.Focus(chromedp.CSS(".break summary")))
	p.Keys(kb.Enter)
	p.Until(`document.querySelector(".break").open`)
	p.Keys(kb.Tab)
	p.Keys(kb.Enter)
	p.Until(badge + `?.textContent.includes("200 ms") && document.querySelector(".breakage .fault-list").textContent.includes("Its link")`)
	p.Until(`document.querySelector("#announce").textContent.includes("node-2 is broken")`)
	p.Until(`document.querySelector(".break-exact [name=delayMs]").value === "200"`)

	// What cannot be is refused, and said where it was asked for.
	p.Until(`(document.querySelector(".break-exact").noValidate = true)`)
	p.Do(chromedp.SetValue(chromedp.CSS(".break-exact [name=loss]"), "130"))
	p.Click(".break-exact button")
	p.Until(`document.querySelector(".breakage [role=alert]")?.textContent.includes("loss must be")`)

	p.Click(".breakage .fault-list button")
	p.Until(`!` + badge + ` && !document.querySelector(".breakage .fault-list")`)
}

func TestMendEverything(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Click(".open-cluster")
	p.Until(`document.querySelector(".broken").textContent.includes("Nothing.")`)
	p.Click(".broken .actions button")
	p.Until(`document.querySelector(".broken .fault-list")?.textContent.includes("DNS")`)
	p.Until(`fetch("/api/sessions/demo/faults/cut.node.node-1", {method: "PUT", headers: {"Content-Type": "application/json"}, body: "{}"}) && true`)
	p.Until(`document.querySelectorAll(".broken .fault-list li").length === 2 && document.querySelector("[data-fault='node/node-1']").textContent.includes("cut off")`)
	// They are the session's: a page that is loaded again has them.
	p.Do(chromedp.Reload())
	p.Until(live + ` && document.querySelector("[data-fault='node/node-1']")`)
	p.Click(".open-cluster")
	p.Until(`document.querySelector(".broken .actions button").textContent === "Undo all"`)
	p.Click(".broken .actions button")
	p.Until(`!document.querySelector("[data-fault]") && document.querySelector(".broken").textContent.includes("Nothing.")`)
}
