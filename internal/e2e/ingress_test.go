package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

// articleIngress is the article's, as it stands there.
const articleIngress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: my-ingress
spec:
  rules:
  - host: example.com
    http:
      paths:
      - path: /app1
        pathType: Prefix
        backend:
          service:
            name: app1-service
            port:
              name: http
      - path: /app2
        pathType: Prefix
        backend:
          service:
            name: app2-service
            port:
              name: http
`

// app is a Deployment of whoami and its Service, whose port is called http.
func app(name string) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: web, image: traefik/whoami, ports: [{name: web, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s-service}
spec: {selector: {app: %[1]s}, ports: [{name: http, port: 8080, targetPort: web}]}
`, name)
}

// answers waits until a request ends with a status and a body that says something.
func (x *session) answers(from, to string, status int, says string) model.RequestResult {
	x.t.Helper()
	var r model.RequestResult
	until(x.t, patience, fmt.Sprintf("%s to %s: %d %q", from, to, status, says), func() string {
		r = x.send(from, to)
		if a := r.Answers[0]; a.Status != status || !strings.Contains(a.Body, says) {
			return fmt.Sprintf("%+v", a)
		}
		return ""
	})
	return r
}

// TestIngress has the article's Ingress answer the client, with one of its
// Services missing at first, and looks at what the proxy is seen to do.
func TestIngress(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	if out := x.kubectl("get", "ingressclass,pods", "-A"); !strings.Contains(out, "podhop.io/ingress") || strings.Contains(out, "ingress-podhop-controller") {
		t.Errorf("before the first Ingress:\n%s", out)
	}
	x.apply(articleIngress + app("app1"))
	x.run(t, "the article's", func(t *testing.T, x *session) {
		r := x.answers("client", "http://example.com/app1/x", 200, "GET /app1/x HTTP/1.1\r\nHost: example.com\r\n")
		if a := r.Answers[0]; !strings.Contains(a.Resolved, "Ingress default/my-ingress") || !strings.HasPrefix(a.Remote, "203.0.113.") {
			t.Errorf("the answer: %+v", a)
		}
		var client, backend, decided bool
		var conversation string
		for _, id := range r.Journeys {
			var j model.Journey
			x.call("GET", x.path("/journeys/"+id), nil, &j)
			switch {
			case j.Summary == "GET /app1/x" && j.Via == "":
				client, conversation = strings.HasPrefix(j.To, "pod/ingress-podhop/"), j.Conversation
			case j.Summary == "GET /app1/x":
				backend = strings.HasPrefix(j.From, "pod/ingress-podhop/") && strings.HasPrefix(j.To, "pod/default/app1-") && j.Via == conversation
				d := j.Hops[0].Decision
				decided = d != nil && d.Kind == "proxy" && *d.Object == model.Object{Kind: "Ingress", Namespace: "default", Name: "my-ingress"} &&
					d.Rule == "host example.com, path /app1" && d.Endpoint == 1 && d.Endpoints == 1
			}
		}
		if !client || !backend || !decided {
			t.Errorf("to the proxy: %v, from it by way of the same: %v, with its decision: %v", client, backend, decided)
		}
		if out := x.kubectl("get", "ingress"); !strings.Contains(out, "203.0.113.") {
			t.Errorf("no address:\n%s", out)
		}
	})
	x.run(t, "a Service that is not there", func(t *testing.T, x *session) {
		x.answers("client", "http://example.com/app2", 503, "Service default/app2-service is not there")
		until(t, patience, "an event", func() string {
			if out := x.kubectl("describe", "ingress", "my-ingress"); !strings.Contains(out, "ServiceNotFound") {
				return out
			}
			return ""
		})
		x.apply(app("app2"))
		x.answers("client", "http://example.com/app2", 200, "Hostname: app2-")
		x.kubectl("scale", "deployment", "app2", "--replicas=0")
		x.answers("client", "http://example.com/app2", 503, "has no ready endpoint")
		x.answers("client", "http://example.com/app1", 200, "Hostname: app1-")
	})
	x.run(t, "no rule", func(t *testing.T, x *session) {
		r := x.answers("client", "http://example.com/app10", 404, "no rule is for host example.com and path /app10")
		told := false
		for _, id := range r.Journeys {
			var j model.Journey
			x.call("GET", x.path("/journeys/"+id), nil, &j)
			if d := j.Hops[0].Decision; j.Reply && d != nil && d.Kind == "proxy" {
				told = strings.Contains(d.Sentence, "itself with 404")
			}
		}
		if !told {
			t.Error("no journey tells that the proxy answered by itself")
		}
		if a := x.send("client", "http://example.org").Answers[0]; !strings.Contains(a.Error, "hosts of Ingresses") {
			t.Errorf("a host of no Ingress: %+v", a)
		}
	})
	x.run(t, "TLS", func(t *testing.T, x *session) {
		x.apply(`apiVersion: v1
kind: Secret
metadata: {name: rubbish}
type: Opaque
stringData: {tls.crt: rubbish, tls.key: rubbish}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: secure}
spec:
  tls: [{hosts: [broken.example.com], secretName: rubbish}]
  rules: [{host: broken.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app1-service, port: {number: 8080}}}}]}}]
`)
		r := x.answers("client", "https://broken.example.com/", 200, "X-Forwarded-Proto: https")
		if a := r.Answers[0]; !strings.Contains(a.Certificate, "Podhop Ingress Default Certificate") {
			t.Errorf("the answer: %+v", a)
		}
		until(t, patience, "an event", func() string {
			if out := x.kubectl("describe", "ingress", "secure"); !strings.Contains(out, "InvalidCertificate") {
				return out
			}
			return ""
		})
	})
	x.run(t, "under a NetworkPolicy", func(t *testing.T, x *session) {
		x.apply(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchLabels: {app: app1}}, policyTypes: [Ingress]}
`)
		x.answers("client", "http://example.com/app1", 504, "did not answer in time")
		x.kubectl("delete", "networkpolicy", "closed")
		x.answers("client", "http://example.com/app1", 200, "Hostname: app1-")
	})
}
