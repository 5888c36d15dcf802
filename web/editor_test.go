package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

const editing = live + ` && document.querySelector(".cm-content")`

func TestFieldsAreCompleted(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.server.Cluster("new").Kube().Put(widgets)
	p.Until(editing)
	p.Paste(chromium.Quote("apiVersion: example.com/v1\nkind: Widget\nspec:\n"))
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Until(`document.querySelector(".cm-content").textContent.includes("spec:") && document.querySelector(".tried").textContent !== ""`) // what helps is there
	p.Keys("  si")
	p.UntilIn(patience, `[...document.querySelectorAll(".cm-tooltip-autocomplete li")].some((x) => x.textContent.startsWith("size") && x.textContent.includes("integer, required"))`)
	p.Until(`document.querySelector(".cm-completionInfo")?.textContent.includes("How large it is.")`)
}

func TestErrorsAreMarkedAsOneTypes(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(editing)
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Paste(chromium.Quote("kind: Service\nmetadata: {name: web}\nspec:\n  selectors:\n    app: x\n"))
	p.UntilIn(patience, `document.querySelector(".tried").textContent.includes("1 error") && document.querySelector(".cm-lintRange-error")?.textContent.startsWith("selectors")`)
	p.Click(".tried button")
	p.Until(`document.querySelector(".cm-panel-lint")?.textContent.includes('unknown field "spec.selectors"')`)
	if got := p.Text(".results"); got != "" {
		t.Errorf("nothing was applied, but it says %q", got)
	}
}

func TestFilesOfTheEditor(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(editing)
	names := `[...document.querySelectorAll(".files .file")].map((x) => x.textContent.trim()).join()`
	p.Click(".samples button")
	p.Until(names + ` !== "manifest.yaml" && document.querySelector(".cm-content").textContent.includes("name: my-pod")`)
	sample := chromium.Eval[string](p.Tab, names)
	p.Click(".new-file")
	p.Until(names + ` === ` + chromium.Quote(sample+",manifest.yaml") + ` && !document.querySelector(".cm-content").textContent.includes("my-pod")`)
	p.Paste(chromium.Quote("kind: Pod\nmetadata: {name: second}\n"))
	p.Until(`document.querySelector(".apply-all") && document.querySelector(".cm-content").textContent.includes("second")`)
	p.Click(".apply-all")
	p.Until(`document.querySelector("[data-vertex='pod/default/my-pod']") && document.querySelector("[data-vertex='pod/default/second']")`)
	p.Do(chromedp.Reload())
	p.Until(live + ` && document.querySelector(".cm-content")?.textContent.includes("second") && ` + names + ` === ` + chromium.Quote(sample+",manifest.yaml"))
	p.Click(".files li.on .close-file")
	p.Until(names + ` === ` + chromium.Quote(sample) + ` && document.querySelector(".cm-content").textContent.includes("my-pod")`)
	p.Click(".toast .quiet")
	p.Until(names + ` === ` + chromium.Quote(sample+",manifest.yaml") + ` && document.querySelector(".cm-content").textContent.includes("second")`)
}

func TestCompareShowsWhatWouldChange(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.server.Cluster("new").Kube().Put("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: ClusterIP\n")
	p.Until(editing)
	p.Paste(chromium.Quote("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\nspec:\n  type: NodePort\n"))
	p.Click(".compare")
	p.Until(`document.querySelector(".comparison .diff ins")?.textContent.includes("+   type: NodePort") && document.querySelector(".comparison .diff del")?.textContent.includes("-   type: ClusterIP")`)
	p.Click(".comparison .panel-head .icon")
	p.Until(`!document.querySelector(".comparison")`)
}
