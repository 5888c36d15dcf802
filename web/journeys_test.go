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

// patience is for conditions of these tests: far above what any of them takes.
const patience = time.Minute

// told is one packet of a conversation of its own, seen at one pod and one node.
func told(n int, change func(*model.Journey)) model.Message {
	h := model.Header{Source: "10.244.1.2:40000", Destination: "10.96.41.7:80", Protocol: "TCP"}
	j := model.Journey{ID: fmt.Sprintf("t%d-1", n), Conversation: fmt.Sprintf("t%d", n), Protocol: "TCP", Summary: "SYN", From: "pod/default/my-pod", To: "node/node-1",
		Source: h.Source, Destination: h.Destination, Verdict: "delivered", Start: time.Now().UnixNano() + int64(n), Duration: 60_000, Length: 60,
		Hops: []model.Hop{
			{Place: model.Place{Vertex: "pod/default/my-pod", Device: "eth0", Peer: "node/node-1", Direction: "out"}, Header: h, Sentence: "my-pod sent it."},
			{Place: model.Place{Vertex: "node/node-1", Hook: "forward"}, Time: 9_000, Header: h, Sentence: "node-1 got it."}}}
	if change != nil {
		change(&j)
	}
	return model.Message{Type: "journey", Journey: &j}
}

func decided(j *model.Journey, kind string, o model.Object) {
	j.Hops[1].Decision = &model.Decision{Kind: kind, Object: &o, Rule: "rule of " + o.Name, Sentence: o.Name + " decided."}
}

// tellVariety tells of a conversation of each sort, beside that of the demo.
func tellVariety(p *tab) {
	for i, change := range []func(*model.Journey){
		func(j *model.Journey) {
			j.Verdict, j.Protocol, j.Summary, j.Destination = "dropped", "UDP", "DNS A? web.default.svc.cluster.local", "10.96.0.10:53"
			decided(j, "drop", model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "deny-all"})
		},
		func(j *model.Journey) {
			j.Verdict, j.From = "rejected", "client"
			j.Application = []model.Application{{Protocol: "HTTP/2", Text: "POST /orders"}}
			decided(j, "reject", model.Object{Kind: "Service", Namespace: "team-a", Name: "web"})
		},
		func(j *model.Journey) {
			j.Verdict, j.Protocol, j.Summary, j.Source, j.Destination, j.From = "underway", "ICMPv6", "Echo request 1", "fd00:10:244:1::2", "fd00:10:244:2::3", "pod/team-a/web-10"
			j.Hops[0].Place.Vertex = j.From
		},
	} {
		p.server.Cluster("demo").Tell(told(i+1, change))
	}
	p.UntilIn(patience, `document.querySelector("#tab-journeys .count").textContent === "4"`)
}

func write(p *tab, text string) {
	p.Do(chromedp.Focus(chromedp.CSS("#filter")))
	p.Keys(text)
	p.Keys(kb.Enter)
}

// The grammar, by what each filter leaves of four conversations: the demo's d, and 1 to 3.
func TestFilterGrammar(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	tellVariety(p)
	p.Click("#tab-journeys")
	p.UntilIn(patience, `document.querySelectorAll("journey-list [data-row]").length === 4`)
	// Rows are as high as the list takes them to be, whatever was said.
	if got := chromium.Eval[string](p.Tab, `[...document.querySelectorAll("journey-list [data-row]")].map(r => r.offsetHeight).join(" ")`); got != "30 30 30 30" {
		t.Errorf("rows are %s px high", got)
	}
	for _, c := range []struct{ text, want string }{
		{"verdict:dropped", "1"},
		{"verdict:dropped verdict:rejected", "1 2"},
		{"-verdict:delivered", "1 2 3"},
		{"verdict:r*", "2"},
		{"pod:my-pod", "1 2 d"},
		{"pod:default/my-pod", "1 2 d"},
		{"pod:web-1", ""},
		{"pod:web-*", "3"},
		{"-pod:web-*", "1 2 d"},
		{"service:my-service", "d"},
		{"svc:team-a/web", "2"},
		{"policy:deny-all", "1"},
		{"node:node-1 proto:icmp", "3"},
		{"proto:udp", "1"},
		{"PROTO:dns Verdict:DROPPED", "1"},
		{"protocol:http", "2 d"},
		{"protocol:http/2", "2"},
		{"orders", "2"},
		{"protocol:http service:my-service", "d"}, // by different packets
		{"from:client", "2"},
		{"from:fd00:10:244:1::2", "3"},
		{"to:10.96.0.10", "1"},
		{"10.96.0.10:53", "1"}, // no key
		{`"GET /"`, "d"},
		{`-"echo request"`, "1 2 d"},
		{"echo -verdict:underway", ""},
	} {
		write(p, c.text)
		shown := `[...document.querySelectorAll("journey-list [data-row]")].map(r => r.dataset.row.replace(/^t/, "").replace(/^c1$/, "d")).sort().join(" ")`
		p.UntilIn(patience, `document.querySelectorAll(".term").length === `+fmt.Sprint(len(splitTerms(c.text))))
		if got := chromium.Eval[string](p.Tab, shown); got != c.want {
			t.Errorf("%s leaves %q, want %q", c.text, got, c.want)
		}
		p.Click(".filter .clear")
		p.UntilIn(patience, `document.querySelectorAll(".term").length === 0 && document.querySelectorAll("journey-list [data-row]").length === 4`)
	}
	// What means nothing stays where it was typed, and says so.
	write(p, "verdict:lost")
	p.UntilIn(patience, `document.querySelector(".filter-count .bad")?.textContent.includes("delivered, dropped, rejected or underway") && document.querySelector("#filter").value === "verdict:lost" && !document.querySelector(".term")`)
}

// splitTerms counts the words of an expression of the test's.
func splitTerms(s string) []string {
	if strings.Contains(s, `"`) {
		return []string{s}
	}
	return strings.Fields(s)
}

// One filter, for the list, the map, the counts and what is looked at; it outlives a reload.
func TestFilterActsOnListAndMap(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	tellVariety(p)
	p.Click("#tab-journeys")
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll("pod-map .trail").length`); n != 0 {
		t.Errorf("%d trails are on the map without a filter", n)
	}
	// What is being typed filters already.
	p.Do(chromedp.Focus(chromedp.CSS("#filter")))
	p.Keys("verdict:dr")
	p.UntilIn(patience, `document.querySelectorAll("journey-list [data-row]").length === 1 && !document.querySelector(".term")`)
	p.Keys("opped")
	p.Keys(kb.Enter)
	p.UntilIn(patience, `document.querySelector(".term")?.textContent.startsWith("verdict:dropped") && document.querySelector(".filter-count").textContent === "1 shown, 3 hidden"`)
	all := `document.querySelector("#tab-journeys").textContent.replace(/\s+/g, " ").includes("1 of 4") && document.querySelectorAll("pod-map .trail").length === 1 &&
		document.querySelector(".sieve").textContent.includes("3 hidden") && document.querySelector("page-inspector h2").textContent.endsWith(", dropped") && document.querySelector(".hop.bad")`
	p.UntilIn(patience, all)
	p.Do(chromedp.Reload())
	p.UntilIn(patience, live+` && document.querySelector(".term")`)
	// The told ones were not kept by the told session: only the demo's is there, and it is hidden.
	p.UntilIn(patience, `document.querySelector("page-inspector").textContent.includes("The filter hides the only one there is") && document.querySelector("journey-list .empty").textContent.includes("None of 1")`)
	p.Click(".sieve .icon")
	p.UntilIn(patience, `document.querySelectorAll("journey-list [data-row]").length === 1 && !document.querySelector(".sieve")`)

	// From an object, and back by a chip.
	p.Click("[data-vertex='service/default/my-service']")
	p.Click(".journeys-of")
	p.UntilIn(patience, `document.querySelector(".term")?.textContent.startsWith("service:my-service") && document.querySelectorAll("journey-list [data-row]").length === 1`)
	p.Click("[data-vertex='node/node-2']")
	p.Click(".journeys-of")
	p.UntilIn(patience, `document.querySelectorAll(".term").length === 1 && document.querySelector(".term").textContent.startsWith("node:node-2")`)
	p.Click(".term")
	p.UntilIn(patience, `!document.querySelector(".term") && document.activeElement.id === "filter"`)
}

// A packet that the filter hides does not fly.
func TestFilteredPacketsDoNotFly(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Features: map[string]string{"prefers-reduced-motion": "reduce"}})
	p.Until(live)
	p.Click("#tab-journeys")
	write(p, "verdict:dropped")
	p.UntilIn(patience, `document.querySelector(".term")`)
	chromium.Eval[bool](p.Tab, `(() => { const g = CanvasRenderingContext2D.prototype, arc = g.arc; window.drawn = 0; g.arc = function (...a) { window.drawn++; return arc.apply(this, a) }; return true })()`)
	c := p.server.Cluster("demo")
	c.Tell(told(1, nil))
	p.UntilIn(patience, `document.querySelector(".filter-count").textContent === "0 shown, 2 hidden"`)
	if n := chromium.Eval[int](p.Tab, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(window.drawn))))`); n != 0 {
		t.Errorf("a hidden packet was drawn %d times", n)
	}
	c.Tell(told(2, func(j *model.Journey) { j.Verdict = "dropped" }))
	p.UntilIn(patience, `window.drawn > 0`)
}

const blur = `(document.activeElement.blur(), true)`

func TestPauseCountsWhatItHolds(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Click("#tab-journeys")
	p.UntilIn(patience, `document.querySelectorAll("journey-list [data-row]").length === 1`)
	c := p.server.Cluster("demo")
	chromium.Eval[bool](p.Tab, blur)
	p.Keys(" ")
	p.UntilIn(patience, `document.querySelector(".held .new").textContent === "0 new" && document.querySelector(".play").getAttribute("aria-label") === "Go on, live"`)
	for i := range 37 {
		c.Tell(told(i, nil))
	}
	p.UntilIn(patience, `document.querySelector(".held .new").textContent === "37 new"`)
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll("journey-list [data-row]").length`); n != 1 {
		t.Errorf("the list went on while it was paused: %d rows", n)
	}
	// The cluster itself is told as it is.
	c.Apply("kind: Pod\nmetadata: {name: later}\n")
	p.UntilIn(patience, `document.querySelector("[data-vertex='pod/default/later'].ready")`)
	p.Keys(" ")
	p.UntilIn(patience, `!document.querySelector(".held") && document.querySelector("#tab-journeys .count").textContent === "38"`)

	// More than is kept is counted.
	p.Keys(" ")
	p.UntilIn(patience, `document.querySelector(".held")`)
	for i := range 4500 {
		c.Tell(told(100+i, nil))
	}
	p.UntilIn(patience, `document.querySelector(".held .new").textContent === "4500 new" && document.querySelector(".held .dropped").textContent === "2500 not kept"`)
	// A broken line tells nothing twice.
	c.Cut()
	p.UntilIn(patience, `document.querySelector(".link.live") && document.querySelector(".held .new").textContent === "4500 new"`)
	p.Click(".catch-up")
	p.UntilIn(patience, `!document.querySelector(".held") && document.querySelector(".forgotten").textContent.startsWith("2544 older packets")`)
	// What was looked at is still there: the demo's seven, and the rest of 2000.
	p.UntilIn(patience, `document.querySelectorAll(".packet").length === 7 && document.querySelector("journey-list [role=treegrid]").ariaRowCount === "1995"`)

	// Sending is wanting to see.
	p.Keys(" ")
	p.UntilIn(patience, `document.querySelector(".held")`)
	p.Do(chromedp.Focus(chromedp.CSS("[name=to]")))
	p.Keys("http://10.244.1.2")
	p.Click(".send-button")
	p.UntilIn(patience, `!document.querySelector(".held")`)
}

func TestStepThroughAPacket(t *testing.T) {
	for _, motion := range []string{"no-preference", "reduce"} {
		t.Run(motion, func(t *testing.T) {
			p := openTab(t, "/s/demo", chromium.Options{Features: map[string]string{"prefers-reduced-motion": motion}})
			p.UntilIn(patience, live+` && document.querySelector(".hops li.on .n")?.textContent === "3"`)
			hops := chromium.Eval[int](p.Tab, `document.querySelectorAll(".hops li").length`)
			at := func(n int) string {
				return fmt.Sprintf(`document.querySelector(".hops li.on .n").textContent === "%d" && document.querySelector(".hop.on text").textContent.split(" ").includes("%d") && document.querySelector(".caption > p b").textContent === "%d"`, n, n, n)
			}
			p.UntilIn(patience, at(3))
			chromium.Eval[bool](p.Tab, blur)
			p.Keys(",")
			p.UntilIn(patience, at(2))
			p.Keys(".")
			p.UntilIn(patience, at(3)+` && document.querySelector("#announce").textContent.includes("hop 3 of `+fmt.Sprint(hops)+`, node-1, prerouting: kube-proxy chose endpoint")`)
			for n := 4; n <= hops; n++ {
				p.Click("[aria-label='Next hop']")
				p.UntilIn(patience, at(n))
			}
			// Past the end, the next packet begins; and back.
			p.Keys(".")
			p.UntilIn(patience, at(1)+` && document.querySelector(".packet[aria-selected=true]").classList.contains("reply") && document.querySelector(".route.reply")`)
			p.Keys(",")
			p.UntilIn(patience, at(hops)+` && document.querySelector(".packet[aria-selected=true]").textContent.includes("SYN")`)
		})
	}
}

func TestKeys(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	c := p.server.Cluster("demo")
	for i := range 3 {
		c.Tell(told(i, nil))
	}
	p.UntilIn(patience, `document.querySelector("#tab-journeys .count").textContent === "4" && document.querySelector(".hops li.on")`)

	// Whoever types is not disturbed.
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Keys("a.[],/- ?m")
	p.UntilIn(patience, `document.querySelector(".cm-content").textContent.includes("a.[")`)
	p.Do(chromedp.Focus(chromedp.CSS("[name=to]")))
	p.Keys("m/. -")
	p.UntilIn(patience, `document.querySelector("[name=to]").value.endsWith("m/. -")`)
	if chromium.Eval[bool](p.Tab, `document.querySelector(".held") !== null || document.querySelector("#keys:popover-open") !== null || document.querySelector(".speed select").value !== "1"`) {
		t.Error("keys acted while somebody typed")
	}

	chromium.Eval[bool](p.Tab, blur)
	p.Keys("?")
	p.UntilIn(patience, `document.querySelector("#keys:popover-open")?.textContent.includes("Pause, and go on")`)
	p.Keys("-") // the help has the keyboard
	p.Keys(kb.Escape)
	p.UntilIn(patience, `!document.querySelector("#keys:popover-open") && document.querySelector(".speed select").value === "1"`)

	p.Keys("--+=+")
	p.UntilIn(patience, `document.querySelector(".speed select").value === "2" && document.querySelector("#announce").textContent.includes("Speed 2×")`)

	// The list: arrows choose, Enter goes to the hops, Escape comes back.
	p.Keys("l")
	p.UntilIn(patience, `!document.querySelector("#panel-journeys").hidden && document.activeElement.dataset.row === "c1"`)
	p.Keys(kb.ArrowUp)
	p.UntilIn(patience, `document.activeElement.dataset.row === "t0" && document.activeElement.ariaSelected === "true" && document.querySelector("page-inspector h2").textContent.startsWith("my-pod to node-1")`)
	p.Keys("]")
	p.UntilIn(patience, `document.querySelector("tr.chosen").dataset.row === "c1"`)
	p.Keys("[")
	p.UntilIn(patience, `document.querySelector("tr.chosen").dataset.row === "t0"`)
	p.Keys("]")
	p.Keys("l")
	p.UntilIn(patience, `document.activeElement.dataset.row === "c1"`)
	p.Keys(kb.ArrowRight)
	p.UntilIn(patience, `document.querySelectorAll(".packet-row").length === 7`)
	p.Keys(kb.ArrowRight)
	p.Keys(kb.ArrowDown)
	p.UntilIn(patience, `document.activeElement.dataset.row === "c1 c1-2" && document.querySelector(".packet[aria-selected=true]").dataset.journey === "c1-2" && document.querySelector(".route.reply")`)
	// What is chosen elsewhere is chosen here.
	p.Click(".packet[data-journey='c1-4']")
	p.UntilIn(patience, `document.querySelector(".packet-row.chosen").dataset.row === "c1 c1-4"`)
	p.Keys(kb.Enter)
	p.UntilIn(patience, `document.activeElement.matches(".hop-button")`)
	p.Keys(kb.Escape)
	p.UntilIn(patience, `document.activeElement.dataset.row === "c1 c1-2"`)
	p.Keys(kb.ArrowLeft)
	p.Keys(kb.ArrowLeft)
	p.UntilIn(patience, `document.activeElement.dataset.row === "c1" && !document.querySelector(".packet-row")`)
	p.Keys(kb.Escape)
	p.UntilIn(patience, `!document.querySelector("tr.chosen") && document.querySelector(".recent")`)

	p.Keys("/")
	p.UntilIn(patience, `document.activeElement.id === "filter"`)
	p.Keys("x")
	p.Keys(kb.Escape)
	p.UntilIn(patience, `document.activeElement.id === "filter" && document.activeElement.value === ""`)
	p.Keys(kb.Escape)
	p.UntilIn(patience, `document.activeElement.dataset.row === "t2"`)

	p.Keys("m")
	p.UntilIn(patience, `document.activeElement.dataset.vertex === "client"`)

	// Off is off, but for Escape.
	p.Click(".caption [popovertarget=keys]")
	p.UntilIn(patience, `document.querySelector("#keys:popover-open")`)
	p.Click("#keys [type=checkbox]")
	p.Keys(kb.Escape)
	p.UntilIn(patience, `!document.querySelector("#keys:popover-open")`)
	p.Keys("l")
	p.Click("[data-vertex='client']")
	p.UntilIn(patience, `document.querySelector(".head .kind") && document.activeElement.dataset.vertex === "client"`)
	p.Keys(kb.Escape)
	p.UntilIn(patience, `!document.querySelector(".head .kind")`)
}

// Packets that hang in the air can be reached and opened; a replay flies while the rest is held.
func TestPacketsHangInTheAir(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.UntilIn(patience, live+` && document.querySelector(".hops li.on")`)
	chromium.Eval[bool](p.Tab, blur)
	p.Keys("---") // a tenth: a packet takes seconds
	p.UntilIn(patience, `document.querySelector(".speed select").value === "0.1"`)
	p.Keys("r")
	p.Keys(" ")
	p.UntilIn(patience, `document.querySelector(".hanging")`)
	frames := func(n int) {
		chromium.Eval[bool](p.Tab, fmt.Sprintf(`new Promise(done => { let n = %d; const next = () => n-- > 0 ? requestAnimationFrame(next) : done(true); next() })`, n))
	}
	frames(3) // the last one that moves may not be painted yet
	where := `JSON.stringify([...document.querySelectorAll(".hanging")].map(c => [c.dataset.packet, c.getAttribute("cx"), c.getAttribute("cy")]))`
	before := chromium.Eval[string](p.Tab, where)
	ink := `(() => { const c = document.querySelector("pod-map canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let s = 0; for (let i = 0; i < d.length; i++) s = (s * 31 + d[i]) | 0; return s })()`
	picture := chromium.Eval[int](p.Tab, ink)
	frames(20)
	if after := chromium.Eval[string](p.Tab, where); after != before || chromium.Eval[int](p.Tab, ink) != picture {
		t.Errorf("packets moved while they were paused: %s, then %s", before, after)
	}
	chromium.Eval[bool](p.Tab, `(document.querySelector(".hanging").focus(), true)`)
	id := chromium.Eval[string](p.Tab, `document.activeElement.dataset.packet`)
	p.Keys(kb.Enter)
	p.UntilIn(patience, `document.querySelector(".packet[aria-selected=true]").dataset.journey === `+chromium.Quote(id))

	p.Keys("++++") // 2×
	p.Keys("r")
	p.UntilIn(patience, `!document.querySelector(".hanging") && document.querySelector(".held") && document.querySelector(".play").getAttribute("aria-label") === "Pause"`)
	// Landed, it stands still again.
	p.UntilIn(patience, `document.querySelector(".held") && document.querySelector(".play").getAttribute("aria-label") === "Go on, live"`)
	p.Keys(" ")
	p.UntilIn(patience, `!document.querySelector(".held")`)
}

// 5,000 journeys a second for some seconds: each is shown or counted, and the page still listens.
func TestFlood(t *testing.T) {
	const seconds, rate = 3, 5000
	p := openTab(t, "/s/demo", chromium.Options{})
	p.UntilIn(patience, live+` && document.querySelector(".hops li.on")`)
	p.Click("#tab-journeys")
	chromium.Eval[bool](p.Tab, `(() => { window.gaps = []; let was = performance.now(); const look = now => { window.gaps.push(now - was); was = now; requestAnimationFrame(look) }; requestAnimationFrame(look); return true })()`)
	c := p.server.Cluster("demo")
	done := make(chan time.Duration)
	go func() {
		begin := time.Now()
		for i := range seconds * rate {
			c.Tell(told(i, nil))
			if i%50 == 49 {
				time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / rate)))
			}
		}
		done <- time.Since(begin)
	}()
	p.UntilIn(patience, `document.querySelector(".forgotten")`) // it is at work
	p.Do(chromedp.Focus(chromedp.CSS("[name=to]")))
	begin := time.Now()
	p.Keys("http://x")
	p.UntilIn(patience, `document.querySelector("[name=to]").value === "http://x"`)
	typed := time.Since(begin)
	chromium.Eval[bool](p.Tab, blur)
	begin = time.Now()
	p.Keys("l")
	p.Keys(kb.ArrowUp)
	p.UntilIn(patience, `document.activeElement.dataset.row?.startsWith("t") && document.activeElement.ariaSelected === "true"`)
	moved := time.Since(begin)
	told := <-done
	p.UntilIn(patience, fmt.Sprintf(`Number(document.querySelector(".forgotten").textContent.split(" ")[0]) + 2000 === %d`, seconds*rate+7))
	drawn := chromium.Eval[int](p.Tab, `document.querySelectorAll("journey-list [data-row]").length`)
	if drawn > 100 {
		t.Errorf("%d rows are drawn", drawn)
	}
	// What is looked at stays, and in sight.
	if !chromium.Eval[bool](p.Tab, `document.activeElement.matches("tr.chosen[data-row^=t]") && document.querySelector(".hops li.on") !== null`) {
		t.Error("the chosen row was lost")
	}
	t.Logf("%d journeys told in %v; 8 letters typed in %v, a row moved in %v; frames: %s", seconds*rate, told, typed, moved,
		chromium.Eval[string](p.Tab, `(() => { const g = window.gaps.sort((a, b) => a - b), at = q => g[Math.floor(q * (g.length - 1))].toFixed(0); return g.length + ", ms between them: half " + at(.5) + ", 99 of 100 " + at(.99) + ", most " + at(1) })()`))
}

// The map in words, by keyboard: the same selection as everywhere.
func TestMapAsATree(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.UntilIn(patience, live+` && document.querySelector(".hops li.on")`)
	p.Click("#tab-objects")
	p.Click(".objects-by label:nth-child(2) input")
	p.UntilIn(patience, `document.querySelector("[role=tree]")`)
	for key, want := range map[string]string{
		"packet":                         "Packet SYN my-pod to my-deployment-",
		"packet 2":                       "3. node-1, prerouting kube-proxy chose endpoint",
		" client":                        "client 172.18.0.100",
		" service/default/my-service":    "Service my-service 10.96.41.7:80, 3 endpoints",
		"node/node-1 pod/default/my-pod": "my-pod 10.244.1.2, Running the packet was here",
	} {
		if got := p.Text(`[data-key='` + key + `']`); !strings.HasPrefix(got, want) {
			t.Errorf("%q reads %q, want %q", key, got, want)
		}
	}
	at := func(key string) {
		p.T.Helper()
		p.UntilIn(patience, `document.activeElement.dataset.key === `+chromium.Quote(key))
	}
	p.Do(chromedp.Focus(chromedp.CSS("[role=tree] [tabindex='0']")))
	p.Keys(kb.ArrowDown)
	at("packet 0")
	p.Keys(kb.Enter)
	p.UntilIn(patience, `document.querySelector(".hops li.on .n").textContent === "1" && document.querySelector("[data-key='packet 0']").ariaSelected === "true"`)
	p.Keys(kb.ArrowLeft)
	at("packet")
	p.Keys(kb.ArrowLeft)
	p.UntilIn(patience, `document.querySelector("[data-key=packet]").ariaExpanded === "false" && !document.querySelector("[data-key='packet 0']")`)
	p.Keys(kb.ArrowDown)
	at(" client")
	p.Keys(kb.End)
	at(" underlay")
	p.Do(chromedp.Focus(chromedp.CSS("[data-key='node/node-1 pod/default/my-pod']")))
	p.Keys(kb.Enter)
	p.UntilIn(patience, `document.querySelector(".head h2").textContent.includes("my-pod") && document.querySelector("[data-vertex='pod/default/my-pod'].selected")`)
	p.Do(chromedp.Reload())
	p.UntilIn(patience, `document.querySelector("[role=tree] [data-key=' client']")`)
}
