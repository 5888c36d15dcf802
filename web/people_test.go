package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

// The work is done by itself, in sight, and the form goes on with what it had.
func TestGateOfWork(t *testing.T) {
	p := openTab(t, "/gate?kind=work", chromium.Options{})
	p.Until(`document.querySelector("h1").textContent === "Passed"`)
	said := chromium.Eval[string](p.Tab, `document.querySelector(".fault p").textContent`)
	if !strings.HasPrefix(said, "your-first-pod 1.10.9.x.y.") {
		t.Errorf("it went on with %q", said)
	}
}

// Work that takes long shows how far it is likely to be; the page stays usable.
func TestLongWork(t *testing.T) {
	p := openTab(t, "/gate?kind=work&bits=40", chromium.Options{})
	p.Until(`document.querySelector(".gate-state").textContent.startsWith("Working.") && document.querySelector(".gate progress").value > 0`)
	if got := chromium.Eval[string](p.Tab, `document.querySelector(".gate-state").getAttribute("role")`); got != "status" {
		t.Errorf("the state's role is %q", got)
	}
}

// What was not taken is not done again by itself.
func TestGateDoesNotGoRound(t *testing.T) {
	p := openTab(t, "/gate?kind=work&never=1", chromium.Options{})
	p.Until(`document.querySelector(".gate-state").textContent === "It was not taken." && !document.querySelector(".gate button").hidden`)
	p.Click(".gate button")
	p.Until(`document.querySelector(".gate-state").textContent === "It was not taken."`)
}

// Without scripts it says what is missing.
func TestGateWithoutScripts(t *testing.T) {
	p := openTab(t, "/sign-in", chromium.Options{})
	p.NoScript()
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + "/gate?kind=work"))
	p.Until(`document.querySelector(".gate .bad")?.textContent.includes("done by JavaScript, which is off")`)
}

// The pages that ask for a token work by keyboard, say what was wrong, and fit a phone.
func TestSignInPage(t *testing.T) {
	for _, path := range []string{"/sign-in", "/sign-in?provider=login.example.org", "/sign-in?wrong=That+is+not+a+token+of+this+server.", "/gate?kind=token&wrong=That+is+not+one."} {
		p := openTab(t, path, chromium.Options{Width: 390, Height: 800})
		if chromium.Eval[bool](p.Tab, `document.documentElement.scrollWidth > innerWidth`) {
			t.Errorf("%s is wider than a phone", path)
		}
		p.Until(`document.querySelector("main input[type=password]").labels[0].textContent.toLowerCase().includes("token")`)
		if strings.Contains(path, "wrong") {
			p.Until(`document.querySelector("[role=alert]").textContent.startsWith("That is not") && document.querySelector("input[aria-invalid]")`)
		}
	}
}

// Who is signed in is told, and may leave.
func TestWhoIsSignedIn(t *testing.T) {
	p := openTab(t, "/sign-in", chromium.Options{})
	if chromium.Eval[bool](p.Tab, `document.querySelector(".visitor") !== null`) {
		t.Error("nobody is signed in, and it says who")
	}
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + "/sign-in?name=Ada+Lovelace"))
	p.Until(`document.querySelector(".bar .visitor .who").textContent === "Ada Lovelace" && document.querySelector(".visitor[action='/sign-out'] button").textContent === "Sign out"`)
}
