package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/chromium"
)

// TestBrowser is the learner's road again, in a browser: from the list of lessons
// to a packet's journey, and a reload on the way.
func TestBrowser(t *testing.T) {
	s := start(t, t.TempDir())
	p := chromium.Open(t, s.URL, chromium.Options{})

	// The lessons are listed, and the playground opens.
	p.Until(`document.body.innerText.includes("Your first Pod") && document.body.innerText.includes("Reach Pods through a Service")`)
	p.Click(`form[action="/playground"] button`)
	p.Until(`location.pathname.startsWith("/s/") && document.querySelector(".link.live")`)
	p.Until(`[1, 2, 3].every(n => document.querySelector("[data-vertex='node/node-" + n + "']")) && document.querySelector("[data-vertex='client']")`)

	// The article's manifests and a Service, pasted as they stand.
	p.Until(`document.querySelector(".cm-content")`)
	p.Paste(chromium.Quote(strings.Join([]string{article("1-my-pod.yaml"), article("2-my-replicaset.yaml"),
		article("3-my-deployment.yaml"), article("4-my-service.yaml")}, "---\n")))
	p.Click(".apply")
	p.Until(`document.querySelectorAll(".results .good").length === 4`)
	const running = `document.querySelectorAll("[data-vertex^='pod/default/my-'].ready").length === 7 && document.querySelector("[data-vertex='service/default/my-service']")`
	p.UntilIn(time.Minute, running)
	p.Until(`document.querySelector("[data-vertex='pod/default/my-pod']").textContent.includes("10.244.")`)

	// A request, and where its packets went.
	vip := chromium.Eval[string](p, `document.querySelector("[data-vertex='service/default/my-service']").textContent.match(/10\.96\.\d+\.\d+/)[0]`)
	chromium.Eval[bool](p, `(() => {
		const set = (name, value) => { const e = document.querySelector("[name=" + name + "]"); e.value = value;
			e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})) };
		set("from", "pod/default/my-pod"); set("to", `+chromium.Quote("http://"+vip)+`); return true })()`)
	p.Click(".send-button")
	// A container is ready as soon as it runs; what it runs may not listen yet, and is asked again.
	p.UntilIn(time.Minute, `document.querySelector(".answer .good")?.textContent === "200" ||
		(document.querySelector(".answer b.bad")?.textContent === "Refused" && document.querySelector(".send-button").click(), false)`)
	p.Until(`document.querySelector(".head h2")?.textContent === "my-pod to my-service, answered"`)
	for selector, want := range map[string]string{
		".hops li.on .where":    "node-", // the rule's hop is the one that is chosen
		".hops li.on .sentence": "my-service",
		".hops li.on .rule":     "dnat",
		".hops li.on .changed":  vip + ":80",
	} {
		if got := p.Text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	p.Click(".packet.reply")
	p.Until(`[...document.querySelectorAll(".hops mark")].some(m => m.textContent === ` + chromium.Quote(vip+":80") + `)`)

	// How the pod was joined: as commands, and as CNI's ADD with its result.
	p.Click("[data-vertex='pod/default/my-pod']")
	p.Until(`document.querySelector(".wiring").textContent.includes("ip ")`)
	p.Until(`document.querySelector(".facts-list .mono").textContent.startsWith("10.244.") &&
		[...document.querySelectorAll(".call pre")].some(pre => pre.textContent.includes("CNI_COMMAND=ADD")) &&
		[...document.querySelectorAll(".call pre")].some(pre => pre.textContent.includes('"address": "' + document.querySelector(".facts-list .mono").textContent.split(",")[0]))`)

	// All of it is still there after a reload.
	before := chromium.Eval[string](p, `location.href`)
	chromium.Eval[bool](p, `(window.before = true, setTimeout(() => location.reload(), 0), true)`)
	p.Until(`!window.before && ` + running)
	if after := chromium.Eval[string](p, `location.href`); after != before {
		t.Errorf("reloaded %s, came to %s", before, after)
	}
	p.Click("#tab-journeys")
	p.Until(`document.querySelector("journey-list tr td")?.closest("table").textContent.includes("my-service")`)

	writeManifests(p)
	browseObjects(p)
	demonstrate(s, p)
}

// TestBrowserVXLAN is a cluster that is not as usual: chosen where it is opened,
// looked into, and switched while it runs.
func TestBrowserVXLAN(t *testing.T) {
	s := start(t, t.TempDir())
	p := chromium.Open(t, s.URL, chromium.Options{})
	p.Click(".options summary")
	p.Click("[name=nodes][value='2']")
	p.Click("[name=cni][value=vxlan]")
	p.Click(".opening .primary")
	p.Until(`document.querySelector(".link.live") && document.querySelector(".open-cluster")?.textContent === "2 nodes, vxlan"`)
	p.Click("[data-vertex='node/node-1']")
	p.Click("#look-addr")
	p.Until(`/flannel\.1:.*\n(.*\n)*?.*inet 10\.244\.1\.0\//.test(document.querySelector("#look pre")?.textContent)`)
	p.Click("#look-cni")
	p.Until(`document.querySelector("#look pre").textContent.includes('"type": "flannel"')`)
	p.Click(".open-cluster")
	p.Click("#cluster [value=routed]")
	p.Click(".switch")
	p.Until(`document.querySelector(".open-cluster").textContent === "2 nodes, routed"`)
	p.Click("#look-link")
	p.Until(`document.querySelector("#look pre").textContent.includes("eth0") && !document.querySelector("#look pre").textContent.includes("flannel.1")`)
}
