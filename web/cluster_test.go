package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

func TestOpenWithOptions(t *testing.T) {
	p := openTab(t, "/", chromium.Options{})
	// Folded away, so that nobody has to choose.
	if chromium.Eval[bool](p.Tab, `document.querySelector(".options").open`) {
		t.Error("the options are not folded")
	}
	if got := p.Text(".options summary"); !strings.Contains(got, "three nodes, routed") {
		t.Errorf("the options read %q", got)
	}
	p.Click(".options summary")
	p.Click("[name=nodes][value='2']")
	p.Click("[name=cni][value=vxlan]")
	p.Click("[name=dualStack]")
	p.Click(".opening .primary")
	p.Until(`document.querySelector(".open-cluster")?.textContent === "2 nodes, vxlan, dual stack"`)
	p.Until(`document.querySelector(".kernel + text").textContent.includes("flannel.1")`)
}

func TestSwitchTheNetwork(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live + ` && document.querySelector(".open-cluster").textContent === "3 nodes, routed"`)
	p.Click(".open-cluster")
	p.Until(`document.querySelector("#cluster:popover-open [value=routed]").checked && !document.querySelector(".switch")`)
	p.Click("#cluster [value=vxlan]")
	p.Click(".switch")
	p.Until(`document.querySelector(".open-cluster").textContent === "3 nodes, vxlan" && !document.querySelector(".switch")`)
	p.Until(`document.querySelector("#announce").textContent.includes("The network is vxlan now")`)
}

func TestNodesComeAndGo(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{Allow: "409"})
	p.Until(live)
	p.Click(".open-cluster")
	p.Click(".add-node")
	p.Until(`document.querySelector("[data-vertex='node/node-4']") && document.querySelector(".open-cluster").textContent.startsWith("4 nodes")`)
	p.Click(".add-node:not([disabled])")
	p.Until(`!document.querySelector(".add-node") && document.querySelector(".node-list").textContent.includes("at most 5 nodes")`)

	// By keyboard: the question takes the focus, and gives it back.
	remove := `.node-list li:nth-child(1) [data-remove]`
	p.Until(`!document.querySelector("` + remove + `").disabled`)
	p.Do(chromedp.Focus(chromedp.CSS(remove)))
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.dataset.yes !== undefined && document.querySelector(".confirm").textContent.includes("2 pods on it go with it")`)
	p.Keys(kb.Tab)
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.dataset.remove !== undefined && !document.querySelector(".confirm")`)
	p.Keys(kb.Enter)
	p.Until(`document.activeElement.dataset.yes !== undefined`)
	p.Keys(kb.Enter)
	p.Until(`!document.querySelector("[data-vertex='node/node-1']") && !document.querySelector("[data-vertex='pod/default/my-pod']")`)

	// What the server refuses is said where it was asked for.
	for _, name := range []string{"node-2", "node-3", "node-4", "node-5"} {
		row := `[...document.querySelectorAll(".node-list li")].find(li => li.textContent.includes("` + name + `"))`
		p.Until(`!` + row + `.querySelector("[data-remove]").disabled`)
		chromium.Eval[bool](p.Tab, `(`+row+`.querySelector("[data-remove]").click(), true)`)
		chromium.Eval[bool](p.Tab, `(`+row+`.querySelector("[data-yes]").click(), true)`)
		if name != "node-5" {
			p.Until(`!document.querySelector("[data-vertex='node/` + name + `']")`)
		}
	}
	p.Until(`document.querySelector(".node-list li [role=alert]").textContent.includes("at least one node")`)
}

func TestCordonAndStop(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Click("[data-vertex='node/node-2']")
	button := func(text string) string {
		return `[...document.querySelectorAll("page-inspector .node-actions button")].find(b => !b.disabled && b.textContent.startsWith("` + text + `"))`
	}
	for _, step := range []struct{ press, label string }{
		{"Cordon", "Node node-2, cordoned, Ready, 172.18.0.12"},
		{"Stop", "Node node-2, stopped, cordoned, NotReady"},
		{"Start", "Node node-2, cordoned, Ready, 172.18.0.12"},
		{"Uncordon", "Node node-2, 172.18.0.12, Ready, 1 pod"},
	} {
		p.Until(button(step.press))
		chromium.Eval[bool](p.Tab, `(`+button(step.press)+`.click(), true)`)
		p.Until(`document.querySelector("[data-vertex='node/node-2']").getAttribute("aria-label").startsWith(` + chromium.Quote(step.label) + `)`)
	}
}

func TestLookInsideANode(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.Click("[data-vertex='node/node-1']")
	p.Until(`document.querySelector(".facts-list").textContent.includes("10.244.1.0/24") && !document.querySelector("#look")`)
	p.Do(chromedp.Focus(chromedp.CSS("#look-addr")))
	p.Keys(kb.Enter)
	p.Until(`document.querySelector("#look pre").textContent.includes("inet 172.18.0.11/24")`)
	p.Keys(kb.ArrowRight)
	p.Until(`document.activeElement.id === "look-route" && document.querySelector("#look pre").textContent.includes("10.244.2.0/24 via 172.18.0.12")`)
	p.Click("[data-copy]")
	p.Until(`document.querySelector("[data-copy]").textContent === "Copied"`)
	p.Click("#look-ss")
	p.Until(`document.querySelector("#look pre").textContent === "It says nothing."`)
	p.Click(".expand")
	p.Until(`document.querySelector("#panel-details").clientWidth > 500`)
	// Another node has not been looked into.
	p.Click("[data-vertex='node/node-2']")
	p.Until(`!document.querySelector("#look")`)
}

func TestWhatLeadsIn(t *testing.T) {
	p := openTab(t, "/s/full", chromium.Options{})
	p.Until(live)
	for selector, want := range map[string]string{
		".address[data-of='service/default/my-service']":  "203.0.113.1",
		".address[data-of='ingress/default/my-ingress']":  "203.0.113.2",
		"[data-vertex='ingress/default/my-ingress'] text": "Ingress my-ingress",
		"[data-vertex='service/default/elsewhere']":       "example.org",
		"[data-vertex='control-plane']":                   "172.18.0.10",
		"[data-vertex='node/node-2']":                     "cordoned",
		"[data-vertex='node/node-3']":                     "stopped",
	} {
		if got := p.Text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	if n := chromium.Eval[int](p.Tab, `document.querySelectorAll(".entry-line").length`); n != 2 {
		t.Errorf("the Ingress leads to %d Services, want 2", n)
	}
	// The shield is on three pods, and their labels say so in words.
	if n := chromium.Eval[int](p.Tab, `[...document.querySelectorAll(".shield")].filter(s => s.closest("[data-vertex]").getAttribute("aria-label").includes("isolated by NetworkPolicy my-network-policy")).length`); n != 3 {
		t.Errorf("%d pods are marked as isolated, want 3", n)
	}
	p.Click("[data-vertex='ingress/default/my-ingress']")
	p.Until(`document.querySelector(".rules").textContent.includes("app3-service") && document.querySelector(".rules .bad").textContent === "does not exist"`)
	p.Click("[data-vertex='service/default/my-service']")
	p.Until(`document.querySelector(".facts-list").textContent.includes("203.0.113.1") && document.querySelector(".facts-list").textContent.includes("31234")`)
	p.Click("[data-vertex='pod/default/allowed']")
	p.Until(`[...document.querySelectorAll(".call pre")].some(pre => pre.textContent.includes("CNI_COMMAND=ADD"))`)
	p.Click("#tab-objects")
	p.Click("object-list button[aria-pressed]")
	p.Until(`[...document.querySelectorAll("object-list .group")].some(g => g.textContent.includes("NetworkPolicy"))`)
}

// A request through a proxy is two connections, told together.
func TestProxiedRequest(t *testing.T) {
	p := openTab(t, "/s/full", chromium.Options{})
	p.Until(live)
	p.Do(chromedp.Focus(chromedp.CSS("[name=to]")))
	p.Keys("http://example.com/app1")
	p.Keys(kb.Enter)
	p.Until(`document.querySelector(".answer .good")?.textContent === "200"`)
	p.Until(`document.querySelectorAll(".connections button").length === 2 && document.querySelector(".connections [aria-pressed=true]").textContent.includes("client to ingress-podhop/proxy-0")`)
	p.Click(".connections li:nth-child(2) button")
	p.Until(`document.querySelector("page-inspector h2").textContent === "ingress-podhop/proxy-0 to app1-service, answered"`)
	p.Click("#tab-journeys")
	p.Until(`document.querySelector("journey-list tr.made.chosen").previousElementSibling.textContent.includes("client to ingress-podhop/proxy-0")`)
}

// What can be asked for depends on who asks.
func TestTargetsDependOnTheSender(t *testing.T) {
	p := openTab(t, "/s/full", chromium.Options{})
	p.Until(live)
	for _, c := range []struct{ from, want, never string }{
		{"client", "http://example.com/app1, http://example.com/app2, http://example.com/app3, http://203.0.113.1, http://172.18.0.11:31234", "10.244."},
		{"node/node-1", "http://10.96.41.7", "my-service"},
		{"pod/default/allowed", "http://my-service", "http://example.com"},
	} {
		chromium.Eval[bool](p.Tab, `(() => { const s = document.querySelector("[name=from]"); s.value = `+chromium.Quote(c.from)+`; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`)
		urls := chromium.Eval[string](p.Tab, `[...document.querySelectorAll("#targets option")].map(o => o.value).join(", ")`)
		if !strings.Contains(urls, c.want) || strings.Contains(urls, c.never) {
			t.Errorf("from %s: offers %q, want %q and no %q", c.from, urls, c.want, c.never)
		}
	}
}
