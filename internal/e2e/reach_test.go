package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// TestReach asks from everywhere to everywhere, whatever carries pods' packets: who is
// answered, and how the others learn that they are not.
func TestReach(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	for _, cni := range []string{"routed", "bridge", "vxlan"} {
		t.Run(cni, func(t *testing.T) {
			t.Parallel()
			server := *s
			server.t = t
			reach(t, server.openWith(model.SessionOptions{CNI: cni}))
		})
	}
}

func reach(t *testing.T, x *session) {
	var pods []string
	for name, node := range map[string]string{"from": "node-1", "here": "node-1", "there": "node-2"} {
		pods = append(pods, fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %[1]s, kind: %s}}
spec: {nodeName: %s, containers: [{name: web, image: traefik/whoami%s}]}
`, name, map[bool]string{true: "sender", false: "web"}[name == "from"], node,
			map[bool]string{true: ", ports: [{containerPort: 80, hostPort: 8088}]"}[name == "here"]))
	}
	x.apply(strings.Join(pods, "---\n") + `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {kind: web}, ports: [{name: http, port: 80, targetPort: 80, nodePort: 30080}, {name: other, port: 8080, targetPort: 80, nodePort: 30081}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {type: NodePort, selector: {kind: nobody}, ports: [{port: 80, nodePort: 30082}]}
---
apiVersion: v1
kind: Service
metadata: {name: by-hand}
spec: {ports: [{port: 80, targetPort: 8080}]}
`)
	x.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
	ip := func(kind, name, path string) string {
		return x.kubectl("get", kind, name, "-o", "jsonpath="+path)
	}
	here, there := ip("pod", "here", "{.status.podIP}"), ip("pod", "there", "{.status.podIP}")
	web, nobody, byHand := ip("service", "web", "{.spec.clusterIP}"), ip("service", "nobody", "{.spec.clusterIP}"), ip("service", "by-hand", "{.spec.clusterIP}")
	// Endpoints that no controller looks after: a pod, at a port of its own choice.
	x.apply(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: by-hand-1, labels: {kubernetes.io/service-name: by-hand}}
addressType: IPv4
ports: [{name: "", port: 80, protocol: TCP}]
endpoints: [{addresses: [` + there + `], conditions: {ready: true}}]
`)
	until(t, patience, "an address", func() string {
		return map[bool]string{false: "none yet"}[ip("service", "web", "{.status.loadBalancer.ingress[0].ip}") == "203.0.113.1"]
	})
	x.apply(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: example.com
    http: {paths: [{path: /app, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}, {path: /nobody, pathType: Prefix, backend: {service: {name: nobody, port: {number: 80}}}}]}
`)
	x.answers("client", "http://example.com/app", 200, "Hostname: ")
	x.answers("client", "https://example.com/app", 200, "Hostname: ")
	x.answers("client", "http://example.com/nobody", 503, "has no ready endpoint")
	proxy := ip("ingress", "web", "{.status.loadBalancer.ingress[0].ip}")
	const answered, refused, timeout, unreachable = "answered", "refused", "timeout", "unreachable"
	const pod, node, client = "pod/default/from", "node/node-1", "client"
	for _, c := range []struct {
		what, to string
		want     map[string]string
	}{
		{"pod on the same node", here, map[string]string{pod: answered, node: answered, client: unreachable}},
		{"pod on another node", there, map[string]string{pod: answered, node: answered, client: unreachable}},
		{"pod, a port where nobody listens", there + ":81", map[string]string{pod: refused, node: refused, client: unreachable}},
		{"an address that no pod has", "10.244.2.250", map[string]string{pod: unreachable, node: unreachable, client: unreachable}},
		{"cluster IP", web, map[string]string{pod: answered, node: answered, client: unreachable}},
		{"cluster IP, its other port", web + ":8080", map[string]string{pod: answered, node: answered, client: unreachable}},
		{"cluster IP, a port it has not", web + ":81", map[string]string{pod: refused, node: refused, client: unreachable}},
		{"cluster IP that selects nothing", nobody, map[string]string{pod: refused, node: refused, client: unreachable}},
		{"cluster IP of endpoints by hand", byHand, map[string]string{pod: answered, node: answered, client: unreachable}},
		{"cluster IP that no Service has", "10.96.255.1", map[string]string{pod: timeout}},
		{"node port of the first node", "172.18.0.11:30080", map[string]string{pod: answered, node: answered, client: answered}},
		{"node port of a node without a pod", "172.18.0.13:30080", map[string]string{pod: answered, node: answered, client: answered}},
		{"node port, the other", "172.18.0.12:30081", map[string]string{pod: answered, node: answered, client: answered}},
		{"node port that selects nothing", "172.18.0.12:30082", map[string]string{pod: refused, node: refused, client: refused}},
		{"node port that there is not", "172.18.0.12:30083", map[string]string{pod: refused, node: refused, client: refused}},
		{"host port", "172.18.0.11:8088", map[string]string{pod: answered, node: answered, client: answered}},
		{"host port of another node", "172.18.0.12:8088", map[string]string{pod: refused, node: refused, client: refused}},
		{"load balancer", "203.0.113.1", map[string]string{pod: answered, node: answered, client: answered}},
		{"load balancer, its other port", "203.0.113.1:8080", map[string]string{pod: answered, node: answered, client: answered}},
		{"load balancer that there is not", "203.0.113.99", map[string]string{client: unreachable}},
		{"Ingress, without its host", proxy, map[string]string{pod: answered, node: answered, client: answered}},
		{"the API server", "172.18.0.10:6443", map[string]string{pod: answered, node: answered, client: answered}},
		{"the API server's Service", "10.96.0.1:443", map[string]string{pod: answered, node: answered, client: unreachable}},
	} {
		to := c.to
		if !strings.Contains(to, ":") {
			to += ":80"
		}
		for from, want := range c.want {
			x.run(t, from+" to "+c.what, func(t *testing.T, x *session) {
				until(t, patience, to, func() string {
					if a := x.send(from, to).Answers[0]; a.Outcome != want {
						return fmt.Sprintf("want %s: %+v", want, a)
					}
					return ""
				})
			})
		}
	}
	x.run(t, "a journey to a host port", func(t *testing.T, x *session) {
		const want = "its port 8088 is the hostPort of default/here."
		until(t, 60*time.Second, want, func() string {
			var told []string
			for _, id := range x.send(client, "172.18.0.11:8088").Journeys {
				var j model.Journey
				x.call("GET", x.path("/journeys/"+id), nil, &j)
				for _, h := range j.Hops {
					told = append(told, h.Sentence)
				}
			}
			said := strings.Join(told, "\n")
			if !strings.Contains(said, want) {
				return "journeys say:\n" + said
			}
			return ""
		})
	})
}
