package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// The article's NetworkPolicy, as it stands there.
const articlePolicy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: my-network-policy
spec:
  podSelector:
    matchLabels:
      app: my-app
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: allowed-app
    ports:
    - protocol: TCP
      port: 80
`

// TestNetworkPolicy sends real requests to a pod before, under and after policies,
// and holds them against what their packets' journeys say of it.
func TestNetworkPolicy(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	var pods []string
	for _, app := range []string{"my-app", "allowed-app", "other-app"} {
		pods = append(pods, fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %[1]s}}
spec: {containers: [{name: nginx, image: nginx}]}
`, app))
	}
	for _, r := range x.apply(strings.Join(pods, "---\n")) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	until(t, 60*time.Second, "three pods run", func() string {
		n := 0
		for _, app := range []string{"my-app", "allowed-app", "other-app"} {
			n += len(x.pods(app))
		}
		if n == 3 {
			return ""
		}
		return fmt.Sprint(n)
	})
	to := "http://" + x.pods("my-app")[0].IPs[0]
	// says waits until a request of a pod ends so, and its SYN's journey says why.
	says := func(t *testing.T, x *session, from, outcome, verdict, sentence string) (found model.Journey) {
		t.Helper()
		until(t, patience, from+" is "+outcome+": "+sentence, func() string {
			r := x.send("pod/default/"+from, to)
			got := fmt.Sprintf("%+v", r.Answers[0])
			for _, id := range r.Journeys {
				var j model.Journey
				x.call("GET", x.path("/journeys/"+id), nil, &j)
				if j.Summary != "SYN" {
					continue
				}
				told := ""
				for _, h := range j.Hops {
					if d := h.Decision; d != nil && d.Kind == "policy" && d.Object != nil { // else no policy had a say
						if d.Object.Kind != "NetworkPolicy" {
							t.Errorf("%+v", d)
						}
						told += d.Sentence
					}
				}
				got += fmt.Sprintf("\n%s: %s", j.Verdict, told)
				if r.Answers[0].Outcome == outcome && j.Verdict == verdict && strings.HasPrefix(told, sentence) && (told != "") == (sentence != "") {
					found = j
					return ""
				}
			}
			return got
		})
		if found.Defect != "" {
			t.Errorf("%s", found.Defect)
		}
		return found
	}
	var advice []model.Advice
	x.run(t, "without a policy", func(t *testing.T, x *session) {
		says(t, x, "other-app", "answered", "delivered", "")
	})
	if r := x.apply(articlePolicy); r[0].Action != "created" {
		t.Fatalf("%+v", r)
	}
	x.run(t, "the article's", func(t *testing.T, x *session) {
		advice = says(t, x, "other-app", "timeout", "dropped", "No ingress rule of default/my-network-policy admits it; that policy selects my-app, ").Advice
		says(t, x, "allowed-app", "answered", "delivered",
			"Allowed by NetworkPolicy default/my-network-policy, ingress rule 1 (peer app=allowed-app, port 80).")
		if out := x.kubectl("get", "networkpolicy"); !strings.Contains(out, "my-network-policy") {
			t.Error(out)
		}
		node := x.kubectl("get", "pod", "my-app", "-o", "jsonpath={.spec.nodeName}")
		if a := x.send("node/"+node, to).Answers[0]; a.Outcome != "answered" {
			t.Errorf("the pod's own node: %+v", a)
		}
	})
	x.run(t, "the label that is advised", func(t *testing.T, x *session) {
		if len(advice) != 2 || !strings.HasPrefix(advice[0].Command, "kubectl label ") {
			t.Fatalf("%+v", advice)
		}
		x.kubectl(strings.Fields(advice[0].Command)[1:]...)
		says(t, x, "other-app", "answered", "delivered", "Allowed by NetworkPolicy default/my-network-policy, ingress rule 1")
	})
	x.run(t, "the policy that is advised, and none", func(t *testing.T, x *session) {
		x.kubectl("label", "--overwrite", "pod/other-app", "app=other-app")
		x.apply(advice[1].Manifest) // adds to the article's
		says(t, x, "other-app", "answered", "delivered", "Allowed by NetworkPolicy default/allow-ingress-tcp-80, ingress rule 1")
		x.kubectl("delete", "networkpolicy", "my-network-policy", "allow-ingress-tcp-80")
		says(t, x, "other-app", "answered", "delivered", "")
	})
}

// TestNetworkPolicyFromTheFirstPacket pastes a policy together with pods that send
// as the first thing they do: nothing passes that it forbids, not even before their
// statuses have an address.
func TestNetworkPolicyFromTheFirstPacket(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	x.apply("{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {containers: [{name: nginx, image: nginx}]}}")
	until(t, 60*time.Second, "a server runs", func() string {
		if len(x.pods("web")) == 1 {
			return ""
		}
		return x.kubectl("get", "pods")
	})
	paste := []string{`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: denied}
spec: {podSelector: {matchLabels: {app: denied}}, policyTypes: [Egress]}
`}
	pod := func(name, app string) {
		paste = append(paste, fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %s}}
spec:
  restartPolicy: Never
  containers: [{name: sh, image: busybox, command: [sh, -c, "exec 2>/dev/null; timeout 2 wget -q -O /dev/null http://%s && echo reached || echo held"]}]
`, name, app, x.pods("web")[0].IPs[0]))
	}
	for i := range 6 {
		pod(fmt.Sprintf("denied-%d", i), "denied")
		pod(fmt.Sprintf("free-%d", i), "free")
	}
	for _, r := range x.apply(strings.Join(paste, "---\n")) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	for i := range 6 {
		for app, want := range map[string]string{"denied": "held", "free": "reached"} {
			name := fmt.Sprintf("%s-%d", app, i)
			until(t, 60*time.Second, name+" has ended", func() string {
				if phase := x.kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}"); phase != "Succeeded" {
					return phase
				}
				return ""
			})
			if got := strings.TrimSpace(x.kubectl("logs", name)); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}
