package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// traps is a cluster full of mistakes.
const traps = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: cart}, spec: {selector: {app: cart}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: asker, labels: {app: asker}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: sh, image: busybox, command: [sleep, "1000000"]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {nodeName: node-2, containers: [{name: nginx, image: nginx}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: slow, labels: {app: slow}}, spec: {containers: [{name: nginx, image: nginx, readinessProbe: {httpGet: {path: /no-such-page, port: 80}}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: wrong-target}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: typo}, spec: {selector: {app: wbe}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: slow}, spec: {selector: {app: slow}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: local}, spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}}
`

// TestWhyNot walks into each of the classic traps, with requests and with kubectl, reads
// why it did not work, and does what the answer advises.
func TestWhyNot(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 2})
	x.ready("node-1", "node-2")
	for _, r := range x.apply(traps) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	until(t, 120*time.Second, "the pods run", func() string {
		if out := x.kubectl("get", "pods", "--no-headers"); strings.Count(out, " Running ") < 3 || len(x.pods("asker")) == 0 || len(x.pods("web")) == 0 {
			return out
		}
		return ""
	})
	const asker = "pod/default/asker"
	// falls waits until a request has its reason told, by a journey or by the answer.
	falls := func(x *session, from, to, trap, sentence string) (why *model.Why, j model.Journey) {
		x.t.Helper()
		until(x.t, 90*time.Second, to+" is explained: "+trap, func() string {
			r := x.send(from, to)
			got := string(must(json.Marshal(r.Answers)))
			for _, a := range r.Answers {
				why = firstWhy(why, a.Why, trap)
			}
			for _, id := range r.Journeys {
				var one model.Journey
				x.call("GET", x.path("/journeys/"+id), nil, &one)
				if w := firstWhy(nil, one.Why, trap); w != nil {
					why, j = w, one
				}
				got += fmt.Sprintf("\n%s %s: %s", one.Verdict, one.Summary, must(json.Marshal(one.Why)))
			}
			if why == nil || !strings.Contains(why.Sentence, sentence) {
				return got
			}
			return ""
		})
		return why, j
	}
	does := func(x *session, a model.Advice) {
		x.t.Helper()
		command, ok := strings.CutPrefix(a.Command, "kubectl ")
		if !ok {
			x.t.Fatalf("no command: %+v", a)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if out, err := output(ctx, "", "sh", "-c", fmt.Sprintf("%s --kubeconfig %s %s", kubectl, x.kubeconfig, command)); err != nil {
			x.t.Fatalf("%s: %v\n%s", a.Command, err, out)
		}
	}
	answers := func(x *session, from, to string) {
		x.t.Helper()
		until(x.t, 60*time.Second, to+" answers", func() string {
			if a := x.send(from, to).Answers[0]; a.Outcome != "answered" {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
	}

	x.run(t, "a targetPort that nobody listens on", func(t *testing.T, x *session) {
		w, j := falls(x, asker, "http://wrong-target", "target-port", "Service default/wrong-target sends its port 80 on to 8080, its targetPort, and nothing in pod default/web listens there.")
		if j.Verdict != "rejected" || len(w.Advice) != 1 || len(w.Seen) < 4 {
			t.Fatalf("%+v", w)
		}
		does(x, w.Advice[0])
		answers(x, asker, "http://wrong-target")
	})
	x.run(t, "a selector that matches nothing", func(t *testing.T, x *session) {
		w, _ := falls(x, asker, "http://typo", "selector", "no pod of namespace default has the labels that it selects: app=wbe.")
		does(x, w.Advice[0])
		answers(x, asker, "http://typo")
	})
	x.run(t, "endpoints that are not ready", func(t *testing.T, x *session) {
		w, _ := falls(x, asker, "http://slow", "not-ready", "Service default/slow selects one pod, which is not ready")
		does(x, w.Advice[0])
		if all := string(must(json.Marshal(w.Seen))); !strings.Contains(all, "/no-such-page") {
			t.Error(all)
		}
	})
	x.run(t, "a traffic policy Local", func(t *testing.T, x *session) {
		w, j := falls(x, "client", "http://172.18.0.11:30080", "local", "and node-1 has none: it drops what comes")
		if j.Verdict != "dropped" || len(w.Advice) != 2 {
			t.Fatalf("%+v", w)
		}
		does(x, w.Advice[1])
		answers(x, "client", "http://172.18.0.11:30080")
	})
	x.run(t, "names", func(t *testing.T, x *session) {
		falls(x, asker, "http://cart", "name", "There is a Service cart in namespace shop: ask for cart.shop.")
		falls(x, asker, "http://web.defualt.svc", "name", "There is no namespace defualt. There is a Service web in namespace default: ask for web.default.")
	})
	x.run(t, "a ClusterIP and a pod, from outside", func(t *testing.T, x *session) {
		ip := x.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
		w, _ := falls(x, "client", "http://"+ip, "outside", ip+" is the ClusterIP of Service default/web: it is known to the nodes' rules alone")
		does(x, w.Advice[0])
		until(t, 60*time.Second, "the node port is advised", func() string {
			w, _ = falls(x, "client", "http://"+ip, "outside", "ClusterIP of Service default/web")
			if !strings.HasPrefix(w.Advice[0].Sentence, "Ask any node, for its port 3") {
				return fmt.Sprintf("%+v", w.Advice)
			}
			return ""
		})
		falls(x, "client", "http://"+x.pods("web")[0].IPs[0], "outside", "is the address of pod default/web: only the nodes have routes to pods")
	})
	x.run(t, "a ping of a ClusterIP", func(t *testing.T, x *session) {
		x.watch()
		ip := x.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
		until(t, 60*time.Second, "a ping is explained", func() string {
			out, _ := x.tryKubectl("", "exec", "asker", "--", "ping", "-c", "1", "-W", "1", ip)
			var all []model.Journey
			x.call("GET", x.path("/journeys"), nil, &all)
			for i := range all {
				if w := firstWhy(nil, all[i].Why, "ping"); w != nil && strings.Contains(w.Sentence, ip) {
					return ""
				}
			}
			return out
		})
	})
	x.run(t, "an egress policy without DNS", func(t *testing.T, x *session) {
		x.apply(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: to-web}, spec: {podSelector: {matchLabels: {app: asker}}, policyTypes: [Egress],
  egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}, {podSelector: {matchLabels: {app: web}}}]}]}}`)
		_, j := falls(x, asker, "http://web", "dns-egress", "NetworkPolicy default/to-web lets no such question out of default/asker")
		if len(j.Advice) == 0 {
			t.Fatalf("%+v", j)
		}
		x.apply(j.Advice[len(j.Advice)-1].Manifest)
		answers(x, asker, "http://web")
		// Which peer of the policy admitted it, and by which route it went on.
		until(t, 60*time.Second, "the peer and the route are told", func() string {
			var got string
			peer, route := false, false
			for _, id := range x.send(asker, "http://web").Journeys {
				var one model.Journey
				x.call("GET", x.path("/journeys/"+id), nil, &one)
				for _, h := range one.Hops {
					if d := h.Decision; d != nil && one.Summary == "SYN" {
						peer = peer || d.Path == "spec.egress[0].to[1]"
						route = route || d.Kind == "route" && d.Rule != ""
						got += fmt.Sprintf("%+v\n", d)
					}
				}
				if n := len(one.Hops); n > 0 && one.Summary == "SYN" && peer && route && strings.Contains(one.Hops[n-1].Sentence, "No NetworkPolicy isolates default/web for ingress") {
					return ""
				}
			}
			return got
		})
	})
}

func firstWhy(first, w *model.Why, trap string) *model.Why {
	if first == nil && w != nil && w.Trap == trap {
		return w
	}
	return first
}
