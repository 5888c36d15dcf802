package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
)

const dualStackWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: nginx, readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ipFamilyPolicy: PreferDualStack, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: six}
spec: {ipFamilies: [IPv6], selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {ipFamilyPolicy: RequireDualStack, clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  containers:
  - name: shell
    image: busybox
    command: [sleep, "1000000"]
    env: [{name: POD_IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}, {name: HOST_IPS, valueFrom: {fieldRef: {fieldPath: status.hostIPs}}}]
`

// get reads an object as kubectl has it.
func get[T any](x *session, args ...string) (o T) {
	x.t.Helper()
	if err := json.Unmarshal([]byte(x.kubectl(append([]string{"get", "-o", "json"}, args...)...)), &o); err != nil {
		x.t.Fatal(err)
	}
	return o
}

// TestDualStack opens a session with both families beside one with IPv4 alone.
func TestDualStack(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{DualStack: true})
	for _, r := range x.apply(dualStackWeb) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	until(t, 60*time.Second, "the pods are ready", func() string {
		if len(x.pods("web")) == 2 && len(x.pods("shell")) == 1 {
			return ""
		}
		return x.kubectl("get", "pods")
	})
	web := get[corev1.Service](x, "service", "web")
	if p := web.Spec.IPFamilyPolicy; *p != corev1.IPFamilyPolicyPreferDualStack || len(web.Spec.ClusterIPs) != 2 {
		t.Fatalf("%s %v", *p, web.Spec.ClusterIPs)
	}
	four, six := web.Spec.ClusterIPs[0], web.Spec.ClusterIPs[1]

	x.run(t, "objects", func(t *testing.T, x *session) {
		n := get[corev1.Node](x, "node", "node-1")
		if got := fmt.Sprint(n.Spec.PodCIDRs, n.Status.Addresses); got != "[10.244.1.0/24 fd00:10:244:1::/64] [{InternalIP 172.18.0.11} {InternalIP fd00:172:18::11} {Hostname node-1}]" {
			t.Error(got)
		}
		p := get[corev1.Pod](x, "pod", "shell").Status
		if len(p.PodIPs) != 2 || p.PodIP != p.PodIPs[0].IP || !netip.MustParseAddr(p.PodIPs[0].IP).Is4() || !netip.MustParseAddr(p.PodIPs[1].IP).Is6() ||
			len(p.HostIPs) != 2 || p.HostIP != p.HostIPs[0].IP || !strings.HasPrefix(p.HostIPs[1].IP, "fd00:172:18::1") {
			t.Fatalf("%+v %+v", p.PodIPs, p.HostIPs)
		}
		for what, want := range map[string]string{
			"env":             fmt.Sprintf("POD_IPS=%s,%s", p.PodIPs[0].IP, p.PodIPs[1].IP),
			"env | grep HOST": fmt.Sprintf("HOST_IPS=%s,%s", p.HostIPs[0].IP, p.HostIPs[1].IP),
			"cat /etc/hosts":  p.PodIPs[1].IP + "\tshell",
		} {
			if out := x.kubectl("exec", "shell", "--", "sh", "-c", what); !strings.Contains(out, want) {
				t.Errorf("%s: %q does not say %q", what, out, want)
			}
		}
		until(t, 60*time.Second, "each Service has slices of its families", func() string {
			if out := x.kubectl("get", "endpointslices"); strings.Count(out, "IPv6") != 3 {
				return out
			}
			return ""
		})
		for id, want := range map[string][]string{
			"service/default/web": {four, six}, "client": {"172.18.0.100", "fd00:172:18::100"}, "node/node-2": {"172.18.0.12", "fd00:172:18::12"},
			"pod/default/shell": {p.PodIPs[0].IP, p.PodIPs[1].IP},
		} {
			until(t, 60*time.Second, fmt.Sprintf("%s is on the map with %v, and its endpoints", id, want), func() string {
				vertices := x.graph().Vertices
				i := slices.IndexFunc(vertices, func(v model.Vertex) bool { return v.ID == id })
				if i < 0 {
					return "it is not there"
				}
				v := vertices[i]
				if !slices.Equal(v.IPs, want) || id == "service/default/web" && (v.Want != 2 || v.Have != 2) {
					return fmt.Sprintf("%+v", v)
				}
				return ""
			})
		}
	})

	// asks sends until it is answered: rules follow Services.
	asks := func(t *testing.T, x *session, from, to, remote string) model.RequestResult {
		t.Helper()
		var r model.RequestResult
		until(t, patience, from+" gets "+to, func() string {
			if r = x.send(from, to); r.Answers[0].Status == 200 {
				return ""
			}
			return fmt.Sprintf("%+v", r.Answers[0])
		})
		if !strings.HasPrefix(r.Answers[0].Remote, remote) {
			t.Errorf("%s asked %s, not %s", from, r.Answers[0].Remote, remote)
		}
		return r
	}
	x.run(t, "requests", func(t *testing.T, x *session) {
		for _, c := range []struct{ from, to, remote string }{
			{"pod/default/shell", "http://" + four, four + ":80"},
			{"pod/default/shell", "http://[" + six + "]", "[" + six + "]:80"},
			{"pod/default/shell", "http://web", four + ":80"}, // as RFC 6724 orders them
			{"pod/default/shell", "http://six", "[fd00:10:96::"},
			{"pod/default/shell", "http://headless", "10.244."},
			{"node/node-3", "http://[" + six + "]", "[" + six + "]:80"},
			{"client", "http://172.18.0.11:30080", "172.18.0.11:30080"},
			{"client", "http://[fd00:172:18::11]:30080", "[fd00:172:18::11]:30080"},
			{"client", "http://[fd00:172:18::13]:30080", "[fd00:172:18::13]:30080"},
		} {
			r := asks(t, x, c.from, c.to, c.remote)
			checkSYN(t, x, r, c.from)
		}
		if a := x.send("client", "http://["+x.pods("web")[0].IPs[1]+"]").Answers[0]; a.Outcome != "unreachable" {
			t.Errorf("a pod from outside: %+v", a)
		}
		for _, to := range []string{"http://10.96.255.1", "http://[fd00:10:96::ff01]"} { // which no Service has: kube-proxy drops it
			if a := x.send("pod/default/shell", to).Answers[0]; a.Outcome != "timeout" {
				t.Errorf("%s: %+v", to, a)
			}
		}
	})
	x.run(t, "names", func(t *testing.T, x *session) {
		pod := x.pods("web")[0].IPs[1]
		for query, want := range map[string]string{
			"web.default.svc.cluster.local": six, "headless.default.svc.cluster.local": pod,
			six: "web.default.svc.cluster.local", pod: ".headless.default.svc.cluster.local",
		} {
			if out, _ := x.tryKubectl("", "exec", "shell", "--", "nslookup", query); !strings.Contains(out, want) {
				t.Errorf("nslookup %s: %q does not say %q", query, out, want)
			}
		}
	})
	x.run(t, "a policy", func(t *testing.T, x *session) {
		x.apply(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: six}, spec: {podSelector: {matchLabels: {app: web}},
  ingress: [{from: [{ipBlock: {cidr: "fd00:10:244::/48"}}]}]}}`)
		until(t, patience, "IPv4 is dropped", func() string {
			if a := x.send("pod/default/shell", "http://"+four).Answers[0]; a.Outcome != "timeout" {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
		asks(t, x, "pod/default/shell", "http://["+six+"]", "["+six+"]:80")
		x.kubectl("delete", "networkpolicy", "six")
		asks(t, x, "pod/default/shell", "http://"+four, four+":80")
	})
	t.Run("a session without", func(t *testing.T) {
		x := s.open()
		if out, err := x.tryKubectl(dualStackWeb, "apply", "-f", "-"); err == nil ||
			!strings.Contains(out, `Service "headless" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`) ||
			!strings.Contains(out, `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`) {
			t.Errorf("%v: %s", err, out)
		}
		if web := get[corev1.Service](x, "service", "web"); len(web.Spec.ClusterIPs) != 1 || len(web.Spec.IPFamilies) != 1 {
			t.Errorf("%v", web.Spec.ClusterIPs)
		}
		until(t, 60*time.Second, "a pod is ready", func() string {
			if len(x.pods("web")) > 0 && len(x.pods("shell")) == 1 {
				return ""
			}
			return x.kubectl("get", "pods")
		})
		if ips := x.pods("shell")[0].IPs; len(ips) != 1 {
			t.Errorf("%v", ips)
		}
	})
}

// checkSYN holds a request's first packet: delivered, to a pod that a rule chose.
func checkSYN(t *testing.T, x *session, r model.RequestResult, from string) {
	t.Helper()
	for _, id := range r.Journeys {
		var j model.Journey
		x.call("GET", x.path("/journeys/"+id), nil, &j)
		if j.Summary != "SYN" {
			continue
		}
		if j.From != from || j.Verdict != "delivered" || !strings.HasPrefix(j.To, "pod/default/web-") {
			t.Errorf("%s: the SYN went from %s to %s: %s", r.Answers[0].Remote, j.From, j.To, j.Verdict)
		}
		return
	}
	t.Errorf("%s: no SYN among %d journeys", r.Answers[0].Remote, len(r.Journeys))
}
