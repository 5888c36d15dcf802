package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// inEditor is what stands in the editor, and inTab whether a tab is in front.
const inEditor = `document.querySelector(".cm-content")?.innerText`

func inTab(id string) string {
	return fmt.Sprintf(`document.querySelector("#tab-%s")?.getAttribute("aria-selected") === "true"`, id)
}

func presented(text string, head int) *model.Presenting {
	return &model.Presenting{Tab: "editor", View: "journey", Hop: -1, Speed: 1, File: &model.PresentedFile{Name: "shown.yaml", Anchor: head, Head: head, Text: &text}}
}

const bar = `document.querySelector("look-bar")?.innerText.includes`

// Somebody who looks on follows what is shown, looks around, and follows again.
func TestFollow(t *testing.T) {
	p := openTab(t, "/s/view-demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.Until(live + ` && ` + bar + `("Nothing is being shown")`)
	c.Present(presented("kind: Pod\nmetadata: {name: a}\n", 4))
	p.Until(bar + `("You follow") && ` + inEditor + `?.includes("kind: Pod") && document.querySelector(".files .file").textContent === "shown.yaml"`)

	// Of what changes in the text, the lines alone are told.
	c.Edit(&model.Presenting{Tab: "objects", View: "object", Object: "pod/default/my-pod", Hop: -1, Speed: 1,
		File: &model.PresentedFile{Name: "shown.yaml", Edit: &model.PresentedEdit{From: 1, Drop: 1, Put: []string{"metadata: {name: b}", "spec: {}"}}}})
	p.Until(inEditor + `?.includes("name: b") && !` + inEditor + `.includes("name: a") && ` + inTab("objects"))
	p.Until(`document.querySelector("page-inspector").innerText.includes("my-pod")`)

	// It is the other's text, and stays that.
	p.Click("#tab-editor")
	p.Until(bar + `("You look around") && document.querySelector("look-bar .follow")`)
	if !chromium.Eval[bool](p.Tab, `document.querySelector(".cm-content").getAttribute("aria-readonly") === "true"`) {
		t.Error("the editor does not say that it is read-only")
	}
	chromium.Eval[bool](p.Tab, `(document.querySelector(".cm-content").focus(), true)`)
	p.Type("typed")
	c.Edit(&model.Presenting{Tab: "events", View: "journey", Hop: -1, Speed: 1, Paused: true,
		File: &model.PresentedFile{Name: "shown.yaml", Edit: &model.PresentedEdit{From: 0, Drop: 1, Put: []string{"kind: Job"}}}})
	p.Until(inEditor + `?.includes("kind: Job")`)
	if text := chromium.Eval[string](p.Tab, inEditor); strings.Contains(text, "typed") {
		t.Errorf("somebody who looks on typed: %s", text)
	}
	if !chromium.Eval[bool](p.Tab, inTab("editor")) {
		t.Error("who looks around is led away")
	}
	p.Click("look-bar .follow")
	p.Until(inTab("events") + ` && ` + bar + `("You follow")`)
	if kept := chromium.Eval[bool](p.Tab, `Object.keys(localStorage).some(k => k.startsWith("podhop.editor."))`); kept {
		t.Error("what somebody else wrote is kept in this browser")
	}

	// A page that comes later, or again, has it all.
	c.Present(presented("kind: Later\n", 0))
	p.Do(chromedp.Reload())
	p.Until(inEditor + `?.includes("kind: Later") && ` + bar + `("You follow")`)

	c.End()
	p.Until(`document.querySelector("#gone-text")?.innerText.includes("Sharing has ended")`)
}

// Nothing can be changed by somebody who looks on, and what could be says why.
func TestLookingChangesNothing(t *testing.T) {
	p := openTab(t, "/s/view-demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live + ` && ` + bar + `("You look on")`)
	reason := func(selector string) string {
		return fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%q)]; return all.length > 0 && all.every(b => (b.disabled || b.ariaDisabled === "true") && b.title.includes("You look on")); })()`, selector)
	}
	p.Click(".open-cluster") // what it shows comes with that
	for _, selector := range []string{".send-button", ".editor-do button", ".new-file", "[data-load]", "step-checks button", ".add-node", ".network fieldset", ".node-actions button", ".extend", ".start-over"} {
		p.Until(reason(selector))
	}
	p.Press("Escape", 0)
	p.Click(".send-button")
	p.Until(`document.querySelector(".toast")?.innerText.includes("You look on") && !document.querySelector(".answer p")`)
	p.Click("[data-load]")
	if text := chromium.Eval[string](p.Tab, inEditor+` ?? ""`); strings.Contains(text, "kind:") {
		t.Errorf("who looks on loaded %q", text)
	}
	// What is drawn later, too.
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-vertex='pod/default/my-pod']").dispatchEvent(new MouseEvent("click", {bubbles: true})), true)`)
	p.Until(reason(".break-choices button") + ` && ` + reason("[data-do=delete]"))
	p.Click("#tab-terminal")
	p.Until(reason("terminal-panel [data-new]"))
	if n := len(p.server.Cluster("demo").Terminals()); n != 0 {
		t.Errorf("looking opened %d terminals", n)
	}
	// What is to be looked at is as it is to everybody.
	p.Click("#tab-journeys")
	p.Until(`[...document.querySelectorAll("journey-list button")].some(b => !b.disabled)`)
	if chromium.Eval[bool](p.Tab, `!!document.querySelector(".share-session, .duplicate, .open-record")`) {
		t.Error("the menu offers what who looks on cannot do")
	}
}

// The page of who has the session tells what it shows while somebody looks on, and no longer.
func TestPresent(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.Until(live + ` && document.querySelector(".cm-content")`)
	chromium.Eval[bool](p.Tab, `(document.querySelector(".cm-content").focus(), true)`)
	p.Type("kind: Pod")
	if _, n := c.Presented(); n != 0 {
		t.Errorf("it told %d times, of which nobody knew", n)
	}
	c.Watch(2)
	p.Until(`document.querySelector(".watching")?.innerText.includes("2")`)
	shows := func(what string, ok func(*model.Presenting) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			now, n := c.Presented()
			if now != nil && ok(now) {
				return
			}
			if time.Now().After(end) {
				told, _ := json.Marshal(now)
				t.Fatalf("never: %s; told %d times, last %s", what, n, told)
			}
		}
	}
	shows("the text and the cursor", func(now *model.Presenting) bool {
		return now.File != nil && now.File.Text != nil && strings.Contains(*now.File.Text, "kind: Pod") && now.File.Head == len("kind: Pod") && now.Tab == "editor"
	})
	p.Click("#tab-terminal")
	p.Until(says("learner:~$"))
	shows("the terminal", func(now *model.Presenting) bool {
		return now.Tab == "terminal" && now.Terminal == "t1" && now.Columns > 10 && now.Rows > 1
	})
	p.Do(chromedp.KeyEvent("\x1b"))
	p.Click("#tab-events")
	shows("another tab", func(now *model.Presenting) bool { return now.Tab == "events" })
	c.Watch(0)
	p.Until(`!document.querySelector(".watching")`)
	_, before := c.Presented()
	p.Click("#tab-objects")
	p.Until(inTab("objects"))
	c.Watch(1)
	shows("what came meanwhile", func(now *model.Presenting) bool { return now.Tab == "objects" })
	if _, n := c.Presented(); n <= before {
		t.Errorf("told %d times, %d before", n, before)
	}
}

func TestShare(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=your-first-pod", chromium.Options{})
	p.Until(live)
	p.Click(".open-menu")
	p.Click(".share-session")
	p.Until(`document.querySelector("dialog.share .make-link:not(:disabled)") && document.querySelector("dialog.share").innerText.includes("Nobody looks on now")`)
	p.accessible("the dialog of who shares")
	p.Click("dialog.share .make-link")
	p.Until(`document.querySelector(".share-links input")?.value.endsWith("/s/view-demo?lesson=your-first-pod")`)
	p.server.Cluster("demo").Watch(3)
	p.Until(`document.querySelector(".share-count").innerText === "3 look on now."`)
	p.accessible("a link that is shared")
	p.Do(chromedp.Focus(chromedp.CSS(".end-sharing")))
	p.Press("Enter", 0)
	p.Until(`!document.querySelector(".share-links") && !document.querySelector("dialog.share [role=alert]") && document.activeElement.matches(".make-link")`)
	p.Click("dialog.share .icon")
	p.Until(`!document.querySelector("dialog")`)
}

// Whoever looks on has a copy with one press, and what was in the editor with it; so has its owner.
func TestMakeItMine(t *testing.T) {
	p := openTab(t, "/s/view-demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.Until(live)
	c.Present(presented("kind: Mine\n", 0))
	p.Until(inEditor + `?.includes("kind: Mine")`)
	p.Click(".make-mine")
	p.Until(`location.pathname === "/s/demo-copy-of-demo"`)
	p.Until(live + ` && ` + inEditor + `?.includes("kind: Mine") && !document.querySelector("look-bar")`)

	p.Click(".open-menu")
	p.Click(".duplicate")
	p.Until(`location.pathname === "/s/demo-copy-of-demo-copy-of-demo"`)
	p.Until(live + ` && ` + inEditor + `?.includes("kind: Mine")`)
}

// Who looks on at a terminal has it as large as it is, and types nothing.
func TestTerminalThatIsShown(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	p.command("echo shown")
	p.Until(says("shown"))
	c := p.server.Cluster("demo")
	columns := c.Terminal("t1").Columns
	c.Present(&model.Presenting{Tab: "terminal", View: "journey", Hop: -1, Terminal: "t1", Columns: 61, Rows: 11, Speed: 1})
	p.visit("/s/view-demo", live)
	p.Until(inTab("terminal") + ` && ` + says("shown"))
	p.Until(`document.querySelectorAll(".terminal-frame:not([hidden]) .xterm-rows > div").length === 11`)
	p.focusTerminal()
	p.Type("typed by who looks on")
	p.Until(`document.querySelector("look-bar")`)
	if n := c.Terminal("t1").Columns; n != columns {
		t.Errorf("looking on made it %d columns wide, of %d", n, columns)
	}
	if text := chromium.Eval[string](p.Tab, shown); strings.Contains(text, "typed by") {
		t.Errorf("who looks on typed: %s", text)
	}
}
