package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/web"
	"github.com/podhop/podhop/web/internal/devserver"
)

// pace is how long a told pod takes from state to state.
const pace = 20 * time.Millisecond

// patience is far above what any condition takes, deadline what any test does.
const (
	patience = 10 * time.Second
	deadline = 60 * time.Second
)

// One browser serves all tests; each has a tab of its own.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(withBrowser(m))
}

func withBrowser(m *testing.M) int {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		fmt.Fprintln(os.Stderr, "the web tests need Chromium: apt-get install chromium")
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

// A tab is a page under test. What it logs as an error fails the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	url    string
	server *devserver.Server

	mu     sync.Mutex
	logged []string
	allow  string
}

type options struct {
	width, height int64
	features      map[string]string // of media: prefers-color-scheme, prefers-reduced-motion
	allow         string            // part of an error message that is meant to come
}

func openTab(t *testing.T, path string, o options) *tab {
	t.Helper()
	library, errs := lessons.Load(lessons.Content())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	server := devserver.New(devserver.Config{Web: web.New(web.Config{Lessons: library}), Pace: pace})
	hs := httptest.NewServer(server)
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	p := &tab{t: t, ctx: ctx, url: hs.URL, server: server, allow: o.allow}
	t.Cleanup(func() {
		p.mu.Lock()
		for _, line := range p.logged {
			t.Errorf("the page logged: %s", line)
		}
		p.mu.Unlock()
		cancel()
		closeTab()
		hs.CloseClientConnections()
		hs.Close()
	})
	if o.width == 0 {
		o.width, o.height = 1480, 900
	}
	p.do(chromedp.EmulateViewport(o.width, o.height))
	media := emulation.SetEmulatedMediaParams{}
	for name, value := range o.features {
		media.Features = append(media.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	p.listen()
	p.do(chromedp.Navigate(hs.URL + path))
	return p
}

func (p *tab) listen() {
	if _, err := chromedp.Call(p.ctx, log.Enable, struct{}{}); err != nil {
		p.t.Fatal(err)
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

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval runs a JavaScript expression, a promise too, and decodes its value.
func eval[T any](p *tab, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v\nin %s", err, js)
	}
	return v
}

// until waits for a JavaScript condition.
func (p *tab) until(condition string) {
	p.t.Helper()
	js := `new Promise(done => { const look = () => { let ok = false; try { ok = !!(` + condition + `) } catch {} ; ok ? done(true) : setTimeout(look, 10) }; look() })`
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise))
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "navigated") {
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		state, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 1500)`))
		p.t.Fatalf("never came true: %s (%v)\nthe page says:\n%s", condition, err, state)
	}
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.until(`document.querySelector(` + quote(selector) + `)`)
	eval[bool](p, `(document.querySelector(`+quote(selector)+`).dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})), true)`)
}

func (p *tab) keys(text string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text, opts...))
}

// paste puts text into the editor as a paste does, without the indentation that typing gets.
func (p *tab) paste(js string) {
	p.t.Helper()
	eval[bool](p, `(() => { const d = new DataTransfer(); d.setData("text/plain", `+js+`); const c = document.querySelector(".cm-content");
		c.focus(); c.dispatchEvent(new ClipboardEvent("paste", {clipboardData: d, bubbles: true, cancelable: true})); return true })()`)
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, `(document.querySelector(`+quote(selector)+`)?.textContent ?? "").replace(/\s+/g, " ").trim()`)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
