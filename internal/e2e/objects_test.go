package e2e

import (
	"time"

	"github.com/podhop/podhop/internal/chromium"
)

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns: [{name: Spec, type: string, jsonPath: .spec}]
`

// browseObjects is what is done with the API's objects on the page of a session that
// has the article's: a kind that comes, an object of it, a log, and what is deleted.
func browseObjects(p *chromium.Tab) {
	p.T.Helper()
	apply := func(text string) {
		p.T.Helper()
		p.Until(`fetch("/api/sessions/" + location.pathname.split("/")[2] + "/apply", {method: "POST", headers: {"Content-Type": "application/yaml"}, body: ` + chromium.Quote(text) + `})
			.then(r => r.json()).then(all => window.applied = all)`)
		p.UntilIn(time.Minute, `window.applied?.every(r => !r.errors?.length) && (delete window.applied, true)`)
	}
	choose := func(kind string) {
		p.T.Helper()
		button := `[...document.querySelectorAll(".kinds-list button")].find(b => b.textContent.trim() === ` + chromium.Quote(kind) + `)`
		p.UntilIn(time.Minute, button)
		chromium.Eval[bool](p, `(`+button+`.click(), true)`)
	}
	open := func(name string) string {
		p.T.Helper()
		row := `[...document.querySelectorAll(".resource-table tbody tr[data-key]")].find(r => r.querySelector(".link").textContent === ` + chromium.Quote(name) + `)`
		p.UntilIn(time.Minute, row)
		chromium.Eval[bool](p, `(`+row+`.querySelector(".link").click(), true)`)
		p.Until(`document.querySelector("page-inspector h2").textContent.includes(` + chromium.Quote(name) + `)`)
		return row
	}
	p.Click("#tab-objects")
	p.Click("[name=objects-by][value=all]")
	choose("Pod")
	open("my-pod")
	p.Click("#side-logs")
	p.UntilIn(time.Minute, `document.querySelector(".log-line")`)
	p.Until(`fetch("/api/sessions/" + location.pathname.split("/")[2] + "/requests", {method: "POST", headers: {"Content-Type": "application/json"},
		body: JSON.stringify({from: "node/node-1", to: "http://" + document.querySelector("[data-vertex='pod/default/my-pod']").textContent.match(/10\.244\.\d+\.\d+/)[0] + "/followed"})})`)
	p.UntilIn(time.Minute, `document.querySelector(".log").textContent.includes("GET /followed")`)

	apply(definition)
	choose("Widget")
	apply("{apiVersion: example.com/v1, kind: Widget, metadata: {name: first}, spec: {size: 3}}")
	row := open("first")
	p.Until(row + `.textContent.includes('{"size":3}')`)
	p.Click("#side-yaml")
	p.UntilIn(time.Minute, `/spec:\s*size: 3/.test(document.querySelector("object-yaml .cm-content")?.innerText) && !document.querySelector("object-yaml .cm-content").textContent.includes("managedFields")`)
	p.Click("[data-do=delete]")
	p.Until(`document.querySelector("dialog.ask h2").textContent === "Delete Widget first?"`)
	p.Click("dialog.ask [value=yes]")
	p.UntilIn(time.Minute, `!`+row+` && document.querySelector("object-yaml").textContent.includes("It has been deleted")`)
}
