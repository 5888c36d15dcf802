package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// TestWhatIf holds what is said of the article's NetworkPolicy, before it is applied,
// against real requests when it is: each cell of the table, and each conversation.
// Pods are behind tunnels, which other nodes' requests come out of with addresses of
// their own: another policy is about one of these.
func TestWhatIf(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 2, CNI: "vxlan"})
	var manifests []string
	for name, node := range map[string]string{"my-app": "node-1", "allowed-app": "node-2", "other-app": "node-2", "tunnel-app": "node-2"} {
		manifests = append(manifests, fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %[1]s}}
spec: {nodeName: %s, containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}]}]}
`, name, node))
	}
	manifests = append(manifests, `apiVersion: v1
kind: Service
metadata: {name: my-service}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: my-app}, ports: [{port: 80, nodePort: 30080}]}
`)
	policies := articlePolicy + `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-the-tunnel}
spec:
  podSelector: {matchLabels: {app: tunnel-app}}
  ingress: [{from: [{ipBlock: {cidr: 10.244.1.0/32}}]}]
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: of-no-concern}}
`
	x.apply(strings.Join(manifests, "---\n"))
	x.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s")
	ip := map[string]string{}
	for _, name := range []string{"my-app", "allowed-app", "other-app", "tunnel-app"} {
		ip["pod/default/"+name] = x.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}")
	}
	// A request of each to my-app, and one that no policy has a say in.
	service := "http://" + x.kubectl("get", "service", "my-service", "-o", "jsonpath={.spec.clusterIP}")
	until(t, patience, "the conversations that would be cut", func() string {
		for from, to := range map[string]string{
			"pod/default/other-app": service, "pod/default/allowed-app": service, "client": "http://172.18.0.11:30080",
			"pod/default/my-app": "http://" + ip["pod/default/other-app"],
		} {
			if a := x.send(from, to).Answers[0]; a.Outcome != "answered" {
				return fmt.Sprintf("%s to %s: %+v", from, to, a)
			}
		}
		w := x.whatIf(policies)
		var cut []string
		for _, c := range w.Conversations {
			via := ""
			if c.Service != nil {
				via = c.Service.Name
			}
			cut = append(cut, fmt.Sprint(c.Change, " ", c.From, " ", c.To, " ", c.Protocol, " ", c.Port, " ", via, ": ", c.After.Sentence))
		}
		slices.Sort(cut)
		const no = " pod/default/my-app TCP 80 my-service: No ingress rule of default/my-network-policy admits it."
		if want := []string{"cut client" + no, "cut pod/default/other-app" + no}; !slices.Equal(cut, want) || w.Seen < 4 {
			return fmt.Sprintf("of %d:\n%s", w.Seen, strings.Join(cut, "\n"))
		}
		return ""
	})
	tried := x.whatIf(policies)
	var said []string
	for _, r := range tried.Results {
		said = append(said, fmt.Sprintf("%s %s %v", r.Object.Name, r.Action, r.Errors))
	}
	if want := []string{"my-network-policy created []", "from-the-tunnel created []", "of-no-concern ignored []"}; !slices.Equal(said, want) {
		t.Errorf("the API says %q", said)
	}
	if out := x.kubectl("get", "networkpolicies,configmaps", "-o", "name"); strings.TrimSpace(out) != "configmap/kube-root-ca.crt" {
		t.Errorf("trying has made %s", out)
	}

	x.run(t, "in the page", func(t *testing.T, x *session) {
		p := chromium.Open(t, x.URL+"/s/"+x.ID, chromium.Options{})
		p.Until(`document.querySelector(".link.live") && document.querySelector(".cm-content")`)
		p.Paste(chromium.Quote(policies))
		p.Click("#tab-whatif")
		p.UntilIn(time.Minute, `document.querySelectorAll("what-if td.yes").length > 24 && document.querySelector(".try:not(:disabled)")`)
		p.Click(".try")
		p.UntilIn(time.Minute, `document.querySelectorAll("what-if td.cut").length > 4 && document.querySelector(".what-results").textContent.includes("1 document of other kinds")`)
		p.Do(chromedp.Focus("what-if td.cut"))
		p.Until(`document.querySelector("#what-why").textContent.includes("Then: No ingress rule of default/")`)
	})
	x.run(t, "as things are", func(t *testing.T, x *session) { x.holds(t, ip, tried.Reachability, tried.Reachability.Before) })
	for _, r := range x.apply(policies) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	x.run(t, "applied", func(t *testing.T, x *session) { x.holds(t, ip, tried.Reachability, tried.Reachability.After) })

	x.run(t, "what is, and what deletion would do", func(t *testing.T, x *session) {
		now := x.whatIf("")
		if now.Reachability.After != nil || len(now.Conversations) != 0 {
			t.Errorf("nothing was to be tried: %+v", now)
		}
		back := x.whatIf(model.WhatIfRequest{Delete: []string{"default/my-network-policy", "default/from-the-tunnel"}})
		was, would, is := cellsOf(tried.Reachability, tried.Reachability.Before), cellsOf(back.Reachability, back.Reachability.After), cellsOf(now.Reachability, now.Reachability.Before)
		for cell, v := range cellsOf(tried.Reachability, tried.Reachability.After) {
			if is[cell] != v || would[cell] != was[cell] {
				t.Errorf("%s: is %q, should be %q; would be %q, was %q", cell, is[cell], v, would[cell], was[cell])
			}
		}
		if len(is) < 24 {
			t.Errorf("%d cells: %v", len(is), is)
		}
		until(t, patience, "other-app's request would be allowed", func() string {
			x.send("pod/default/other-app", service)
			w := x.whatIf(model.WhatIfRequest{Delete: []string{"default/my-network-policy"}})
			for _, c := range w.Conversations {
				if c.Change == "allowed" && c.From == "pod/default/other-app" && c.To == "pod/default/my-app" {
					return ""
				}
			}
			return fmt.Sprintf("of %d: %+v", w.Seen, w.Conversations)
		})
	})
	x.run(t, "errors are the API's", func(t *testing.T, x *session) {
		got := x.whatIf(strings.Replace(articlePolicy, "- Ingress", "- Inwards", 1)).Results[0].Errors
		if len(got) != 1 || got[0].Line != 10 || got[0].Field != "spec.policyTypes[0]" || !strings.HasPrefix(got[0].Message, `Unsupported value: "Inwards"`) {
			t.Errorf("%+v", got)
		}
		var p struct{ Detail string }
		if status := x.call("POST", x.path("/what-if"), model.WhatIfRequest{Delete: []string{"default/none"}}, &p); status != 422 || p.Detail != `delete[0] networkpolicies.networking.k8s.io "none" not found.` {
			t.Errorf("%d %s", status, p.Detail)
		}
	})
}

// whatIf asks with a paste or a model.WhatIfRequest.
func (x *session) whatIf(body any) (w model.WhatIf) {
	x.t.Helper()
	if status := x.call("POST", x.path("/what-if"), body, &w); status != 200 {
		x.t.Fatalf("%d %+v", status, w)
	}
	return w
}

// cellsOf are a table's sentences, by source and target.
func cellsOf(r model.Reachability, cells [][]int) map[string]string {
	all := map[string]string{}
	for i, from := range r.Groups {
		for k, to := range r.Targets {
			all[fmt.Sprint(from.ID, " ", r.Groups[to.Group].ID, " ", to.Protocol, " ", to.Port)] = r.Verdicts[cells[i][k]].Sentence
		}
	}
	return all
}

// holds tries each cell of the pods whose addresses are given, at port 80. They all
// listen. The client reaches the one pod that a node port leads to.
func (x *session) holds(t *testing.T, ip map[string]string, r model.Reachability, cells [][]int) {
	type request struct{ what, from, to, want string }
	var left []request
	seen := map[bool]int{}
	for i, from := range r.Groups {
		for k, to := range r.Targets {
			target, at := r.Groups[to.Group].ID, ip[r.Groups[to.Group].ID]
			switch {
			case at == "" || to.Port != 80 || from.Namespace == "kube-system":
				continue
			case from.Kind == "Client" && target != "pod/default/my-app":
				continue
			case from.Kind == "Client":
				at = "172.18.0.11:30080"
			}
			v := r.Verdicts[cells[i][k]]
			seen[v.Allowed]++
			want := map[bool]string{true: "answered", false: "timeout"}[v.Allowed]
			left = append(left, request{fmt.Sprintf("%s to %s: %s", from.ID, target, v.Sentence), from.ID, "http://" + at, want})
		}
	}
	until(t, patience, "all cells hold", func() string {
		got := make([]string, len(left)) // all at once: who is refused waits
		var all sync.WaitGroup
		for i, q := range left {
			all.Go(func() {
				if a := x.send(q.from, q.to).Answers[0]; a.Outcome != q.want {
					got[i] = fmt.Sprintf("%s: %+v", q.what, a)
				}
			})
		}
		all.Wait()
		var again []request
		for i, q := range left {
			if got[i] != "" {
				again = append(again, q)
			}
		}
		left = again
		return strings.Join(slices.DeleteFunc(got, func(s string) bool { return s == "" }), "\n")
	})
	t.Logf("%d cells allow, %d refuse", seen[true], seen[false])
	if n := seen[true] + seen[false]; n != 4*6+1 {
		t.Errorf("%d cells were tried", n)
	}
}
