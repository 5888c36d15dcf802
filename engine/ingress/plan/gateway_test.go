package plan

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/ingress/route"
)

func read[T any](t *testing.T, text string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

// conditions are those that a status has, as Type=Status:Reason.
func conditions(list []metav1.Condition) (said []string) {
	for _, c := range list {
		said = append(said, fmt.Sprintf("%s=%s:%s", c.Type, c.Status, c.Reason))
	}
	return said
}

func TestGateways(t *testing.T) {
	const gateway = `{metadata: {name: web, namespace: default}, spec: {gatewayClassName: podhop, listeners: [
		{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {web: "yes"}}}}},
		{name: own, port: 80, protocol: HTTP, hostname: own.example.com},
		{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: rubbish}]}},
		{name: tcp, port: 9000, protocol: TCP},
		{name: kinds, port: 8080, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: GRPCRoute}]}},
		{name: a, port: 8081, protocol: HTTP}, {name: b, port: 8081, protocol: HTTPS, tls: {certificateRefs: [{name: nobody}]}}]}}`
	routes := []string{
		`{metadata: {name: simple, namespace: default}, spec: {parentRefs: [{name: web, sectionName: http}], hostnames: [example.com], rules: [
			{matches: [{path: {type: Exact, value: /exact}}, {headers: [{name: version, value: "2"}]}], backendRefs: [{name: other, port: 80}]},
			{backendRefs: [{name: app, port: 80}]}]}}`,
		`{metadata: {name: elsewhere, namespace: foreign}, spec: {parentRefs: [{name: web, namespace: default}], rules: [{backendRefs: [{name: app, port: 80}]}]}}`,
		`{metadata: {name: nowhere, namespace: default}, spec: {parentRefs: [{name: web, sectionName: nobody}, {name: web, sectionName: kinds}, {name: web, sectionName: own}],
			hostnames: [x.example.com], rules: [{backendRefs: [{name: nobody, port: 80}]}]}}`,
		`{metadata: {name: foreign, namespace: default}, spec: {parentRefs: [{name: web, sectionName: http}], hostnames: [foreign.example.com], rules: [
			{matches: [{path: {value: /granted}}], backendRefs: [{name: app, namespace: open, port: 80}]},
			{matches: [{path: {value: /refused}}], backendRefs: [{name: app, namespace: shut, port: 80}]},
			{matches: [{path: {value: /empty}}], backendRefs: [{name: empty, port: 80}]}]}}`,
		`{metadata: {name: cors, namespace: default}, spec: {parentRefs: [{name: web, sectionName: http}], rules: [{filters: [{type: CORS, cors: {}}], backendRefs: [{name: app, port: 80}]}]}}`,
		`{metadata: {name: other, namespace: default}, spec: {parentRefs: [{name: another}], rules: [{}]}}`,
	}
	want := map[string][][]string{
		"simple":    {{"Accepted=True:Accepted", "ResolvedRefs=True:ResolvedRefs"}},
		"elsewhere": {{"Accepted=False:NotAllowedByListeners", "ResolvedRefs=True:ResolvedRefs"}},
		"nowhere": {{"Accepted=False:NoMatchingParent", "ResolvedRefs=False:BackendNotFound"}, {"Accepted=False:NotAllowedByListeners", "ResolvedRefs=False:BackendNotFound"},
			{"Accepted=False:NoMatchingListenerHostname", "ResolvedRefs=False:BackendNotFound"}},
		"foreign": {{"Accepted=True:Accepted", "ResolvedRefs=False:RefNotPermitted"}},
		"cors":    {{"Accepted=False:UnsupportedValue", "ResolvedRefs=True:ResolvedRefs"}},
	}
	g := &GatewayObjects{
		Classes:  []*gatewayv1.GatewayClass{read[gatewayv1.GatewayClass](t, "{metadata: {name: podhop}, spec: {controllerName: podhop.io/gateway}}")},
		Gateways: []*gatewayv1.Gateway{read[gatewayv1.Gateway](t, gateway), read[gatewayv1.Gateway](t, "{metadata: {name: another, namespace: default}, spec: {gatewayClassName: nginx, listeners: []}}")},
		GRPCRoutes: []*gatewayv1.GRPCRoute{read[gatewayv1.GRPCRoute](t, `{metadata: {name: grpc, namespace: default}, spec: {parentRefs: [{name: web, sectionName: kinds}], rules: [
			{matches: [{method: {service: echo.Echo, method: Say}}], backendRefs: [{name: app, port: 80}]}, {matches: [{method: {method: Any}}], backendRefs: [{name: other, port: 80}]}]}}`)},
		Grants: []*gatewayv1.ReferenceGrant{read[gatewayv1.ReferenceGrant](t, `{metadata: {name: grant, namespace: open}, spec: {
			from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: "", kind: Service}]}}`)},
		Namespace: func(name string) *corev1.Namespace {
			ns := &corev1.Namespace{}
			if name == "default" {
				ns.Labels = map[string]string{"web": "yes"}
			}
			return ns
		},
	}
	for n, text := range routes {
		r := read[gatewayv1.HTTPRoute](t, text)
		r.CreationTimestamp = metav1.NewTime(time.Unix(int64(n), 0))
		g.HTTPRoutes = append(g.HTTPRoutes, r)
	}
	p := Gateways(world(), g)
	if len(p.Gateways) != 1 || len(p.Classes) != 1 {
		t.Fatalf("%d Gateways and %d classes are ours", len(p.Gateways), len(p.Classes))
	}
	for r, parents := range p.HTTP {
		var got [][]string
		for _, parent := range parents {
			got = append(got, conditions(parent.Conditions))
		}
		if !slices.EqualFunc(got, want[r.Name], slices.Equal) {
			t.Errorf("%s: %q, want %q", r.Name, got, want[r.Name])
		}
		delete(want, r.Name)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	s := p.Gateways[0]
	if got := conditions(s.Conditions); !slices.Equal(got, []string{"Accepted=True:ListenersNotValid"}) {
		t.Errorf("the Gateway: %q", got)
	}
	for i, want := range [][]string{
		{"Accepted=True:Accepted", "Conflicted=False:NoConflicts", "ResolvedRefs=True:ResolvedRefs", "Programmed=True:Programmed"},
		{"Accepted=True:Accepted", "Conflicted=False:NoConflicts", "ResolvedRefs=True:ResolvedRefs", "Programmed=True:Programmed"},
		{"Accepted=True:Accepted", "Conflicted=False:NoConflicts", "ResolvedRefs=False:InvalidCertificateRef", "Programmed=False:Invalid"},
		{"Accepted=False:UnsupportedProtocol", "Conflicted=False:NoConflicts", "ResolvedRefs=True:ResolvedRefs", "Programmed=False:Invalid"},
		{"Accepted=True:Accepted", "Conflicted=False:NoConflicts", "ResolvedRefs=False:InvalidRouteKinds", "Programmed=True:Programmed"},
		{"Accepted=False:ProtocolConflict", "Conflicted=True:ProtocolConflict", "ResolvedRefs=True:ResolvedRefs", "Programmed=False:Invalid"},
		{"Accepted=False:ProtocolConflict", "Conflicted=True:ProtocolConflict", "ResolvedRefs=False:InvalidCertificateRef", "Programmed=False:Invalid"},
	} {
		if got := conditions(s.Listeners[i].Conditions); !slices.Equal(got, want) {
			t.Errorf("listener %s: %q, want %q", s.Listeners[i].Name, got, want)
		}
	}
	if s.Listeners[0].AttachedRoutes != 2 || s.Listeners[4].AttachedRoutes != 1 {
		t.Errorf("attached: %d and %d", s.Listeners[0].AttachedRoutes, s.Listeners[4].AttachedRoutes)
	}
	for _, c := range []struct{ link, version, want string }{
		{"http://example.com/exact", "", "10.0.0.1:8002"},
		{"http://example.com/any", "", app},
		{"http://example.com/any", "2", "10.0.0.1:8002"},
		{"http://foreign.example.com/granted", "", app},
		{"http://foreign.example.com/refused", "", "500"},
		{"http://foreign.example.com/empty", "", "503"},
		{"http://foreign.example.com/", "", "404"},
		{"http://own.example.com/", "", "404"},
		{"http://example.com:8080/echo.Echo/Say", "", app},
		{"http://example.com:8080/echo.Other/Any", "", "10.0.0.1:8002"},
		{"http://example.com:8080/echo.Other/Say", "", "404"},
	} {
		if got := through(s.Table, c.link, c.version); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.link, c.version, got, c.want)
		}
	}
}

// through is where a table sends a request, or the status that it answers.
func through(table *route.Table, link, version string) string {
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	number := uint16(80)
	if u.Port() == "8080" {
		number = 8080
	}
	q := &route.Request{Host: route.Hostname(u.Host), Path: u.Path, Method: "POST", Header: http.Header{}}
	if version != "" {
		q.Header.Set("version", version)
	}
	r := table.Ports[number].Listener(q.Host).Rule(q)
	if r == nil {
		return "404"
	}
	b := r.Pick(0)
	if b.Refusal.Status != 0 {
		return fmt.Sprint(b.Refusal.Status)
	}
	said := ""
	for _, e := range b.Endpoints {
		said += " " + e.String()
	}
	return said[1:]
}
