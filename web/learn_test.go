package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podhop/podhop/internal/chromium"
)

const live = `document.querySelector(".link.live") && document.querySelector("[data-vertex='node/node-3']")`

func TestPastePodAndSeeItRun(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Click(".samples button") // the article's Pod
	p.Until(`document.querySelector(".cm-content").textContent.includes("name: my-pod")`)
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Keys(kb.Enter, chromedp.KeyModifiers(2)) // Ctrl
	p.Until(`document.querySelector(".results .good")?.textContent.includes("created")`)
	p.Until(`document.querySelector("[data-vertex='pod/default/my-pod'].ready")?.textContent.includes("10.244.1.2")`)
	p.Until(`document.querySelector("#announce").textContent.includes("Pod my-pod is ready")`)

	// What is in the editor, and the cluster, outlive a reload.
	p.Do(chromedp.Reload())
	p.Until(live + ` && document.querySelector("[data-vertex='pod/default/my-pod'].ready")`)
	p.Until(`document.querySelector(".cm-content")?.textContent.includes("name: my-pod")`)
}

func TestErrorsAreShownAtTheirLine(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Paste(chromium.Quote("kind: Service\nmetadata: {name: web}\nspec:\n  selectors:\n    app: x\n"))
	p.Until(`document.querySelector(".cm-content").textContent.includes("app: x")`)
	p.Click(".apply")
	p.Until(`document.querySelector(".cm-line.wrong .said")?.textContent.includes('unknown field "spec.selectors"')`)
	if got := p.Text(".results li.bad"); !strings.Contains(got, "Service web was not taken") || !strings.Contains(got, "line 4") {
		t.Errorf("the answer reads %q", got)
	}
	if got := p.Text(".cm-line.wrong"); !strings.HasPrefix(got, "selectors:") {
		t.Errorf("the marked line is %q", got)
	}
}

func TestHugePasteShowsTheServersAnswer(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{Allow: "413"})
	p.Until(live + ` && document.querySelector(".cm-content")`)
	p.Paste(`"# " + "x".repeat(5 << 20)`)
	p.Click(".apply")
	p.Until(`document.querySelector(".results .bad")?.textContent.includes("Too large: A paste may have at most 1 MiB")`)
}

func TestSendAndFollowTheJourney(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=3", chromium.Options{})
	p.Until(live)
	p.Click("[data-step]:not([hidden]) [data-fill]")
	p.Until(`document.querySelector("[name=to]").value === "http://10.96.41.7" && document.querySelector("[name=from]").value === "pod/default/my-pod"`)
	p.Click(".send-button")
	p.Until(`document.querySelector(".answer .good")?.textContent === "200"`)
	p.Until(`document.querySelector(".head h2")?.textContent === "my-pod to my-service, answered" && document.querySelectorAll(".packet").length === 7`)

	// The rule's hop is chosen, and says what changed, by which rule, of which object.
	for selector, want := range map[string]string{
		".hops li.on .where":    "node-1, prerouting",
		".hops li.on .sentence": "of Service my-service",
		".hops li.on .rule":     "dnat to 10.244.",
		".hops li.on mark":      "10.244.",
		".hops li.on .changed":  "10.96.41.7:80",
	} {
		if got := p.Text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	// The same numbers in the map and in the list.
	if list, onMap := p.Text(".hops li.on .n"), p.Text(".hop.on text"); list != onMap || list != "3" {
		t.Errorf("the list says hop %q, the map %q", list, onMap)
	}
	count := chromium.Eval[int](p.Tab, `document.querySelectorAll(".hops li").length`)
	badges := chromium.Eval[int](p.Tab, `[...document.querySelectorAll(".hop")].flatMap(h => h.dataset.hop.split(" ")).length`)
	if count != badges || count < 5 {
		t.Errorf("%d hops in the list, %d on the map", count, badges)
	}
	// Choosing on the map chooses in the list.
	p.Click(".hop[data-hop='0']")
	p.Until(`document.querySelector(".hops [aria-current=step] .n").textContent === "1"`)
	// The reply too: its last rewrite puts the Service's address back.
	p.Click(".packet.reply")
	p.Until(`document.querySelector(".route.reply") && [...document.querySelectorAll(".hops mark")].some(m => m.textContent === "10.96.41.7:80")`)
	// And it is in the list of conversations, with its endpoint.
	p.Click("#tab-journeys")
	p.Until(`document.querySelector("journey-list tr.chosen")?.textContent.includes("of 3")`)
	p.Until(`document.querySelector("journey-list tr.chosen .exchange")?.textContent === "GET / → 200 OK"`)
}

func TestManyRequestsAreTallied(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=4", chromium.Options{})
	p.Until(live)
	p.Click("[data-step]:not([hidden]) [data-fill]")
	p.Click(".send-button")
	p.Until(`document.querySelector(".answer")?.textContent.includes("5× 200")`)
	p.Until(`document.querySelector("#tab-journeys .count")?.textContent === "6"`)
}

func TestRefusalEndsAtItsRule(t *testing.T) {
	p := openTab(t, "/s/demo?lesson=reach-pods-through-a-service&step=5", chromium.Options{})
	p.Until(live)
	p.Click("[data-step]:not([hidden]) [data-load]")
	p.Click(".apply")
	p.Until(`document.querySelector("[data-vertex='service/default/my-service'].empty")?.textContent.includes("0 endpoints")`)
	p.Click("[data-step]:not([hidden]) [data-fill]")
	p.Click(".send-button")
	p.Until(`document.querySelector(".answer .bad")?.textContent === "Refused"`)
	p.Until(`document.querySelector(".hops li.bad .sentence")?.textContent.includes("has no endpoints") && document.querySelector(".hop.bad")`)
}

func TestFillSaysWhatIsMissing(t *testing.T) {
	p := openTab(t, "/s/new?lesson=your-first-pod&step=3", chromium.Options{})
	p.Until(live)
	p.Click("[data-step]:not([hidden]) [data-fill]")
	p.Until(`document.querySelector("[data-step]:not([hidden]) .note").textContent.includes("Pod my-pod has no address yet")`)
}

func TestLessonSteps(t *testing.T) {
	p := openTab(t, "/s/new?lesson=your-first-pod", chromium.Options{})
	p.Until(live)
	p.Click("[data-step]:not([hidden]) [data-go='2']")
	p.Until(`location.search.includes("step=2") && document.querySelector("[data-step]:not([hidden])").dataset.step === "2"`)
	p.Until(`document.activeElement.tagName === "H1"`)
	p.Do(chromedp.Reload())
	p.Until(`document.querySelector("[data-step]:not([hidden])").dataset.step === "2"`)
	p.Do(chromedp.NavigateBack())
	p.Until(`document.querySelector("[data-step]:not([hidden])").dataset.step === "1"`)
}

func TestIndexOpensPlayground(t *testing.T) {
	p := openTab(t, "/", chromium.Options{})
	p.Do(chromedp.Click(chromedp.CSS(".hero .primary")))
	p.Until(`location.pathname === "/s/new" && document.querySelectorAll("[data-vertex^='node/']").length === 3`)
}
