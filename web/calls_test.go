package web_test

import (
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// tellCall tells of a packet of kubectl's.
func tellCall(p *tab, n int) {
	p.server.Cluster("demo").Tell(told(n, func(j *model.Journey) {
		j.From, j.To, j.Source, j.Destination, j.Summary = "client", "control-plane", "172.18.0.100:5000", "172.18.0.10:6443", "TLS data"
		j.Hops[0].Place = model.Place{Vertex: "client", Device: "eth0", Peer: "underlay", Direction: "out"}
	}))
}

// What kubectl says to the API server is captured, and said to be, but leads nobody
// away from what they look at.
func TestCallsOfTheAPIServer(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	c := p.server.Cluster("demo")
	c.Tell(model.Message{Type: "topology", Topology: &model.Diff{Put: []model.Vertex{{ID: "control-plane", Kind: "ControlPlane", Name: "control-plane", IPs: []string{"172.18.0.10"}, Status: "Ready", Ready: true}}}})
	p.UntilIn(patience, `document.querySelector("[data-vertex=control-plane]") && document.querySelector(".hops li.on")`)
	p.Click("#tab-journeys")
	const rows = `[...document.querySelectorAll("journey-list [data-row]")].map(r => r.dataset.row).join(" ")`
	p.UntilIn(patience, rows+` === "c1" && !document.querySelector(".calls")`)

	// They come into no list, and nothing else is chosen.
	for i := range 3 {
		tellCall(p, i)
	}
	p.UntilIn(patience, `document.querySelector(".calls .number")?.textContent === "3" && `+rows+` === "c1"`)
	p.UntilIn(patience, `document.querySelector("tr.chosen").dataset.row === "c1"`)

	// Other traffic of the client is no call.
	c.Tell(told(7, func(j *model.Journey) { j.From = "client" }))
	p.UntilIn(patience, rows+` === "t7 c1"`)

	p.Click(".calls input")
	p.UntilIn(patience, rows+` === "t7 t2 t1 t0 c1" && !document.querySelector(".calls .number")`)
	p.Click("[data-row=t1]")
	p.UntilIn(patience, `document.querySelector("tr.chosen").dataset.row === "t1" && document.querySelector("page-inspector h2").textContent.includes("control-plane")`)
	p.Click(".calls input")
	p.UntilIn(patience, rows+` === "t7 c1" && document.querySelector("tr.chosen").dataset.row === "t7"`)

	// The words of the filter count what they hide themselves.
	write(p, "pod:nobody")
	p.UntilIn(patience, `document.querySelector("#filter-count").textContent === "0 shown, 2 hidden" && document.querySelector(".calls .number").textContent === "3"`)
}

// A session in which nothing but kubectl has spoken says so.
func TestNothingButCalls(t *testing.T) {
	p := openTab(t, "/s/demo", chromium.Options{})
	p.Until(live)
	snapshot := model.Snapshot{Session: p.server.Cluster("demo").Session(), Graph: model.Graph{Vertices: []model.Vertex{
		{ID: "client", Kind: "Client", Name: "client", IPs: []string{"172.18.0.100"}},
		{ID: "control-plane", Kind: "ControlPlane", Name: "control-plane", IPs: []string{"172.18.0.10"}}}}}
	p.server.Cluster("demo").Tell(model.Message{Type: "snapshot", Snapshot: &snapshot})
	p.Click("#tab-journeys")
	p.UntilIn(patience, `document.querySelector("journey-list .empty")`)
	tellCall(p, 1)
	p.UntilIn(patience, `document.querySelector("journey-list .empty")?.textContent.includes("Only calls of the API server so far, 1 of them.")`)
	p.Click("journey-list .empty button")
	p.UntilIn(patience, `document.querySelector("journey-list [data-row]")?.dataset.row === "t1" && document.querySelector(".calls input").checked === false`)
}
