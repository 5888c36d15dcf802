package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// apply pastes manifests and returns the answer per document.
func (x *session) apply(paste string) []model.ApplyResult {
	x.t.Helper()
	var results []model.ApplyResult
	if code := x.call("POST", x.path("/apply"), paste, &results); code != 200 {
		x.t.Fatalf("apply: %d", code)
	}
	return results
}

func (x *session) graph() model.Graph {
	x.t.Helper()
	var g model.Graph
	if code := x.call("GET", x.path("/topology"), nil, &g); code != 200 {
		x.t.Fatalf("topology: %d", code)
	}
	return g
}

// pods returns the running pods whose name starts with prefix.
func (x *session) pods(prefix string) (ready []model.Vertex) {
	for _, v := range x.graph().Vertices {
		if v.Kind == "Pod" && strings.HasPrefix(v.Name, prefix) && v.Ready && len(v.IPs) > 0 {
			ready = append(ready, v)
		}
	}
	return ready
}

func (x *session) send(from, to string) model.RequestResult {
	x.t.Helper()
	var r model.RequestResult
	until(x.t, 90*time.Second, from+" can send", func() string { // it is refused while who asks has no address
		r = model.RequestResult{}
		if code := x.call("POST", x.path("/requests"), model.Request{From: from, To: to}, &r); code != 200 {
			return fmt.Sprintf("%s to %s: %d", from, to, code)
		}
		return ""
	})
	return r
}

// TestPaste is the learner's road: the article's manifests as they stand there, a
// Service, a request, and its packets' journeys.
func TestPaste(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()

	paste := strings.Join([]string{article("1-my-pod.yaml"), article("2-my-replicaset.yaml"),
		article("3-my-deployment.yaml"), article("4-my-service.yaml")}, "---\n")
	results := x.apply(paste)
	if len(results) != 4 {
		t.Fatalf("%d answers for 4 documents", len(results))
	}
	for _, r := range results {
		if r.Action != "created" || len(r.Errors) > 0 {
			t.Errorf("document %d: %+v", r.Document, r)
		}
	}
	until(t, 60*time.Second, "seven pods run behind the Service", func() string {
		n, edges := len(x.pods("my-")), 0
		for _, e := range x.graph().Edges {
			if e.Kind == "endpoint" && e.From == "service/default/my-service" && e.Ready {
				edges++
			}
		}
		// The article's Pod has no label, so it is no endpoint.
		if n == 7 && edges == 6 {
			return ""
		}
		return fmt.Sprintf("%d pods, %d endpoints", n, edges)
	})

	for _, r := range x.apply(paste) {
		if r.Action != "unchanged" {
			t.Errorf("applied again: document %d is %s %v", r.Document, r.Action, r.Errors)
		}
	}

	var vip string
	backends := map[string]string{} // ip:80 -> vertex
	for _, v := range x.graph().Vertices {
		if v.ID == "service/default/my-service" {
			vip = v.IPs[0]
		}
	}
	for _, p := range x.pods("my-") {
		if p.Name != "my-pod" {
			backends[p.IPs[0]+":80"] = p.ID
		}
	}

	for _, from := range []string{"pod/default/my-pod", "node/node-2"} {
		x.run(t, "from "+from, func(t *testing.T, x *session) { checkServiceJourney(t, x, from, vip, backends) })
	}
	x.run(t, "pods cannot be reached from outside", func(t *testing.T, x *session) {
		r := x.send("client", "http://"+x.pods("my-pod")[0].IPs[0])
		if r.Answers[0].Outcome == "answered" {
			t.Errorf("the client reached a pod: %+v", r.Answers[0])
		}
	})
	x.run(t, "nobody listens", func(t *testing.T, x *session) {
		r := x.send("node/node-1", x.pods("my-pod")[0].IPs[0]+":81")
		if r.Answers[0].Outcome != "refused" {
			t.Errorf("%+v", r.Answers[0])
		}
		if v := verdicts(x, r); !slices.Contains(v, "rejected") && !slices.Contains(v, "delivered") {
			t.Errorf("verdicts %v", v)
		}
	})
	x.run(t, "no endpoints", func(t *testing.T, x *session) {
		x.apply(strings.Replace(strings.ReplaceAll(article("4-my-service.yaml"), "my-app", "nobody"), "my-service", "empty", 1))
		var ip string
		until(t, patience, "the Service without endpoints refuses", func() string {
			for _, v := range x.graph().Vertices {
				if v.ID == "service/default/empty" && len(v.IPs) > 0 {
					ip = v.IPs[0]
				}
			}
			if ip == "" {
				return "no address"
			}
			r := x.send("pod/default/my-pod", "http://"+ip)
			if r.Answers[0].Outcome == "refused" && slices.Contains(verdicts(x, r), "rejected") {
				return ""
			}
			return fmt.Sprintf("%+v %v", r.Answers, verdicts(x, r))
		})
	})
}

// checkServiceJourney sends a request to the ClusterIP and holds its SYN's journey
// against what is known of the cluster.
func checkServiceJourney(t *testing.T, x *session, from, vip string, backends map[string]string) {
	r := x.send(from, "http://"+vip)
	a := r.Answers[0]
	if a.Outcome != "answered" || a.Status != 200 || !strings.Contains(a.Body, "Welcome to nginx!") {
		t.Fatalf("the answer: %+v", a)
	}
	if len(r.Journeys) < 6 { // SYN, SYN ACK, ACK, GET, 200, FIN at least
		t.Fatalf("%d journeys only", len(r.Journeys))
	}
	var syn, synAck, get, ok *model.Journey
	for _, id := range r.Journeys {
		var j model.Journey
		if code := x.call("GET", x.path("/journeys/"+id), nil, &j); code != 200 {
			t.Fatalf("journey %s: %d", id, code)
		}
		switch {
		case j.Summary == "SYN" && syn == nil:
			syn = &j
		case j.Summary == "SYN ACK" && synAck == nil:
			synAck = &j
		case strings.HasPrefix(j.Summary, "GET /"):
			get = &j
		case strings.Contains(j.Summary, "200"):
			ok = &j
		}
	}
	if syn == nil || synAck == nil || get == nil || ok == nil {
		t.Fatalf("not all packets are there: SYN %v, SYN ACK %v, GET %v, 200 %v", syn != nil, synAck != nil, get != nil, ok != nil)
	}
	if syn.From != from || syn.Verdict != "delivered" || syn.Destination != vip+":80" || syn.Source != a.Local {
		t.Errorf("SYN: %+v", syn)
	}
	var dnat *model.Hop
	for i, h := range syn.Hops {
		if h.Sentence == "" {
			t.Errorf("hop %d says nothing: %+v", i+1, h)
		}
		if h.Decision != nil && h.Decision.Kind == "dnat" {
			dnat = &syn.Hops[i]
		}
	}
	if dnat == nil {
		t.Fatalf("no hop rewrote the address: %+v", syn.Hops)
	}
	d := dnat.Decision
	if d.Endpoint < 1 || d.Endpoint > 6 || d.Endpoints != 6 || d.Object == nil || d.Object.Name != "my-service" ||
		!strings.Contains(d.Rule, "dnat") || dnat.Before == nil || dnat.Before.Destination != vip+":80" {
		t.Errorf("the decision: %+v before %+v", d, dnat.Before)
	}
	chosen, known := backends[dnat.Header.Destination]
	if !known || syn.To != chosen {
		t.Errorf("rewritten to %s (%s), arrived at %s", dnat.Header.Destination, chosen, syn.To)
	}
	last := syn.Hops[len(syn.Hops)-1]
	if last.Place.Vertex != chosen || last.Place.Device != "eth0" {
		t.Errorf("the last hop is at %+v", last.Place)
	}
	if synAck.Conversation != syn.Conversation || !synAck.Reply || synAck.To != from || synAck.From != chosen {
		t.Errorf("the reply: %+v", synAck)
	}
	for i := 1; i < len(syn.Hops); i++ {
		if syn.Hops[i].Time < syn.Hops[i-1].Time {
			t.Errorf("hop %d is earlier than hop %d", i+1, i)
		}
	}
}

func verdicts(x *session, r model.RequestResult) (all []string) {
	for _, id := range r.Journeys {
		var j model.Journey
		x.call("GET", x.path("/journeys/"+id), nil, &j)
		all = append(all, j.Verdict)
	}
	return all
}

// tell says of journeys what a failing test should.
func (x *session) tell(ids []string) string {
	var b strings.Builder
	for _, id := range ids {
		var j model.Journey
		x.call("GET", x.path("/journeys/"+id), nil, &j)
		fmt.Fprintf(&b, "%s of %s via %q: %s, %s to %s\n", j.ID, j.Conversation, j.Via, j.Summary, j.From, j.To)
		for _, h := range j.Hops {
			fmt.Fprintf(&b, "\t%s: %s\n", h.Place.Vertex, h.Sentence)
		}
	}
	return b.String()
}
