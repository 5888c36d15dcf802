package e2e

import (
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/internal/chromium"
)

const gadgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {size: {type: integer, description: How large it is.}}
`

// writeManifests is what the editor says of a manifest before it is applied, on the page
// of a session that has the article's objects.
func writeManifests(p *chromium.Tab) {
	p.T.Helper()
	const text = `document.querySelector("#panel-editor .cm-content").textContent`
	write := func(manifest, last string) {
		p.T.Helper()
		p.Click("#tab-editor")
		p.Click(".new-file")
		p.Until(`!` + text + `.includes("kind")`)
		p.Paste(chromium.Quote(manifest))
		p.Until(text + `.includes(` + chromium.Quote(last) + `)`)
	}
	compared := func(words string) {
		p.T.Helper()
		p.Click(".compare")
		p.UntilIn(time.Minute, words)
		p.Click(".comparison .panel-head .icon")
		p.Until(`!document.querySelector(".comparison")`)
	}

	// Fields of a kind that was just defined are completed, and marked where it has none
	// of that name. The API tells of kinds a moment after it takes their definition.
	write(gadgets, "How large it is.")
	p.Click("#panel-editor .apply")
	p.UntilIn(time.Minute, `document.querySelector(".results .good")?.textContent.includes("gadgets.example.org")`)
	if !chromium.Eval[bool](p, `(async () => {
		const at = await (await fetch("/api/sessions/" + location.pathname.split("/")[2] + "/access")).json();
		const headers = {Authorization: "Bearer " + at.token, Accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"};
		const tells = async (path) => (await (await fetch(at.path + path, {headers})).text()).includes("example.org");
		for (let n = 0; n < 600; n++) {
			if (await tells("/apis") && await tells("/openapi/v3")) return true;
			await new Promise((done) => setTimeout(done, 100));
		}
		return false;
	})()`) {
		p.T.Fatal("the API never told of the Gadgets that were defined")
	}
	write("apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: one}\nspec:\n", "spec:")
	p.Do(chromedp.Focus(chromedp.CSS("#panel-editor .cm-content")))
	p.UntilIn(time.Minute, `document.querySelector(".tried").textContent !== ""`) // what helps is there
	p.Keys("  si")
	p.UntilIn(time.Minute, `[...document.querySelectorAll(".cm-tooltip-autocomplete li")].some((x) => x.textContent.startsWith("size") && x.textContent.includes("integer"))`)
	p.Keys("zes: 3")
	p.UntilIn(time.Minute, `document.querySelector(".tried").textContent.includes("1 error") && document.querySelector(".cm-lintRange-error")?.closest(".cm-line").textContent.includes("sizes: 3")`)
	if said := p.Text(".results"); said != "" {
		p.T.Errorf("nothing was applied, but the editor says %q", said)
	}

	// A live object, beside what an apply would make of it.
	write(article("4-my-service.yaml")+"  sessionAffinity: ClientIP\n", "ClientIP")
	compared(`document.querySelector(".comparison .diff ins")?.textContent.includes("+   sessionAffinity: ClientIP") && document.querySelector(".comparison .diff del")?.textContent.includes("-   sessionAffinity: None")`)

	// Its own manifest changes nothing.
	p.Click("[data-vertex='service/default/my-service']")
	p.Click("[data-do=edit]")
	p.UntilIn(time.Minute, `document.querySelector(".files .on")?.textContent.includes("service-my-service.yaml") && `+text+`.includes("kind: Service")`)
	compared(`document.querySelector(".comparison .compared h3")?.textContent.includes("my-service would stay as it is")`)
}
