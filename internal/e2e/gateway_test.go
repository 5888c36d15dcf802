package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// TestGateway has a Gateway serve routes, beside a definition of the session's own.
func TestGateway(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	if out := x.kubectl("get", "gatewayclass,gateways,httproutes", "-A"); !strings.Contains(out, "podhop.io/gateway") || !strings.Contains(out, "True") {
		t.Errorf("what a session begins with:\n%s", out)
	}
	if out := x.kubectl("explain", "httproute.spec.rules.matches"); !strings.Contains(out, "HTTPRouteMatch") && !strings.Contains(out, "queryParams") {
		t.Errorf("kubectl explain:\n%s", out)
	}
	x.apply(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: podhop, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /old}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]
    backendRefs: [{name: app1-service, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /broken}}]
    backendRefs: [{name: nobody, port: 8080}]
` + app("app1"))
	x.kubectl("wait", "--for=condition=Programmed", "gateway/web", "--timeout=60s")
	x.run(t, "a route", func(t *testing.T, x *session) {
		r := x.answers("client", "http://shop.example.com/old/x", 200, "GET /new/x HTTP/1.1\r\nHost: shop.example.com\r\n")
		if a := r.Answers[0]; !strings.Contains(a.Resolved, "Gateway default/web") {
			t.Errorf("the answer: %+v", a)
		}
		decided := false
		for _, id := range r.Journeys {
			var j model.Journey
			x.call("GET", x.path("/journeys/"+id), nil, &j)
			if d := j.Hops[0].Decision; j.Via != "" && j.Summary == "GET /new/x" && d != nil {
				decided = decided || d.Kind == "proxy" && *d.Object == model.Object{Kind: "HTTPRoute", Namespace: "default", Name: "shop"} && d.Rule == "rule 1"
			}
		}
		if !decided {
			t.Errorf("no journey tells which rule of the route the proxy went by:\n%s", x.tell(r.Journeys))
		}
	})
	x.run(t, "a backend that is not there", func(t *testing.T, x *session) {
		x.answers("client", "http://shop.example.com/broken", 500, "Service default/nobody is not there")
		until(t, 60*time.Second, "the route's status tells of it", func() string {
			out := x.kubectl("get", "httproute", "shop", "-o", "yaml")
			if strings.Contains(out, "BackendNotFound") {
				return ""
			}
			return out
		})
		if out, err := x.tryKubectl(`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: bad}, spec: {gatewayClassName: podhop, listeners: []}}`, "apply", "-f", "-"); err == nil {
			t.Errorf("a Gateway without listeners is taken:\n%s", out)
		}
	})
	// With a definition of its own the session gets a server of its own: all that was
	// there is still there.
	x.run(t, "a definition of the session's own", func(t *testing.T, x *session) {
		x.apply(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, singular: widget, kind: Widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`)
		x.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=30s")
		x.kubectl("get", "widgets,gateways")
		x.kubectl("patch", "httproute", "shop", "--type=json", `--patch=[{"op": "replace", "path": "/spec/rules/0/matches/0/path/value", "value": "/moved"}]`)
		x.answers("client", "http://shop.example.com/moved/x", 200, "GET /new/x")
	})
	x.run(t, "its end", func(t *testing.T, x *session) {
		x.kubectl("delete", "gateway", "web")
		until(t, 60*time.Second, "its Deployment and Service are gone", func() string {
			out, _ := x.tryKubectl("", "get", "deployment,service", "-l", "gateway.networking.k8s.io/gateway-name=web", "-o", "name")
			if strings.Contains(out, "web-podhop") {
				return out
			}
			return ""
		})
	})
}
