package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const live = `document.querySelector(".link.live") && document.querySelector("[data-vertex='node/node-3']")`

func TestPastePodAndSeeItRun(t *testing.T) {
	p := openTab(t, "/s/new", options{})
	p.until(live + ` && document.querySelector(".cm-content")`)
	p.click(".samples button") // the article's Pod
	p.until(`document.querySelector(".cm-content").textContent.includes("name: my-pod")`)
	p.do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.keys(kb.Enter, chromedp.KeyModifiers(2)) // Ctrl
	p.until(`document.querySelector(".results .good")?.textContent.includes("created")`)
	p.until(`document.querySelector("[data-vertex='pod/default/my-pod'].ready")?.textContent.includes("10.244.1.2")`)
	p.until(`document.querySelector("#announce").textContent.includes("Pod my-pod is ready")`)

	// What is in the editor, and the cluster, outlive a reload.
	p.do(chromedp.Reload())
	p.until(live + ` && document.querySelector("[data-vertex='pod/default/my-pod'].ready")`)
	p.until(`document.querySelector(".cm-content")?.textContent.includes("name: my-pod")`)
}

func TestErrorsAreShownAtTheirLine(t *testing.T) {
	p := openTab(t, "/s/new", options{})
	p.until(live + ` && document.querySelector(".cm-content")`)
	p.paste(quote("kind: Service\nmetadata: {name: web}\nspec:\n  selectors:\n    app: x\n"))
	p.until(`document.querySelector(".cm-content").textContent.includes("app: x")`)
	p.click(".apply")
	p.until(`document.querySelector(".cm-line.wrong .said")?.textContent.includes('unknown field "spec.selectors"')`)
	if got := p.text(".results li.bad"); !strings.Contains(got, "Service web was not taken") || !strings.Contains(got, "line 4") {
		t.Errorf("the answer reads %q", got)
	}
	if got := p.text(".cm-line.wrong"); !strings.HasPrefix(got, "selectors:") {
		t.Errorf("the marked line is %q", got)
	}
}

func TestHugePasteShowsTheServersAnswer(t *testing.T) {
	p := openTab(t, "/s/new", options{allow: "413"})
	p.until(live + ` && document.querySelector(".cm-content")`)
	p.paste(`"# " + "x".repeat(5 << 20)`)
	p.click(".apply")
	p.until(`document.querySelector(".results .bad")?.textContent.includes("Too large: A paste may have at most 1 MiB")`)
}

func TestSendAndFollowTheJourney(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=3", options{})
	p.until(live)
	p.click("[data-step]:not([hidden]) [data-fill]")
	p.until(`document.querySelector("[name=to]").value === "http://10.96.41.7" && document.querySelector("[name=from]").value === "pod/default/my-pod"`)
	p.click(".send-button")
	p.until(`document.querySelector(".answer .good")?.textContent === "200"`)
	p.until(`document.querySelector(".head h2")?.textContent === "my-pod to my-service, answered" && document.querySelectorAll(".packet").length === 7`)

	// The rule's hop is chosen, and says what changed, by which rule, of which object.
	for selector, want := range map[string]string{
		".hops li.on .where":    "node-1, prerouting",
		".hops li.on .sentence": "of Service my-service",
		".hops li.on .rule":     "dnat to 10.244.",
		".hops li.on mark":      "10.244.",
		".hops li.on .changed":  "10.96.41.7:80",
	} {
		if got := p.text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	// The same numbers in the map and in the list.
	if list, onMap := p.text(".hops li.on .n"), p.text(".hop.on text"); list != onMap || list != "3" {
		t.Errorf("the list says hop %q, the map %q", list, onMap)
	}
	count := eval[int](p, `document.querySelectorAll(".hops li").length`)
	badges := eval[int](p, `[...document.querySelectorAll(".hop")].flatMap(h => h.dataset.hop.split(" ")).length`)
	if count != badges || count < 5 {
		t.Errorf("%d hops in the list, %d on the map", count, badges)
	}
	// Choosing on the map chooses in the list.
	p.click(".hop[data-hop='0']")
	p.until(`document.querySelector(".hops [aria-current=step] .n").textContent === "1"`)
	// The reply too: its last rewrite puts the Service's address back.
	p.click(".packet.reply")
	p.until(`document.querySelector(".route.reply") && [...document.querySelectorAll(".hops mark")].some(m => m.textContent === "10.96.41.7:80")`)
	// And it is in the list of conversations, with its endpoint.
	p.click("#tab-journeys")
	p.until(`document.querySelector("journey-list tr.chosen")?.textContent.includes("of 3")`)
}

func TestManyRequestsAreTallied(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=4", options{})
	p.until(live)
	p.click("[data-step]:not([hidden]) [data-fill]")
	p.click(".send-button")
	p.until(`document.querySelector(".answer")?.textContent.includes("5× 200")`)
	p.until(`document.querySelector("#tab-journeys .count")?.textContent === "6"`)
}

func TestRefusalEndsAtItsRule(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=5", options{})
	p.until(live)
	p.click("[data-step]:not([hidden]) [data-load]")
	p.click(".apply")
	p.until(`document.querySelector("[data-vertex='service/default/my-service'].empty")?.textContent.includes("0 endpoints")`)
	p.click("[data-step]:not([hidden]) [data-fill]")
	p.click(".send-button")
	p.until(`document.querySelector(".answer .bad")?.textContent === "Refused"`)
	p.until(`document.querySelector(".hops li.bad .sentence")?.textContent.includes("has no endpoints") && document.querySelector(".hop.bad")`)
}

func TestFillSaysWhatIsMissing(t *testing.T) {
	p := openTab(t, "/s/new?lesson=your-first-pod&step=3", options{})
	p.until(live)
	p.click("[data-step]:not([hidden]) [data-fill]")
	p.until(`document.querySelector("[data-step]:not([hidden]) .note").textContent.includes("Pod my-pod has no address yet")`)
}

func TestLessonSteps(t *testing.T) {
	p := openTab(t, "/s/new?lesson=your-first-pod", options{})
	p.until(live)
	p.click("[data-step]:not([hidden]) [data-go='2']")
	p.until(`location.search.includes("step=2") && document.querySelector("[data-step]:not([hidden])").dataset.step === "2"`)
	p.until(`document.activeElement.tagName === "H1"`)
	p.do(chromedp.Reload())
	p.until(`document.querySelector("[data-step]:not([hidden])").dataset.step === "2"`)
	p.do(chromedp.NavigateBack())
	p.until(`document.querySelector("[data-step]:not([hidden])").dataset.step === "1"`)
}

func TestIndexOpensPlayground(t *testing.T) {
	p := openTab(t, "/", options{})
	p.do(chromedp.Click(chromedp.CSS(".hero .primary")))
	p.until(`location.pathname === "/s/new" && document.querySelectorAll("[data-vertex^='node/']").length === 3`)
}
