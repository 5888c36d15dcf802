package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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

// A file is named anew in place; files of one's own machine are chosen, or dropped on the editor.
func TestFilesAreNamedChosenAndDropped(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(editing)
	names := `[...document.querySelectorAll(".files .file")].map((x) => x.textContent.trim()).join()`
	p.Paste(chromium.Quote("kind: Pod\nmetadata: {name: mine}\n"))
	p.Until(`document.querySelector(".cm-content").textContent.includes("mine")`)
	p.Do(chromedp.Focus(chromedp.CSS(".files .file")))
	p.Press("F2", 0)
	p.Until(`document.activeElement.matches(".files .rename") && ((f) => f.value.slice(f.selectionStart, f.selectionEnd))(document.activeElement) === "manifest"`) // all but what it ends in
	p.Type("a/web")
	p.Press("Enter", 0)
	p.Until(names + ` === "a-web.yaml" && document.activeElement.matches(".files .file")`)
	p.Press("F2", 0)
	p.Until(`document.activeElement.matches(".files .rename")`)
	p.Type("other")
	p.Press("Escape", 0)
	p.Until(names + ` === "a-web.yaml" && document.activeElement.matches(".files .file")`)

	const list = `const list = new DataTransfer(); for (const [name, text] of Object.entries(files)) list.items.add(new File([text], name));`
	chromium.Eval[bool](p.Tab, `(() => { const files = {"chosen.yaml": "kind: Pod\n# chosen"}; `+list+`
		HTMLInputElement.prototype.click = function () { this.files = list.files; window.took = this.accept; this.dispatchEvent(new Event("change")) }; return true })()`)
	p.Click(".more-files")
	p.Until(`document.activeElement.role === "menuitem"`)
	p.Press("Enter", 0)
	p.Until(names + ` === "a-web.yaml,chosen.yaml" && document.querySelector(".cm-content").textContent.includes("# chosen") && window.took.includes(".yaml")`)

	// All of them, and none of their names twice: that of a file that is open has the new text.
	chromium.Eval[bool](p.Tab, `(() => { const files = {"chosen.yaml": "# dropped", "last.yaml": "# last"}; `+list+`
		document.querySelector(".cm-content").dispatchEvent(new DragEvent("drop", {dataTransfer: list, bubbles: true, cancelable: true})); return true })()`)
	p.Until(names + ` === "a-web.yaml,chosen.yaml,last.yaml" && document.querySelector(".cm-content").textContent === "# last" && ` + toast("chosen.yaml was replaced"))
	p.Click(".files li:nth-child(2) .file")
	p.Until(`document.querySelector(".cm-content").textContent === "# dropped"`)
}

func TestCompareShowsWhatWouldChange(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.server.Cluster("new").Kube().Put("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: ClusterIP\n")
	p.Until(editing)
	p.Paste(chromium.Quote("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\nspec:\n  type: NodePort\n"))
	p.Click(".compare")
	p.Until(`document.querySelector(".comparison .diff ins")?.textContent.includes("+   type: NodePort") && document.querySelector(".comparison .diff del")?.textContent.includes("-   type: ClusterIP")`)
	p.Until(`document.querySelector(".comparison-apply")`)
	p.Click(".comparison .panel-head .icon")
	p.Until(`!document.querySelector(".comparison")`)

	// What would be refused as a whole is not offered to be applied.
	p.Click(".new-file")
	p.Paste(chromium.Quote("kind: Service\nmetadata: {name: web}\nspec:\n  selectors:\n    app: x\n"))
	p.Click(".compare")
	p.Until(`document.querySelector(".comparison .compared .bad") && !document.querySelector(".comparison-apply")`)
}

func TestEditOpensALiveObject(t *testing.T) {
	p, _ := openObjects(t, "new", "ConfigMap", chromium.Options{}, settings)
	openRow(p, "settings")
	p.Click("[data-do=edit]")
	text := `document.querySelector("#panel-editor .cm-content").textContent`
	p.Until(`!document.querySelector("#panel-editor").hidden && document.querySelector(".files .on")?.textContent.includes("configmap-settings.yaml") && ` + text + `.includes("colour")`)
	if got := chromium.Eval[string](p.Tab, text); strings.Contains(got, "uid") || strings.Contains(got, "resourceVersion") || !strings.Contains(got, "kind: ConfigMap") {
		t.Errorf("its manifest is %q", got)
	}

	// What was written meanwhile is offered back when it is opened again.
	p.Do(chromedp.Focus(chromedp.CSS("#panel-editor .cm-content")))
	p.Keys("# mine ")
	p.Until(text + `.startsWith("# mine ")`)
	p.Click("[data-do=edit]")
	p.Until(`!` + text + `.includes("# mine") && ` + toast("configmap-settings.yaml was replaced"))
	chromium.Eval[bool](p.Tab, `(`+toast("configmap-settings.yaml was replaced")+`.querySelector(".quiet").click(), true)`)
	p.Until(text + `.startsWith("# mine ") && !` + toast("configmap-settings.yaml was replaced"))
}

func TestEditSaysWhyNot(t *testing.T) {
	p, k := openObjects(t, "new", "ConfigMap", chromium.Options{Allow: refused}, settings)
	openRow(p, "settings")
	p.Until(`document.querySelector("[data-do=edit]")`)
	k.Refuse("/configmaps/settings", 403, "Forbidden", "configmaps \"settings\" is forbidden: you may not")
	p.Click("[data-do=edit]")
	p.Until(`[...document.querySelectorAll(".toast")].some(t => t.textContent.includes("is forbidden: you may not"))`)
	if open := p.Text(".files"); strings.Contains(open, "configmap-settings") {
		t.Errorf("the files are %q", open)
	}
}

func TestDescriptionsOfFields(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.server.Cluster("new").Kube().Put(widgets)
	p.Until(editing)
	p.Paste(chromium.Quote("apiVersion: example.com/v1\nkind: Widget\nspec:\n  size: 3\n"))
	p.Do(chromedp.Focus(chromedp.CSS(".cm-content")))
	p.Until(`document.querySelector(".cm-content").textContent.includes("size: 3") && document.querySelector(".tried").textContent !== ""`) // what helps is there
	p.Keys(kb.Home, chromedp.KeyModifiers(ctrl))
	for range 3 {
		p.Keys(kb.ArrowDown)
	}
	p.Keys(kb.End)
	p.Keys("i", chromedp.KeyModifiers(ctrl))
	p.UntilIn(patience, `["spec.size", "integer", "required", "How large it is."].every((x) => document.querySelector(".cm-tooltip .field-info")?.textContent.includes(x)) && document.querySelector("#announce").textContent.includes("spec.size, integer, required. How large it is.")`)
	p.Keys(kb.Escape)
	p.Until(`!document.querySelector(".cm-tooltip .field-info")`)

	// The same by pointing at it.
	at := chromium.Eval[[]float64](p.Tab, `(() => { const r = [...document.querySelectorAll(".cm-line")][3].getBoundingClientRect(); return [r.left + 28, r.top + r.height / 2] })()`)
	p.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0]+1, at[1]), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.UntilIn(patience, `document.querySelector(".cm-tooltip .field-info")?.textContent.includes("How large it is.")`)
}

func TestEditorFromThePalette(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.Until(editing)
	run := func(query, title string) {
		t.Helper()
		p.palette(query)
		p.Until(first + ` === ` + chromium.Quote(title))
		p.Keys(kb.Enter)
		p.Until(`!document.querySelector(".palette")`)
	}
	p.Paste(chromium.Quote("kind: Pod\nmetadata: {name: one}\n"))
	p.Until(`document.querySelector(".cm-content").textContent.includes("one")`)
	p.Click("#tab-events")
	run("new file", "New file")
	p.Until(`document.querySelectorAll(".files .file").length === 2 && !document.querySelector("#panel-editor").hidden && document.activeElement.closest("manifest-editor")`)
	p.Paste(chromium.Quote("kind: Pod\nmetadata: {name: two}\n"))
	p.Until(`document.querySelector(".cm-content").textContent.includes("two")`)
	run("compare", "Compare with the cluster")
	p.Until(`document.querySelector("dialog.comparison")?.textContent.includes("would be created")`)
	p.Click(".comparison .panel-head .icon")
	p.Until(`!document.querySelector(".comparison")`)
	chromium.Eval[bool](p.Tab, `(URL.createObjectURL = (b) => (window.saved = b.text(), "about:blank#"), HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download }, true)`)
	run("download manifest", "Download manifest-2.yaml")
	p.Until(`window.savedAs === "manifest-2.yaml"`)
	if saved := chromium.Eval[string](p.Tab, `window.saved`); !strings.Contains(saved, "name: two") {
		t.Errorf("what was downloaded reads %q", saved)
	}
	run("apply all", "Apply all files")
	p.Until(`document.querySelector("[data-vertex='pod/default/one']") && document.querySelector("[data-vertex='pod/default/two']")`)
}
