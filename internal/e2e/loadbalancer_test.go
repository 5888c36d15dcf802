package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestLoadBalancer has Services of type LoadBalancer answer the client outside, and
// leads one through its life.
func TestLoadBalancer(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	x.apply(`apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: web, image: traefik/whoami}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: web, image: traefik/whoami}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: LoadBalancer, loadBalancerIP: 203.0.113.77, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: portless}
spec: {type: LoadBalancer, loadBalancerIP: 203.0.113.78, allocateLoadBalancerNodePorts: false, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: fenced}
spec: {type: LoadBalancer, loadBalancerIP: 203.0.113.79, loadBalancerSourceRanges: [172.18.0.11/32], selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: LoadBalancer, loadBalancerClass: example.com/other, selector: {app: web}, ports: [{port: 80}]}
`)
	x.kubectl("wait", "--for=condition=Ready", "pod/one", "pod/two", "--timeout=60s")
	// says waits until an attempt ends so; want is part of its outcome or body.
	says := func(x *session, from, to, want string) {
		x.t.Helper()
		until(x.t, patience, from+" to "+to+": "+want, func() string {
			a := x.send(from, to).Answers[0]
			if got := a.Outcome + " " + a.Body; strings.Contains(got, want) {
				return ""
			}
			return fmt.Sprintf("%+v", a)
		})
	}
	get := func(x *session, service, path string) string {
		x.t.Helper()
		return x.kubectl("get", "service", service, "-o", "jsonpath="+path)
	}
	events := func(x *session, service, want string) {
		x.t.Helper()
		until(x.t, patience, want, func() string {
			out := x.kubectl("events", "--for", "service/"+service)
			if strings.Contains(out, want) {
				return ""
			}
			return out
		})
	}
	x.run(t, "an address", func(t *testing.T, x *session) {
		says(x, "client", "http://203.0.113.1", "Hostname: ")
		if got := get(x, "web", "{.status.loadBalancer.ingress}{.metadata.finalizers}"); got != `[{"ip":"203.0.113.1","ipMode":"VIP"}]["service.kubernetes.io/load-balancer-cleanup"]` {
			t.Error(got)
		}
		events(x, "web", "EnsuredLoadBalancer")
		for _, from := range []string{"pod/default/one", "node/node-3"} {
			says(x, from, "http://203.0.113.1", "Hostname: ")
		}
		if out := x.kubectl("get", "service", "web"); !strings.Contains(out, "203.0.113.1") {
			t.Error(out)
		}
	})
	x.run(t, "no node ports", func(t *testing.T, x *session) {
		says(x, "client", "http://203.0.113.78", "Hostname: ")
		if got := get(x, "portless", "{.spec.ports[0].nodePort}"); got != "" {
			t.Error(got)
		}
	})
	x.run(t, "source ranges", func(t *testing.T, x *session) {
		says(x, "client", "http://203.0.113.79", "timeout")
		x.kubectl("patch", "service", "fenced", "-p", `{"spec":{"loadBalancerSourceRanges":["172.18.0.100/32"]}}`)
		says(x, "client", "http://203.0.113.79", "Hostname: ")
	})
	x.run(t, "another class", func(t *testing.T, x *session) {
		if got := get(x, "elsewhere", "{.status.loadBalancer}{.metadata.finalizers}"); got != "{}" {
			t.Error(got)
		}
	})
	x.run(t, "an address that is taken", func(t *testing.T, x *session) {
		// Upstream's controller serves Services side by side: who comes later must lose.
		events(x, "local", "EnsuredLoadBalancer")
		x.apply(`
apiVersion: v1
kind: Service
metadata: {name: greedy}
spec: {type: LoadBalancer, loadBalancerIP: 203.0.113.77, selector: {app: web}, ports: [{port: 80}]}
`)
		events(x, "greedy", "Error syncing load balancer: failed to ensure load balancer: 203.0.113.77: address in use by another Service")
		if out := x.kubectl("get", "service", "greedy"); !strings.Contains(out, "<pending>") {
			t.Error(out)
		}
	})
	x.run(t, "local", func(t *testing.T, x *session) {
		says(x, "client", "http://203.0.113.77", "RemoteAddr: 172.18.0.100:")
		x.kubectl("delete", "pod", "two", "--now")
		until(t, patience, "only node-1 is asked", func() string {
			for range 8 { // each is another choice of ECMP's
				if a := x.send("client", "http://203.0.113.77").Answers[0]; !strings.Contains(a.Body, "Hostname: one") {
					return fmt.Sprintf("%+v", a)
				}
			}
			return ""
		})
		x.kubectl("label", "node", "node-1", "node.kubernetes.io/exclude-from-external-load-balancers=")
		says(x, "client", "http://203.0.113.77", "timeout")
		events(x, "local", "UpdatedLoadBalancer")
		x.kubectl("label", "node", "node-1", "node.kubernetes.io/exclude-from-external-load-balancers-")
		says(x, "client", "http://203.0.113.77", "Hostname: one")
	})
	x.run(t, "another type", func(t *testing.T, x *session) {
		x.kubectl("patch", "service", "web", "-p", `{"spec":{"type":"ClusterIP"}}`)
		says(x, "client", "http://203.0.113.1", "unreachable")
		until(t, patience, "nothing is left", func() string {
			got := get(x, "web", "{.status.loadBalancer}{.metadata.finalizers}{.spec.ports[0].nodePort}")
			return strings.TrimPrefix(got, "{}")
		})
		says(x, "pod/default/one", "http://"+get(x, "web", "{.spec.clusterIP}"), "Hostname: one")
		x.kubectl("patch", "service", "web", "-p", `{"spec":{"type":"LoadBalancer"}}`)
		says(x, "client", "http://203.0.113.1", "Hostname: one")
	})
	x.run(t, "gone", func(t *testing.T, x *session) {
		x.kubectl("delete", "service", "local", "--timeout=30s")
		says(x, "client", "http://203.0.113.77", "Hostname: one") // the greedy one's turn
		x.kubectl("delete", "service", "greedy", "web", "portless", "fenced", "--timeout=30s")
		for _, a := range []string{"203.0.113.1", "203.0.113.77", "203.0.113.78"} {
			says(x, "client", "http://"+a, "unreachable")
		}
	})
}
