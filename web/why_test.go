package web_test

import (
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/chromium"
)

// What did not work says why, what shows it, and what to do; each leads to where it was seen.
func TestWhyNot(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	p.server.Cluster("demo").Apply("apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec: {selector: {app: nobody}, ports: [{port: 80}]}\n")
	p.Until(`document.querySelector("[data-vertex='service/default/nobody']")`)
	fill := func(to string) {
		t.Helper()
		chromium.Eval[bool](p.Tab, `((set) => { set("from", "change", "pod/default/my-pod"); set("to", "input", `+to+`); return true })((name, event, value) => {
			const field = document.querySelector("[name=" + name + "]"); field.value = value; field.dispatchEvent(new Event(event, {bubbles: true})) })`)
		p.Click(".send-button")
	}
	fill(`"http://" + document.querySelector("[data-vertex='service/default/nobody']").textContent.match(/10[.]96[.][0-9.]+/)[0]`)
	p.Until(`document.querySelector(".why .because")`)
	for selector, want := range map[string]string{
		".why .because":      "no pod of namespace default has the labels that it selects: app=nobody.",
		".why .seen":         "has no endpoints, so its rule rejects the packet.",
		".why .advice .rule": "kubectl set selector service -n default nobody app=my-app",
	} {
		if got := p.Text(selector); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q in it", selector, got, want)
		}
	}
	p.Click(".hop-button[data-index='0']")
	p.Until(`document.querySelector(".hops li.on .n").textContent === "1"`)
	p.Click(".why .seen li:first-child button")
	p.Until(`document.querySelector(".hops li.on .n").textContent === "3"`)
	p.Click(".why .seen li:last-child button")
	p.Until(`document.querySelector(".head .kind")?.textContent === "Service"`)

	// A name that cannot be found, before there is any packet to look at.
	fill(`"http://my-service.defualt"`)
	p.Until(`document.querySelector(".outcome summary .bad:last-child")?.textContent.includes("There is no namespace defualt.")`)
	p.Click(".outcome summary")
	p.Until(`document.querySelector(".because-of")?.textContent.includes("NXDOMAIN") && document.querySelector(".because-of .advice").textContent.includes("my-service.default")`)
}
