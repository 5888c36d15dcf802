package web_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/web/internal/devserver"
)

// openKept shows a recording that the server keeps, at an address' fragment.
func openKept(t *testing.T, fragment string, o chromium.Options) *tab {
	t.Helper()
	p := openTab(t, "/recordings", o)
	p.server.Keep("told", devserver.File(p.server.Cluster("demo").Recording()))
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + "/recordings/told" + fragment))
	p.Until(`document.querySelector(".scrub")`)
	return p
}

const (
	soFar  = `document.querySelector(".so-far").textContent.trim()`
	pods   = `document.querySelectorAll("pod-map .pod").length`
	chosen = `document.querySelector(".packet[aria-selected=true]")?.dataset.journey`
)

func TestRecordingPlays(t *testing.T) {
	p := openKept(t, "", chromium.Options{})
	p.Until(soFar + `.startsWith("0 of 8")`)
	p.Until(pods + ` === 0 && document.querySelectorAll("pod-map [data-vertex^='node/']").length === 3`)
	p.Click(".scrub-keys [aria-label='Next packet']")
	p.Until(soFar + `.startsWith("1 of 8") && ` + pods + ` > 3 && ` + chosen + ` && document.querySelectorAll(".hops .hop-button").length > 3`)
	p.Click(".scrub-keys [aria-label='Packet before']")
	p.Until(soFar + `.startsWith("0 of 8")`)
	p.Click(".scrub-keys [aria-label='Play']")
	p.Until(soFar + `.startsWith("8 of 8") && !document.querySelector("[data-vertex='pod/default/my-pod']") && document.querySelector(".scrub-keys [aria-label='Play']")`)
	if got := chromium.Eval[[]string](p.Tab, `["send-bar", "manifest-editor", "session-clock", "link-state", "cluster-panel", "record-menu", ".looks", "[href*='/packets']"].filter((x) => document.querySelector(x))`); len(got) > 0 {
		t.Errorf("a recording has what needs a session: %v", got)
	}
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll(".lost-mark").length`); n != 1 {
		t.Errorf("%d marks tell of packets that were dropped, want 1", n)
	}
	asked := chromium.Eval[[]string](p.Tab, `performance.getEntriesByType("resource").map((e) => new URL(e.name).pathname).filter((x) => x.startsWith("/api/"))`)
	if fmt.Sprint(asked) != "[/api/recordings/told]" {
		t.Errorf("it asked for %v", asked)
	}
}

func TestRecordingByKeyboard(t *testing.T) {
	p := openKept(t, "", chromium.Options{})
	for _, c := range []struct{ key, want string }{
		{kb.ArrowRight, "1 of 8"}, {kb.ArrowRight, "2 of 8"}, {kb.ArrowLeft, "1 of 8"}, {kb.End, "8 of 8"}, {kb.Home, "0 of 8"},
	} {
		p.Keys(c.key)
		p.Until(soFar + `.startsWith("` + c.want + `")`)
	}
	p.Keys(" ")
	p.Until(soFar + ` !== "0 of 8 packets"`)
	// The same keys on the bar itself, and its own words for who does not see it.
	chromium.Eval[bool](p.Tab, `(document.querySelector(".track input").focus(), true)`)
	p.Keys(kb.Home)
	p.Until(soFar + `.startsWith("0 of 8") && document.querySelector(".track input").getAttribute("aria-valuetext").endsWith("0 of 8 packets")`)
	p.Keys(kb.ArrowRight)
	p.Until(soFar + `.startsWith("1 of 8") && document.activeElement.type === "range"`)
	// Where arrows mean something else, they still do.
	chromium.Eval[bool](p.Tab, `(document.querySelector("#tab-journeys").focus(), true)`)
	p.Keys(kb.ArrowRight)
	p.Until(`document.activeElement.id === "tab-events" && ` + soFar + `.startsWith("1 of 8")`)
}

func TestRecordingScrubs(t *testing.T) {
	p := openKept(t, "", chromium.Options{})
	drag := func(part float64) {
		t.Helper()
		chromium.Eval[bool](p.Tab, fmt.Sprintf(`(() => { const r = document.querySelector(".track input"); r.value = r.max * %f; r.dispatchEvent(new Event("input", {bubbles: true})); return true })()`, part))
	}
	drag(1)
	p.Until(soFar + `.startsWith("8 of 8") && !document.querySelector("[data-vertex='pod/default/my-pod']")`)
	drag(0.55) // in the quiet stretch between
	p.Until(soFar + `.startsWith("7 of 8") && document.querySelector("[data-vertex='pod/default/my-pod']")`)
	drag(0)
	p.Until(soFar + `.startsWith("0 of 8") && ` + pods + ` === 0`)
}

// An address names a moment and a packet; it follows where one goes.
func TestRecordingLinks(t *testing.T) {
	p := openKept(t, "#t=2", chromium.Options{})
	p.Until(pods + ` > 3 && ` + soFar + `.startsWith("0 of 8")`)
	p.Keys(kb.ArrowRight)
	p.Keys(kb.ArrowRight)
	p.Until(`location.hash.startsWith("#t=3.0003&j=")`)
	link := chromium.Eval[string](p.Tab, `location.hash`)
	p.Keys(kb.Home)
	p.Until(`location.hash.startsWith("#t=0")`)
	chromium.Eval[bool](p.Tab, `(location.hash = `+chromium.Quote(link)+`, true)`)
	p.Until(soFar + `.startsWith("2 of 8") && ` + chosen + ` === ` + chromium.Quote(link[strings.Index(link, "&j=")+3:]))
	for _, bad := range []string{"#t=x&j=none", "#t=1e99", "#t=-5", "#%"} {
		chromium.Eval[bool](p.Tab, `(location.hash = `+chromium.Quote(bad)+`, true)`)
		p.Until(soFar + `.match(/^[08] of 8/)`)
	}
}

// give has the page's picker hold a file.
func give(p *tab, file []byte) {
	p.T.Helper()
	p.Until(`document.querySelector("open-recording input[type=file]")`)
	chromium.Eval[bool](p.Tab, `(() => { const d = new DataTransfer(); d.items.add(new File([Uint8Array.from(atob(`+chromium.Quote(base64.StdEncoding.EncodeToString(file))+`), (c) => c.charCodeAt(0))], "x.podhop.json.gz"));
		const i = document.querySelector("open-recording input[type=file]"); i.files = d.files; i.dispatchEvent(new Event("change", {bubbles: true})); return true })()`)
}

func TestRecordingFromAFile(t *testing.T) {
	p := openTab(t, "/recordings", chromium.Options{})
	r := p.server.Cluster("demo").Recording()
	// What is in it is shown as text, wherever it is shown.
	const evil = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	r.Manifests = evil
	r.Server = evil
	r.Moments[0].Message.Topology.Put[0].Name, r.Moments[0].Message.Topology.Put[0].Message = evil, evil
	r.Moments[0].Message.Topology.Put[0].Labels = map[string]string{evil: evil}
	for i := range r.Moments {
		if j := r.Moments[i].Message.Journey; j != nil {
			j.Summary, j.Verdict, j.Hops[0].Sentence = evil, evil, evil
		}
		if e := r.Moments[i].Message.Event; e != nil {
			e.Reason, e.Message = evil, evil
		}
	}
	give(p, devserver.File(r))
	p.Until(`document.querySelector(".scrub")`)
	for range 3 {
		p.Keys(kb.ArrowRight)
	}
	p.Until(soFar + `.startsWith("3 of 8") && document.querySelector("page-inspector").textContent.includes("onerror")`)
	p.Click("#tab-events")
	p.Until(`document.querySelector("event-list").textContent.includes("onerror")`)
	p.Click("#tab-editor")
	p.Until(`document.querySelector("recorded-manifests pre").textContent.includes("onerror")`)
	p.Click("#tab-objects")
	p.Click("object-list tr button")
	if chromium.Eval[bool](p.Tab, `window.hacked === 1 || document.querySelector("img, body script:not([src]):not([type='application/json'])") !== null`) {
		t.Error("what was in the file became part of the page")
	}
	if asked := chromium.Eval[[]string](p.Tab, `performance.getEntriesByType("resource").map((e) => new URL(e.name).pathname).filter((x) => !x.startsWith("/static/"))`); len(asked) > 0 {
		t.Errorf("it asked for %v", asked)
	}
}

func TestBadRecordingsSayWhy(t *testing.T) {
	p := openTab(t, "/recordings", chromium.Options{})
	good := devserver.File(p.server.Cluster("demo").Recording())
	with := func(change func(*model.Recording)) []byte {
		r := p.server.Cluster("demo").Recording()
		change(r)
		return devserver.File(r)
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "not a recording of Podhop"},
		{"a picture", []byte("\x89PNG and so on"), "not a recording of Podhop"},
		{"cut off", good[:len(good)/2], "was cut off"},
		{"another file", devserver.File(map[string]any{"kind": "List"}), "not a recording of Podhop"},
		{"a later version", with(func(r *model.Recording) { r.Version = 2 }), "is of version 2"},
		{"a wrong type", devserver.File(map[string]any{"podhop": "recording", "version": 1, "from": "then"}), "damaged"},
		{"hops that are none", devserver.File(map[string]any{"podhop": "recording", "version": 1, "server": "", "kubernetes": "", "from": 1, "to": 2, "capture": map[string]any{"mode": "all"}, "session": map[string]any{"id": "", "url": "", "apiServer": "", "expiresAt": "", "options": map[string]any{}}, "manifests": "",
			"graph": map[string]any{"vertices": []any{}, "edges": []any{}}, "left": map[string]any{},
			"moments": []any{map[string]any{"time": 1, "message": map[string]any{"seq": 1, "type": "journey", "journey": map[string]any{"id": "x", "hops": "none"}}}}}), "damaged"},
		{"out of order", with(func(r *model.Recording) { r.Moments[0].Time = r.To }), "not in order"},
		{"a bomb", devserver.File(strings.Repeat(" ", 64<<20)), "unpacks to more"},
		{"too much in it", devserver.File(make([]struct{}, 300_000)), "more in it"},
	} {
		give(p, c.file)
		p.Until(`document.querySelector("open-recording [role=alert]")?.textContent.includes(` + chromium.Quote(c.want) + `)`)
		if chromium.Eval[bool](p.Tab, `document.querySelector(".scrub") !== null`) {
			t.Errorf("%s: it is shown", c.name)
		}
	}
	give(p, good)
	p.Until(`document.querySelector(".scrub") && !document.querySelector("open-recording [role=alert]")`)
}

func TestKeptRecordingThatIsGone(t *testing.T) {
	p := openTab(t, "/recordings/none", chromium.Options{Allow: "404"})
	p.Until(`document.querySelector("open-recording [role=alert]")?.textContent.includes("no longer there")`)
}

// What was recorded begins a playground of one's own.
func TestRecordingForks(t *testing.T) {
	p := openKept(t, "", chromium.Options{})
	p.Click("#tab-editor")
	p.Until(`document.querySelector("recorded-manifests").textContent.includes("2 values of Secrets")`)
	p.Click("recorded-manifests .primary")
	p.Until(`location.pathname === "/s/forked" && document.querySelector("[data-vertex='pod/default/my-pod']")`)
	p.Until(`document.querySelector(".cm-content")?.textContent.includes("my-pod")`)
}

func TestShareALink(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: "404"})
	p.Until(live)
	p.Click(".open-record")
	p.Until(`document.querySelector("#record:popover-open a[download]").getAttribute("href") === "/api/sessions/demo/recording"`)
	chromium.Eval[bool](p.Tab, `(() => { const s = document.querySelector("#record select"); s.value = "5m"; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`)
	p.Until(`document.querySelector("#record a[download]").getAttribute("href") === "/api/sessions/demo/recording?since=5m"`)
	p.Click("#record .share")
	p.Until(`document.querySelector("#record .shared a").href === location.origin + "/recordings/of-demo"`)
	p.Click("#record .shared button:last-of-type")
	p.Click(".ask .danger")
	p.Until(`document.querySelector("#record:popover-open").textContent.includes("leads nowhere any more")`)
	if got := chromium.Eval[int](p.Tab, `fetch("/api/recordings/of-demo").then((r) => r.status)`); got != 404 {
		t.Errorf("afterwards it answers %d", got)
	}
}

// One's own file becomes a link, and who made the link takes it back.
func TestShareAFile(t *testing.T) {
	p := openTab(t, "/recordings", chromium.Options{Allow: "404"})
	give(p, devserver.File(p.server.Cluster("demo").Recording()))
	p.Click(".share-file")
	p.Until(`location.pathname === "/recordings/own" && document.querySelector(".scrub")`)
	// Another file that is dropped there is one's own again.
	drop := devserver.File(p.server.Cluster("full").Recording())
	chromium.Eval[bool](p.Tab, `(() => { const d = new DataTransfer(); d.items.add(new File([Uint8Array.from(atob(`+chromium.Quote(base64.StdEncoding.EncodeToString(drop))+`), (c) => c.charCodeAt(0))], "x.gz"));
		document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: d})); return true })()`)
	p.Until(`location.pathname === "/recordings" && document.querySelector(".share-file") && document.querySelector("[data-vertex='ingress/default/my-ingress']")`)
	p.Do(chromedp.Navigate(chromium.Eval[string](p.Tab, `location.origin`) + "/recordings/own"))
	p.Click("[popovertarget=remove]")
	p.Click("#remove .danger")
	p.Until(`location.pathname === "/recordings" && document.querySelector(".opener h1")`)
	if got := chromium.Eval[int](p.Tab, `fetch("/api/recordings/own").then((r) => r.status)`); got != 404 {
		t.Errorf("afterwards it answers %d", got)
	}
}

// What a file of an earlier version lacks is nothing, not an error.
func TestRecordingOfFewerFields(t *testing.T) {
	p := openTab(t, "/recordings", chromium.Options{})
	give(p, devserver.File(map[string]any{"podhop": "recording", "version": 1, "from": 1e18, "to": 1e18 + 1e9, "graph": map[string]any{"vertices": []any{map[string]any{"id": "node/node-1", "kind": "Node", "name": "node-1"}}},
		"moments": []any{map[string]any{"time": 1e18, "message": map[string]any{"type": "journey", "journey": map[string]any{"id": "x", "conversation": "c"}}}}}))
	p.Until(`document.querySelector("[data-vertex='node/node-1']")`)
	p.Keys(kb.ArrowRight)
	p.Until(soFar + `.startsWith("1 of 1") && document.querySelector("page-inspector h2")`)
}
