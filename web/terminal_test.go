package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

// shown is what the terminal in front says.
const shown = `document.querySelector(".terminal-frame:not([hidden]) .xterm-rows")?.textContent`

// inFront is a condition on the terminal in front: that it says something.
func says(text string) string { return fmt.Sprintf(`%s?.includes(%s)`, shown, chromium.Quote(text)) }

// openTerminal opens a page with its tab Terminal in front, and waits for the prompt.
func openTerminal(t *testing.T, path string, o chromium.Options) *tab {
	t.Helper()
	p := openTab(t, path, o)
	p.Until(live)
	p.Click("#tab-terminal")
	p.Until(says("learner:~$"))
	return p
}

// eventually waits for what the server has.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func (p *tab) focusTerminal() {
	p.T.Helper()
	chromium.Eval[bool](p.Tab, `(document.querySelector(".terminal-frame:not([hidden]) textarea").focus(), true)`)
}

// command types a command and Enter.
func (p *tab) command(text string) {
	p.T.Helper()
	p.focusTerminal()
	p.Type(text + "\n")
}

func TestTerminal(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.command("echo one two")
	p.Until(`[...` + shown + `.matchAll(/one two/g)].length === 2`)

	// Its program knows how large it is, and learns when that changes.
	p.command("size")
	p.Until(`/\d+ columns, \d+ rows/.test(` + shown + `)`)
	before := c.Terminal("t1").Columns
	if got := fmt.Sprintf("%d columns, %d rows", before, c.Terminal("t1").Rows); !strings.Contains(chromium.Eval[string](p.Tab, shown), got) {
		t.Errorf("its program was not told of %s", got)
	}
	p.Do(chromedp.EmulateViewport(1100, 900))
	eventually(t, "its program is told of fewer columns", func() bool { n := c.Terminal("t1").Columns; return n > 1 && n < before })

	// A reload shows again what the server keeps.
	p.Do(chromedp.Reload())
	p.Until(says("echo one two"))
	if n := len(c.Terminals()); n != 1 {
		t.Errorf("there are %d terminals, want the one of before", n)
	}
}

// A mouse that brings up the terminal gives it the keyboard; keys that do stay where they are.
func TestTerminalTakesTheKeyboard(t *testing.T) {
	const inside = `document.activeElement.closest(".terminal-frame")`
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Do(chromedp.Click(chromedp.CSS("#tab-terminal")))
	p.Until(says("learner:~$") + ` && ` + inside)
	p.Do(chromedp.Click(chromedp.CSS("#tab-journeys")))
	p.Until(`document.activeElement.id === "tab-journeys" && document.querySelector("#panel-terminal").hidden`)
	p.Do(chromedp.Click(chromedp.CSS("#tab-terminal")))
	p.Until(inside)
	p.Do(chromedp.Focus(chromedp.CSS("#tab-terminal")))
	p.Keys(kb.ArrowRight)
	p.Keys(kb.ArrowLeft)
	p.Keys(kb.Enter)
	p.Until(`!document.querySelector("#panel-terminal").hidden && document.activeElement.id === "tab-terminal"`)
}

func TestSeveralTerminals(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.command("echo first")
	p.Click("[data-new]")
	p.Until(`document.querySelector("[data-terminal='t2'][aria-selected=true]")?.textContent.trim() === "client 2" && document.activeElement.closest("#terminal-t2")`)
	p.Until(says("learner:~$") + ` && !` + says("first"))
	p.command("echo second")
	p.Until(says("second"))
	// Arrows go through the tabs.
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-terminal='t2']").focus(), true)`)
	p.Keys(kb.ArrowLeft)
	p.Until(`document.activeElement.dataset.terminal === "t1" && ` + says("first"))
	// Closing one brings the other.
	p.Click("[data-close]")
	p.Until(`!document.querySelector("[data-terminal='t1']") && ` + says("second"))
	if all := c.Terminals(); len(all) != 1 || all[0].ID != "t2" {
		t.Errorf("the server has %+v", all)
	}
	p.Click("[data-close]")
	p.Until(`document.querySelector(".terminal-none") && document.activeElement.matches("[data-new]")`)
	p.Keys(kb.Enter)
	p.Until(says("learner:~$"))
}

func TestTerminalComesBack(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.command("echo before")
	p.Until(says("before"))
	c.CutTerminals()
	eventually(t, "the page is back", func() bool { return c.Terminal("t1").Opened > 1 })
	p.command("echo after")
	p.Until(`[...` + shown + `.matchAll(/echo before/g)].length === 1 && ` + says("echo after"))
}

func TestTerminalEnds(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	p.command("exit 3")
	p.Until(`document.querySelector(".terminal-note")?.textContent.includes("The program ended, with code 3.")`)
	p.Until(`document.querySelector("[data-terminal='t1']").textContent.includes("ended")`)
	// It still says so after a reload.
	p.Do(chromedp.Reload())
	p.Until(`document.querySelector(".terminal-note")?.textContent.includes("with code 3.") && ` + says("exit 3"))
	p.Click("[data-again]")
	p.Until(`document.querySelectorAll("[data-terminal]").length === 1 && !document.querySelector(".terminal-frame:not([hidden]) .terminal-note p") && ` + says("learner:~$") + ` && !` + says("exit"))
}

func TestTerminalIsGone(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{Allow: "status of 404"})
	p.server.Cluster("demo").CloseTerminals()
	p.Until(`document.querySelector(".terminal-note")?.textContent.includes("This terminal is no longer there.")`)
	p.Click("[data-again]")
	p.Until(says("learner:~$") + ` && !document.querySelector(".terminal-frame:not([hidden]) .terminal-note p") && document.querySelectorAll("[data-terminal]").length === 1`)
}

// Terminals that end with their server are followed by new ones on the same screens, which say so
// until somebody types.
func TestTerminalsAreRenewed(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{Allow: "WebSocket"})
	c := p.server.Cluster("demo")
	p.command("echo first")
	p.Until(says("first"))
	p.Click("[data-new]")
	p.Until(`document.querySelector("[data-terminal='t2'][aria-selected=true]") && ` + says("learner:~$"))
	p.command("echo second")
	p.Until(says("second"))
	p.Type("half a comm")
	p.Until(says("half a comm"))
	c.LoseTerminals()
	const told = `document.querySelector(".terminal-frame:not([hidden]) .terminal-note")?.textContent.includes("What ran here ended with its server. This is a new shell.")`
	p.Until(told + ` && ` + says("second") + ` && [...` + shown + `.matchAll(/learner:~\$/g)].length >= 3 && document.activeElement.closest(".terminal-frame:not([hidden])")`)
	eventually(t, "there are two new ones", func() bool { return len(c.Terminals()) == 2 })
	front := chromium.Eval[string](p.Tab, `document.querySelector("[data-terminal][aria-selected=true]").dataset.terminal`)
	if !strings.HasPrefix(front, "tagain-") && !strings.HasPrefix(front, "again-") || chromium.Eval[int](p.Tab, `document.querySelectorAll("[data-terminal]").length`) != 2 {
		t.Errorf("the one in front is %s", front)
	}
	p.Type("echo third\n")
	p.Until(says("third") + ` && !document.querySelector(".terminal-frame:not([hidden]) .terminal-note p")`)
	if got := c.Terminal(front).Typed; got != "" {
		t.Errorf("%q waits for Enter: what was typed before is the new shell's", got)
	}
	// The other one is renewed too, behind.
	chromium.Eval[bool](p.Tab, `(document.querySelector("[data-terminal][aria-selected=false]").click(), true)`)
	p.Until(told + ` && ` + says("first"))
	p.command("echo fourth")
	p.Until(says("fourth"))
	if n := len(c.Terminals()); n != 2 {
		t.Errorf("there are %d terminals", n)
	}
}

func TestTerminalKeys(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.focusTerminal()
	// Tab is the shell's, and single keys do nothing to the page.
	p.Type("echo ")
	p.Press("Tab", 0)
	p.Type("?")
	p.Until(says("echo completed?"))
	if got := c.Terminal("t1").Typed; got != "echo completed?" {
		t.Errorf("%q was typed", got)
	}
	if !chromium.Eval[bool](p.Tab, `document.activeElement.closest("terminal-panel") !== null && !document.querySelector(":popover-open")`) {
		t.Error("the focus has left the terminal")
	}
	// F6 leads out, and with Shift to the terminals' tabs.
	p.Press("F6", 0)
	p.Until(`document.activeElement !== document.body && !document.activeElement.closest("terminal-panel")`)
	p.focusTerminal()
	p.Press("F6", chromium.Shift)
	p.Until(`document.activeElement.dataset.terminal === "t1"`)

	// Search: what is found is counted, and Escape goes back.
	p.focusTerminal()
	p.Press("F", chromium.Ctrl|chromium.Shift)
	p.Until(`document.activeElement.name === "find"`)
	p.Type("completed")
	p.Until(`document.querySelector(".terminal-search [role=status]").textContent === "1 of 1"`)
	p.Type("x")
	p.Until(`document.querySelector(".terminal-search [role=status]").textContent === "Not found"`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".terminal-search") && document.activeElement.closest(".terminal-frame")`)
}

// A paste is taken whole, in frames that the server takes.
func TestLargePasteIntoTerminal(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	const size = 200_000
	p.focusTerminal()
	chromium.Eval[bool](p.Tab, fmt.Sprintf(`(() => { const d = new DataTransfer(); d.setData("text/plain", "é".repeat(%d) + "end");
		document.activeElement.dispatchEvent(new ClipboardEvent("paste", {clipboardData: d, bubbles: true, cancelable: true})); return true })()`, size))
	p.Until(says("end"))
	told := c.Terminal("t1")
	if got := told.Typed; strings.Count(got, "é") != size || !strings.HasSuffix(got, "end") {
		t.Errorf("%d of %d characters have arrived, the last are %q", strings.Count(got, "é"), size, got[max(0, len(got)-20):])
	}
	if told.Largest > 16<<10 || told.Frames < 2*size/(16<<10) {
		t.Errorf("%d frames, of at most %d bytes", told.Frames, told.Largest)
	}
}

// Much output at once is skipped, its end is not.
func TestTerminalFlood(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	p.command("flood")
	p.Until(says("the last line"))
	p.command("echo still here")
	p.Until(says("still here"))
}

// Programs' questions are answered once, and not when they are told again.
func TestTerminalAnswersOnce(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	p.command("ask")
	eventually(t, "it answers", func() bool { return strings.Contains(c.Terminal("t1").Typed, "R") }) // where the cursor is: ESC [ row ; column R
	before := c.Terminal("t1").Typed
	p.Do(chromedp.Reload())
	p.Until(says("ask"))
	p.focusTerminal()
	p.Type("!") // comes after whatever was answered
	eventually(t, "what is typed arrives", func() bool { return strings.HasSuffix(c.Terminal("t1").Typed, "!") })
	if got := c.Terminal("t1").Typed; got != before+"!" {
		t.Errorf("%q was typed, not %q: the output was told again, and questions in it were answered", got, before+"!")
	}
}

// What a program writes sets no title and no clipboard, and has nothing typed that it chose itself.
func TestTerminalEscapes(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{})
	c := p.server.Cluster("demo")
	chromium.Eval[bool](p.Tab, `(window.written = [], navigator.clipboard.writeText = async (text) => void window.written.push(text), true)`)
	title := chromium.Eval[string](p.Tab, `document.title`)
	p.command("escape")
	p.Until(`/escaped/.test(` + shown + `)`)
	p.focusTerminal()
	p.Type("!") // comes after whatever was answered
	eventually(t, "what is typed arrives", func() bool { return strings.HasSuffix(c.Terminal("t1").Typed, "!") })
	if got := chromium.Eval[string](p.Tab, `document.title`); got != title {
		t.Errorf("the title is %q", got)
	}
	if n := chromium.Eval[int](p.Tab, `window.written.length`); n != 0 {
		t.Error("the clipboard was written to")
	}
	if _, answered, _ := strings.Cut(c.Terminal("t1").Typed, "escape\r"); strings.Contains(answered, "rm") || strings.Contains(answered, "\r") {
		t.Errorf("%q was typed", answered)
	}
}

// A command of a lesson runs in the learner's terminal at a click, and nothing of the terminal
// was fetched before.
func TestClickToRun(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=deployments", chromium.Options{})
	p.Until(live)
	script := `performance.getEntriesByType("resource").filter(e => /panel-/.test(e.name)).length`
	if n := chromium.Eval[int](p.Tab, script); n != 0 {
		t.Error("the terminal's script was fetched before anybody wanted it")
	}
	steps := chromium.Eval[int](p.Tab, `document.querySelectorAll("article.step").length`)
	for n := range steps {
		if chromium.Eval[bool](p.Tab, fmt.Sprintf(`document.querySelector("article[data-step='%d'] [data-run]") !== null`, n+1)) {
			break
		}
		p.Click(fmt.Sprintf(`[data-go='%d'].primary`, n+2))
	}
	const button = "article:not([hidden]) .help [data-run]"
	chromium.Eval[bool](p.Tab, `(document.querySelector("`+button+`").closest("details").open = true)`)
	command := chromium.Eval[string](p.Tab, `document.querySelector("`+button+`").dataset.run`)
	p.Click(button)
	// In a new terminal after its prompt, once.
	p.Until(`!document.querySelector("#panel-terminal").hidden`)
	folded := shown + `.replace(/\s+/g, "")`
	want := strings.Join(strings.Fields("learner:~$"+command+"told:"+command), "")
	p.Until(folded + `.startsWith(` + chromium.Quote(want) + `)`)
	if all := p.server.Cluster("demo").Terminals(); len(all) != 1 || all[0].Place != "client" {
		t.Errorf("the terminals are %+v", all)
	}
	// Again, in the same, by a mouse: who pressed it goes on typing there.
	p.Do(chromedp.Click(chromedp.CSS(button)))
	p.Until(`document.activeElement.closest(".terminal-frame")`)
	p.Until(folded + `.split(` + chromium.Quote(strings.Join(strings.Fields("told:"+command), "")) + `).length === 3`)
	if n := len(p.server.Cluster("demo").Terminals()); n != 1 {
		t.Errorf("%d terminals were opened", n)
	}
}

func TestShellsFromDetails(t *testing.T) {
	p := openTab(t, "/s/full", chromium.Options{})
	p.Until(live)
	for i, c := range []struct{ vertex, button, place, tab string }{
		{"node/node-1", "[data-shell='']", "node/node-1", "node-1"},
		{"client", "[data-shell='']", "client", "client"},
		{"pod/default/allowed", "[data-shell='']", "pod/default/allowed", "allowed"},
		{"pod/default/allowed", "[data-shell='sidecar']", "pod/default/allowed/sidecar", "allowed 2"},
	} {
		p.Click("[data-vertex='" + c.vertex + "']")
		p.Click("page-inspector " + c.button)
		p.Until(fmt.Sprintf(`document.querySelectorAll("[data-terminal]").length === %d && document.querySelector("[data-terminal][aria-selected=true]").textContent.trim() === %q`, i+1, c.tab))
		p.Until(says("learner:~$") + ` && document.activeElement.closest(".terminal-frame:not([hidden])")`)
		if all := p.server.Cluster("full").Terminals(); all[len(all)-1].Place != c.place {
			t.Errorf("a terminal was opened at %s, not at %s", all[len(all)-1].Place, c.place)
		}
	}
}

// What the server refuses is said.
func TestTerminalIsRefused(t *testing.T) {
	p := openTerminal(t, "/s/demo", chromium.Options{Allow: "422"})
	p.Click("[data-vertex='pod/default/my-pod']")
	p.Until(`document.querySelector("page-inspector [data-shell]")`)
	p.server.Cluster("demo").Forget("pod/default/my-pod")
	p.Click("page-inspector [data-shell]")
	p.Until(`document.querySelector(".terminal-refused")?.textContent.includes("there is nothing of that name")`)
	p.command("echo works")
	p.Until(says("echo works") + ` && [...` + shown + `.matchAll(/works/g)].length === 2`)
}
