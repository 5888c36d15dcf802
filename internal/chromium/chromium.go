// Package chromium drives a headless Chromium for tests: one browser a test
// binary, one tab a test. It must not know what any page looks like.
package chromium

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// Patience is how long Until waits unless it is told otherwise: far above what any
// condition takes. deadline is the same for a whole test.
const (
	Patience = 10 * time.Second
	deadline = 3 * time.Minute
)

// browser serves all tests of the binary; each has a tab of its own.
var browser context.Context

// Main starts the browser and runs the tests; it returns their exit code. It is
// what TestMain calls.
func Main(m *testing.M) int {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		fmt.Fprintln(os.Stderr, "these tests need Chromium: apt-get install chromium")
		return 1
	}
	dir, err := os.MkdirTemp("", "podhop-chromium-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true)))
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Chromium does not start:", err)
		return 1
	}
	browser = ctx
	return m.Run()
}

// A Tab is a page under test. What it logs as an error fails the test.
type Tab struct {
	T   testing.TB
	ctx context.Context

	mu     sync.Mutex
	logged []string
	hosts  map[string]bool
	allow  string
	still  bool // no script runs
}

// Options are how a page is looked at.
type Options struct {
	Width, Height int64             // of the viewport; 1480 by 900 if zero
	Features      map[string]string // of media: prefers-color-scheme, prefers-reduced-motion
	Allow         string            // part of an error message that is meant to come
	Theirs        bool              // the page is not ours, and may log what it likes
}

// Open opens a page in a tab of its own, which ends with the test.
func Open(t testing.TB, url string, o Options) *Tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	p := &Tab{T: t, ctx: ctx, allow: o.Allow}
	t.Cleanup(func() {
		p.mu.Lock()
		for _, line := range p.logged {
			t.Errorf("the page logged: %s", line)
		}
		p.mu.Unlock()
		cancel()
		closeTab()
	})
	if o.Width == 0 {
		o.Width, o.Height = 1480, 900
	}
	p.Do(chromedp.EmulateViewport(o.Width, o.Height))
	p.Media(o.Features)
	if !o.Theirs {
		p.listen()
	}
	p.watchHosts()
	p.Do(chromedp.Navigate(url))
	return p
}

func (p *Tab) listen() {
	if _, err := chromedp.Call(p.ctx, log.Enable, struct{}{}); err != nil {
		p.T.Fatal(err)
	}
	entries := chromedp.Events(p.ctx, log.EntryAdded)
	console := chromedp.Console(p.ctx)
	note := func(text string) {
		if p.allow != "" && strings.Contains(text, p.allow) {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.logged = append(p.logged, text)
	}
	go func() {
		for e, err := range entries {
			if err != nil {
				return
			}
			if e.Entry.Level == "error" {
				note(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	}()
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				note(m.String())
			}
		}
	}()
}

// NoScript turns off the scripts of the pages that come.
func (p *Tab) NoScript() {
	p.T.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.T.Fatal(err)
	}
	p.still = true
}

// Media tells the page of features of media, as prefers-color-scheme; of none that it was
// told before and that is not among them.
func (p *Tab) Media(features map[string]string) {
	p.T.Helper()
	media := emulation.SetEmulatedMediaParams{}
	for name, value := range features {
		media.Features = append(media.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.T.Fatal(err)
	}
}

// Do runs steps of chromedp.
func (p *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.T.Fatal(err)
	}
}

// Eval runs a JavaScript expression, a promise too, and decodes its value.
func Eval[T any](p *Tab, js string) T {
	p.T.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.T.Fatalf("%v\nin %s", err, js)
	}
	return v
}

// Until waits for a JavaScript condition.
func (p *Tab) Until(condition string) {
	p.T.Helper()
	p.UntilIn(Patience, condition)
}

// UntilIn is Until for what may take longer.
func (p *Tab) UntilIn(patience time.Duration, condition string) {
	p.T.Helper()
	js := `new Promise(done => { const look = () => { let ok = false; try { ok = !!(` + condition + `) } catch {} ; ok ? done(true) : setTimeout(look, 10) }; look() })`
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if p.still {
		p.look(ctx, condition)
		return
	}
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise))
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "navigated") {
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		p.never(condition, err)
	}
}

// look is UntilIn where the page has no timers, because its scripts are off: it is asked again
// and again.
func (p *Tab) look(ctx context.Context, condition string) {
	p.T.Helper()
	js := `(() => { try { return !!(` + condition + `) } catch { return false } })()`
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js))
		switch {
		case err == nil && ok:
			return
		case ctx.Err() != nil:
			p.never(condition, ctx.Err())
		}
		time.Sleep(10 * time.Millisecond) // an error may be a page that goes
	}
}

func (p *Tab) never(condition string, err error) {
	p.T.Helper()
	state, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 1500)`))
	p.T.Fatalf("never came true: %s (%v)\nthe page says:\n%s", condition, err, state)
}

// Click clicks the first element of a selector, once there is one.
func (p *Tab) Click(selector string) {
	p.T.Helper()
	p.Until(`document.querySelector(` + Quote(selector) + `)`)
	Eval[bool](p, `(document.querySelector(`+Quote(selector)+`).dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})), true)`)
}

// Keys types.
func (p *Tab) Keys(text string, opts ...chromedp.KeyOption) {
	p.T.Helper()
	p.Do(chromedp.KeyEvent(text, opts...))
}

// Paste puts text into the editor as a paste does, without the indentation that typing gets.
func (p *Tab) Paste(js string) {
	p.T.Helper()
	Eval[bool](p, `(() => { const d = new DataTransfer(); d.setData("text/plain", `+js+`); const c = document.querySelector(".cm-content");
		c.focus(); c.dispatchEvent(new ClipboardEvent("paste", {clipboardData: d, bubbles: true, cancelable: true})); return true })()`)
}

// Text is an element's text, with its white space folded.
func (p *Tab) Text(selector string) string {
	p.T.Helper()
	return Eval[string](p, `(document.querySelector(`+Quote(selector)+`)?.textContent ?? "").replace(/\s+/g, " ").trim()`)
}

// Quote makes a JavaScript string literal.
func Quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
