package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// serviceFeatures has two pods that call different ports by one name, on two nodes in
// two zones, one that never is ready, and a Service for each way to them.
const serviceFeatures = `apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: web, image: traefik/whoami, ports: [{name: web, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: web, image: traefik/whoami, args: [--port, "8080"], ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: late, labels: {app: late}}
spec: {nodeName: node-2, containers: [{name: web, image: traefik/whoami, readinessProbe: {httpGet: {port: 81}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec: {nodeName: node-1, containers: [{name: shell, image: busybox, command: [sleep, "1000000"]}]}
---
apiVersion: v1
kind: Service
metadata: {name: named}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: named.default.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: early}
spec: {publishNotReadyAddresses: true, selector: {app: late}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: waiting}
spec: {selector: {app: late}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: node}
spec: {trafficDistribution: PreferSameNode, selector: {app: web}, ports: [{port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: zone}
spec: {trafficDistribution: PreferSameZone, selector: {app: web}, ports: [{port: 80, targetPort: web}]}
`

// TestServiceFeatures has Services of each kind lead to whom they should.
func TestServiceFeatures(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x := s.open()
	for node, zone := range map[string]string{"node-1": "east", "node-2": "west", "node-3": "west"} {
		x.kubectl("label", "node", node, "topology.kubernetes.io/zone="+zone)
	}
	x.apply(serviceFeatures)
	x.kubectl("wait", "--for=condition=Ready", "pod/one", "pod/two", "pod/shell", "--timeout=60s")
	ip := func(service string) string {
		return x.kubectl("get", "service", service, "-o", "jsonpath={.spec.clusterIP}")
	}
	// who waits until a Service's requests go to these pods, and to no others.
	who := func(from, to string, pods ...string) {
		until(t, patience, fmt.Sprintf("%s to %s: %v", from, to, pods), func() string {
			var seen []string
			for range 12 {
				a := x.send(from, to).Answers[0]
				name, _, _ := strings.Cut(strings.TrimPrefix(a.Body, "Hostname: "), "\n")
				if a.Status != 200 {
					name = a.Outcome
				}
				if !slices.Contains(seen, name) {
					seen = append(seen, name)
				}
				if !slices.Contains(pods, name) {
					break
				}
				if len(pods) > 1 && len(seen) == len(pods) {
					break
				}
			}
			slices.Sort(seen)
			if !slices.Equal(seen, pods) {
				return fmt.Sprint(seen)
			}
			return ""
		})
	}
	const shell = "pod/default/shell"
	who(shell, "http://"+ip("named"), "one", "two")
	who(shell, "http://alias", "one", "two")
	who(shell, "http://headless", "one", "refused") // by the addresses of pods no rule changes a port: two listens elsewhere
	who(shell, "http://"+ip("early"), "late")
	who(shell, "http://"+ip("waiting"), "refused")
	who(shell, "http://"+ip("node"), "one")
	who("node/node-2", "http://"+ip("node"), "two")
	who("node/node-3", "http://"+ip("node"), "two") // none is on it, and that one is in its zone
	who(shell, "http://"+ip("zone"), "one")
	who("node/node-3", "http://"+ip("zone"), "two")

	for query, want := range map[string][]string{
		"headless": {x.pods("one")[0].IPs[0], x.pods("two")[0].IPs[0]},
		"alias":    {"canonical name = named.default.svc.cluster.local", ip("named")},
	} {
		out, _ := x.tryKubectl("", "exec", "shell", "--", "nslookup", query+".default.svc.cluster.local")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("nslookup %s: %q does not say %q", query, out, w)
			}
		}
	}
	// A slice has one set of ports: those that differ are in slices of their own.
	ports := map[int32]int{}
	for _, slice := range get[discoveryv1.EndpointSliceList](x, "endpointslices", "-l", "kubernetes.io/service-name=named").Items {
		ports[*slice.Ports[0].Port] += len(slice.Endpoints)
	}
	if len(ports) != 2 || ports[80] != 1 || ports[8080] != 1 {
		t.Errorf("endpoints by port: %v", ports)
	}
	for _, e := range get[discoveryv1.EndpointSliceList](x, "endpointslices", "-l", "kubernetes.io/service-name=early").Items[0].Endpoints {
		if !*e.Conditions.Ready || e.TargetRef.Name != "late" {
			t.Errorf("published: %+v", e)
		}
	}
}
