package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

const placeSaid = `document.querySelector(".wait-place")?.textContent`

// The waiting page says where one is, and goes on by itself when it is one's turn.
func TestWaiting(t *testing.T) {
	p := openTab(t, "/queue/ticket", chromium.Options{Width: 390, Height: 800, Features: still})
	p.Until(placeSaid + ` === "You are 3rd of 12"`)
	p.Until(`document.querySelector(".wait-latest").textContent.includes("12 minutes at the latest")`)
	p.Until(`document.querySelector(".wait-open").hidden`)
	p.accessible("waiting")
	p.server.Line.Move(model.Queued{Place: 11, Of: 21})
	p.Until(placeSaid + ` === "You are 11th of 21" && document.title.startsWith("You are 11th")`)
	p.server.Line.Move(model.Queued{Place: 1, Of: 21, Turn: true})
	p.Until(`location.pathname === "/s/chosen"`) // it has posted what was asked for, two nodes
}

func TestWaitingGivenUp(t *testing.T) {
	p := openTab(t, "/queue/ticket", chromium.Options{Allow: "status of 404"})
	p.Until(placeSaid + ` === "You are 3rd of 12"`)
	p.server.Line.GiveUp()
	p.Until(placeSaid + ` === "Your place was given up" && document.querySelector(".wait-open").textContent === "Ask again"`)
	if got := chromium.Eval[string](p.Tab, `document.querySelector(".wait form").action`); strings.Contains(got, "ticket") {
		t.Errorf("it would ask by the old ticket: %s", got)
	}
	p.Click(".wait-open")
	p.Until(`location.pathname === "/s/chosen"`)
}

// Without a script the page is loaded again until there is a button.
func TestWaitingWithoutScript(t *testing.T) {
	p := openTab(t, "/queue/ticket", chromium.Options{})
	p.Until(placeSaid + ` === "You are 3rd of 12"`)
	p.NoScript()
	chromium.Eval[bool](p.Tab, `location.reload(), true`)
	p.server.Line.Move(model.Queued{Place: 1, Of: 12, Turn: true})
	p.Until(`document.querySelector(".wait-open")?.hidden === false`)
	p.Click(".wait-open")
	p.Until(`location.pathname === "/s/chosen"`)
}

// A member of a class waits where they are, and leaves that or goes on.
func TestMemberWaits(t *testing.T) {
	p := openTab(t, "/m/member-3-m1", chromium.Options{Width: 390, Height: 800, Features: still, Allow: "status of 503"})
	p.server.Line.Fill()
	start := `.member-lessons li:nth-child(2) .quiet`
	said := `document.querySelector("dialog.queued h2")?.textContent`
	p.Until(`document.querySelector("` + start + `")`)
	p.Click(start)
	p.Until(said + ` === "You are 3rd of 12"`)
	p.Until(`document.querySelector("dialog.queued").textContent.includes("12 minutes at the latest")`)
	p.accessible("a member who waits")
	p.Click("dialog.queued .quiet")
	p.Until(`!document.querySelector("dialog.queued") && document.querySelector(".member > .bad").textContent === "You wait no more. You can ask again."`)

	eventually(t, "the ticket is given up", p.server.Line.GivenUp)
	p.server.Line.Return()
	p.Click(start)
	p.Until(said + ` === "You are 3rd of 12"`)
	p.server.Line.Move(model.Queued{Place: 2, Of: 11})
	p.Until(said + ` === "You are 2nd of 11"`)
	p.server.Line.Move(model.Queued{Place: 1, Of: 11, Turn: true})
	p.Until(`location.pathname === "/s/demo-3-m1"`)
}

// The operator sees all sessions, sorts them, and ends one.
func TestOperatorPage(t *testing.T) {
	for name, width := range map[string]int64{"wide": 1280, "phone": 390} {
		t.Run(name, func(t *testing.T) {
			p := openTab(t, "/operator", chromium.Options{Width: width, Height: 850, Features: still})
			first := `document.querySelector("operator-page tbody code")?.textContent`
			p.Until(first + ` === "qrstuvwx"`) // the oldest
			p.Until(`document.querySelector("#room-title").textContent === "No room for another session"`)
			p.accessible("the operator's page")
			memory := `[...document.querySelectorAll("operator-page th button")].find(b => b.textContent.trim().startsWith("Memory"))`
			chromium.Eval[bool](p.Tab, memory+`.click(), true`)
			p.Until(first + ` === "ijklmnop"`)
			p.Until(memory + `.closest("th").ariaSort === "descending"`)
			chromium.Eval[bool](p.Tab, memory+`.click(), true`)
			p.Until(first + ` === "qrstuvwx"`)
			if got := chromium.Eval[int](p.Tab, `document.documentElement.scrollWidth`); got > int(width) {
				t.Errorf("the page is %d wide", got)
			}
			p.Do(chromedp.Focus(chromedp.CSS(`[aria-label="End ijklmnop"]`)))
			p.Press("Enter", 0)
			p.Until(`document.querySelector("dialog.ask h2")?.textContent === "End session ijklmnop for good?"`)
			p.accessible("a question to the operator")
			p.Click("dialog.ask .quiet")
			p.Until(`!document.querySelector("dialog.ask") && document.activeElement.ariaLabel === "End ijklmnop"`)
			p.Click(`[aria-label="Park abcdefgh"]`)
			p.Click("dialog.ask .primary")
			p.Until(`document.querySelector("operator-page").textContent.includes("default/bomb")`)
			for !slices.Contains(p.server.Deeds(), "park abcdefgh") {
				if t.Context().Err() != nil {
					t.Fatal("nothing was parked")
				}
				p.Until(`true`)
			}
			if got := p.server.Deeds(); len(got) != 1 {
				t.Errorf("it did %q, though the end was not confirmed", got)
			}
		})
	}
}
