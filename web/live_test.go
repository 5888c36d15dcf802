package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

func TestBrokenStreamResumes(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	// A mark on an element that only a fresh snapshot would draw again.
	chromium.Eval[bool](p.Tab, `(window.kept = document.querySelector("[data-vertex='pod/default/my-pod']"), true)`)
	c := p.server.Cluster("demo")
	c.Cut()
	c.Apply("kind: Pod\nmetadata: {name: later}\n") // happens while nobody is told
	p.Until(`document.querySelector(".link.live") && document.querySelector("[data-vertex='pod/default/later'].ready")`)
	if n := c.Viewers(); n != 2 {
		t.Errorf("there were %d connections, want 2", n)
	}
	if after := c.Resumed(); after == 0 {
		t.Error("the second connection did not say what it had seen")
	}
	if !chromium.Eval[bool](p.Tab, `window.kept.isConnected`) {
		t.Error("the map was drawn anew instead of going on")
	}
}

// A server that restarts says so; the page says it on, and goes on with the next one.
func TestServerRestarts(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: " 503"}) // of fetch, and of a websocket
	p.Until(live)
	chromium.Eval[bool](p.Tab, `(window.same = true, window.said = new Set(), new MutationObserver(() => said.add(document.querySelector(".link .word").textContent)).observe(document.querySelector("link-state"), {subtree: true, childList: true, characterData: true}), true)`)
	c := p.server.Cluster("demo")
	c.Away(true)
	p.Until(`document.querySelector(".link.waiting .word").textContent === "server restarts, reconnecting"`)
	c.Apply("kind: Pod\nmetadata: {name: later}\n")
	p.UntilIn(patience, `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/api/sessions/demo")).length > 1`) // it has tried
	c.Away(false)
	p.UntilIn(patience, `document.querySelector(".link.live") && document.querySelector("[data-vertex='pod/default/later'].ready") && window.same`)
	if said := chromium.Eval[[]string](p.Tab, `[...window.said].sort()`); fmt.Sprint(said) != "[live server restarts, reconnecting]" {
		t.Errorf("it said %q", said)
	}
}

// A page that is looked at again while it asks whether its session is there comes back at once, and
// once alone.
func TestComesBackOnce(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: " 503"}) // of fetch, and of a websocket
	p.Until(live)
	chromium.Eval[bool](p.Tab, `(window.held = [], window.ask = fetch, window.fetch = (...a) => !String(a[0]).endsWith("/api/sessions/demo") ? ask(...a)
		: new Promise((go) => held.push(() => ask(...a).then(go))), true)`)
	c := p.server.Cluster("demo")
	c.Away(true)
	p.UntilIn(patience, `window.held.length === 1`)
	c.Away(false)
	chromium.Eval[bool](p.Tab, `dispatchEvent(new Event("online"))`)
	p.Until(`document.querySelector(".link.live")`)
	n := c.Viewers()
	chromium.Eval[bool](p.Tab, `window.held[0]().then(() => new Promise((later) => requestAnimationFrame(() => requestAnimationFrame(later)))).then(() => true)`)
	if state := p.Text("link-state"); state != "live" || c.Viewers() != n {
		t.Errorf("it is %q after its answer, and came by %d lines, then %d", state, n, c.Viewers())
	}
}

func TestMissingMessageStartsOver(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	c := p.server.Cluster("demo")
	c.Skip()
	c.Apply("kind: Pod\nmetadata: {name: later}\n")
	p.Until(`document.querySelector(".link.live") && document.querySelector("[data-vertex='pod/default/later'].ready")`)
	if c.Viewers() < 2 {
		t.Error("a gap in the sequence went unnoticed")
	}
}

func TestClosedSessionSaysSo(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.server.Cluster("demo").Tell(model.Message{Type: "closed"})
	p.Until(`document.querySelector("[role=alertdialog] form[action='/playground']") && document.querySelector(".link.gone")`)
}

func TestLostEventsAreCounted(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	for range 2 {
		p.server.Cluster("demo").Tell(model.Message{Type: "lost", Lost: &model.Lost{Count: 20, Reason: "the capture ring was full"}})
	}
	p.Until(`document.querySelector(".lost")?.textContent.includes("40 events are not shown here: the capture ring was full")`)
	p.server.Cluster("demo").Tell(model.Message{Type: "lost", Lost: &model.Lost{Count: 1500, Reason: "malformed packets"}})
	p.Until(`document.querySelector(".lost summary")?.textContent.includes("1,540 events are not shown here, for 2 reasons") && document.querySelector(".lost").textContent.includes("1,500 malformed packets")`)
}

func TestFilteredCaptureIsSaid(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && !document.querySelector(".capture-line")`)
	c := p.server.Cluster("demo")
	at := time.Now().UnixNano()
	c.Tell(model.Message{Type: "capture", Capture: &model.Capture{Mode: model.CaptureEdges, Since: at, Reason: "a flood"}})
	p.Until(`document.querySelector(".capture-line")?.textContent.includes("Too many packets to capture them all") && !document.querySelector(".capture-line .mono") && document.getElementById("announce").textContent.includes("Too many packets")`)
	c.Tell(model.Message{Type: "capture", Capture: &model.Capture{Mode: model.CaptureEdges, Since: at, Reason: "a flood", Skipped: 1234567}})
	p.Until(`document.querySelector(".capture-line .mono")?.textContent === "1,234,567"`)
	p.Until(`!document.querySelector(".capture-line").textContent.includes("samples")`)
	c.Tell(model.Message{Type: "capture", Capture: &model.Capture{Mode: model.CaptureSamples, Since: at, Reason: "a flood", Skipped: 1234567}})
	p.Until(`document.querySelector(".capture-line")?.textContent.includes("only samples are") && document.getElementById("announce").textContent.includes("only samples")`)
	c.Tell(model.Message{Type: "capture", Capture: &model.Capture{Mode: model.CaptureAll, Since: at + 1e9, Reason: "calm", Skipped: 1234567}})
	p.Until(`document.querySelector(".capture-line")?.textContent.includes("All packets are captured again")`)
	p.Click(".capture-line button")
	p.Until(`!document.querySelector(".capture-line")`)
}

func TestMapByKeyboard(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll("pod-map [data-vertex][tabindex='0']").length`); n != 1 {
		t.Fatalf("%d vertices are in the tab order, want 1", n)
	}
	chromium.Eval[bool](p.Tab, `(document.querySelector("pod-map [data-vertex][tabindex='0']").focus(), true)`)
	focused := `document.activeElement.dataset.vertex`
	if got := chromium.Eval[string](p.Tab, focused); got != "client" {
		t.Fatalf("the map begins at %q", got)
	}
	p.Keys(kb.ArrowRight)
	p.Until(focused + ` !== "client"`)
	seen := map[string]bool{}
	for _, key := range []string{kb.ArrowUp, kb.ArrowUp, kb.ArrowUp, kb.ArrowRight, kb.ArrowDown, kb.ArrowRight, kb.ArrowDown} {
		p.Keys(key)
		seen[chromium.Eval[string](p.Tab, focused)] = true
	}
	if len(seen) < 4 {
		t.Errorf("arrow keys only reach %v", seen)
	}
	at := chromium.Eval[string](p.Tab, focused)
	p.Keys(kb.Enter)
	p.Until(fmt.Sprintf(`document.querySelector("[data-vertex='%s'].selected") && document.querySelector(".head .kind")`, at))

	// Hops: arrows go through the list, and the map follows.
	p.Click("[aria-label='Close, back to journeys']")
	p.Until(`document.querySelector(".hop-button[tabindex='0']")`)
	chromium.Eval[bool](p.Tab, `(document.querySelector(".hop-button[tabindex='0']").focus(), true)`)
	p.Keys(kb.Home)
	p.Keys(kb.ArrowDown)
	p.Until(`document.querySelector(".hops li.on .n").textContent === "2" && document.querySelector(".hop.on text").textContent === "2" && document.activeElement.dataset.index === "1"`)
}

func TestTabsByKeyboard(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	chromium.Eval[bool](p.Tab, `(document.querySelector("#tab-editor").focus(), true)`)
	p.Keys(kb.ArrowRight)
	p.Until(`document.activeElement.id === "tab-terminal"`)
	p.Keys(kb.ArrowRight)
	p.Until(`document.activeElement.id === "tab-objects" && !document.querySelector("#panel-objects").hidden && document.querySelector("#panel-editor").hidden`)
	p.Do(chromedp.Reload())
	p.Until(live + ` && !document.querySelector("#panel-objects").hidden`)
	p.Click("object-list button")
	p.Until(`document.querySelector(".head .kind").textContent === "Pod" && document.querySelector(".wiring li").textContent.includes("ip -n")`)
}

const overlaps = `(() => {
	const rects = [...document.querySelectorAll(".pod > .box")].map(b => b.getBBox());
	let bad = 0;
	rects.forEach((a, i) => rects.slice(i + 1).forEach(b => { if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height) bad++ }));
	const nodes = [...document.querySelectorAll(".node > .vertex > .box")].map(b => b.getBBox());
	const inside = a => nodes.some(n => a.x >= n.x && a.y >= n.y && a.x + a.width <= n.x + n.width && a.y + a.height <= n.y + n.height);
	return {pods: rects.length, overlapping: bad, outside: rects.filter(r => !inside(r)).length,
		wider: document.documentElement.scrollWidth - innerWidth, mapWider: document.querySelector(".map-scroll").scrollWidth - document.querySelector(".map-scroll").clientWidth};
})()`

type fit struct{ Pods, Overlapping, Outside, Wider, MapWider int }

func TestMapFits(t *testing.T) {
	cases := []struct {
		name          string
		path          string
		width, height int64
		pods          int
	}{
		{"few, wide", "/s/demo", 1480, 900, 4},
		{"few, with a lesson", "/s/demo?lesson=your-first-pod", 1480, 900, 4},
		{"few, phone", "/s/demo", 390, 844, 4},
		{"few, smallest phone", "/s/demo?lesson=your-first-pod", 320, 640, 4},
		{"many, wide", "/s/many", 1480, 900, 91},
		{"many, with a lesson", "/s/many?lesson=your-first-pod", 1280, 720, 91},
		{"many, phone", "/s/many", 390, 844, 91},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := openTab(t, c.path, chromium.Options{Width: c.width, Height: c.height})
			p.Until(fmt.Sprintf(`document.querySelectorAll(".pod > .box").length === %d`, c.pods))
			got := chromium.Eval[fit](p.Tab, overlaps)
			if want := (fit{Pods: c.pods}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// With reduced motion a packet is only ever seen at its hops.
func TestReducedMotionSteps(t *testing.T) {
	moves := map[string]bool{"no-preference": true, "reduce": false}
	for preference, moving := range moves {
		t.Run(preference, func(t *testing.T) {
			p := openTab(t, "/s/demo", chromium.Options{Features: map[string]string{"prefers-reduced-motion": preference}})
			p.Until(live + ` && document.querySelector(".hop")`)
			// One that moves is looked at until it was seen between its hops, however few frames there are.
			most := map[bool]int{true: 60_000, false: 1200}[moving]
			places := chromium.Eval[int](p.Tab, fmt.Sprintf(`new Promise(done => {
				const canvas = document.querySelector("pod-map canvas"), g = canvas.getContext("2d"), seen = new Set();
				let again = 0, end = performance.now() + 60_000;
				const look = () => {
					if (performance.now() > again) document.querySelector(".caption .quiet").click(), again = performance.now() + 3000;
					const d = g.getImageData(0, 0, canvas.width, canvas.height).data;
					let x = 0, y = 0, n = 0;
					for (let i = 3; i < d.length; i += 4) if (d[i] > 200) { n++; x += ((i - 3) / 4) %% canvas.width; y += Math.floor((i - 3) / 4 / canvas.width) }
					if (n && seen.size === 0) end = performance.now() + %d;
					if (n) seen.add(Math.round(x / n) + "," + Math.round(y / n));
					performance.now() < end && (seen.size <= 4 || !%t) ? requestAnimationFrame(look) : done(seen.size);
				};
				requestAnimationFrame(look);
			})`, most, moving))
			if places == 0 || (places > 4) != moving {
				t.Errorf("the packet was seen at %d places, moving should be %v", places, moving)
			}
		})
	}
}

// Colour is never alone: what is wrong is also said in words.
func TestTroubleIsSaidInWords(t *testing.T) {
	p := openTab(t, "/s/odd", chromium.Options{})
	p.Until(live)
	for selector, want := range map[string]string{
		"[data-vertex='pod/default/odd-0'].failing":                "ImagePullBackOff",
		"[data-vertex='pod/default/odd-1'].leaving":                "Terminating",
		"[data-vertex='node/node-3']":                              "NotReady",
		".waiting":                                                 "waiting for a node",
		".waiting [data-vertex='pod/kube-system/big-one']":         "kube-system/big-one",
		"[data-vertex='service/default/nobody'].empty":             "0 endpoints",
		"#tab-events .count.warn":                                  "1",
		"object-list tr:has(button[aria-pressed]) td:nth-child(2)": "BackOff",
	} {
		if got := p.Text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	p.Click("[data-vertex='pod/default/odd-0']")
	p.Until(`document.querySelector(".message.not-ready")?.textContent.includes("Back-off pulling image")`)
}
