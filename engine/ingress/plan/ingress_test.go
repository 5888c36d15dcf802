package plan

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/ingress/route"
)

// world has the Services that tests send to, with two endpoints each: app on ports
// http (80) and 8080, empty without endpoints, outside an ExternalName.
func world() *Objects {
	services := map[string]*corev1.Service{
		"app": {Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "alt", Port: 8080},
			{Name: "udp", Port: 53, Protocol: corev1.ProtocolUDP}}}},
		"other":   {Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80, AppProtocol: new("kubernetes.io/h2c")}}}},
		"empty":   {Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		"outside": {Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.org", Ports: []corev1.ServicePort{{Port: 80}}}},
	}
	slice := func(port string, number int32, conditions ...discoveryv1.EndpointConditions) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &port, Port: &number}}}
		for i, c := range conditions {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.0.0.%d", i+1)}, Conditions: c})
		}
		return s
	}
	ready, ending, down := discoveryv1.EndpointConditions{}, discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true)}, discoveryv1.EndpointConditions{Ready: new(false)}
	slices := map[string][]*discoveryv1.EndpointSlice{
		"app":   {slice("http", 8000, ready, ready, ending, down), slice("alt", 8001, ending, down)},
		"other": {slice("", 8002, ready)},
		"empty": {slice("", 8003, down)},
	}
	return &Objects{
		Classes: []*networkingv1.IngressClass{
			{ObjectMeta: metav1.ObjectMeta{Name: "podhop", Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
				Spec: networkingv1.IngressClassSpec{Controller: IngressController}},
			{ObjectMeta: metav1.ObjectMeta{Name: "nginx"}, Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}},
		},
		Service: func(_, name string) *corev1.Service { return services[name] },
		Slices:  func(_, name string) []*discoveryv1.EndpointSlice { return slices[name] },
		Secret: func(_, name string) *corev1.Secret {
			switch name {
			case "rubbish":
				return &corev1.Secret{Data: map[string][]byte{"tls.crt": []byte("rubbish"), "tls.key": []byte("rubbish")}}
			case "opaque":
				return &corev1.Secret{}
			}
			return nil
		},
	}
}

func ingress(t *testing.T, name, spec string) *networkingv1.Ingress {
	t.Helper()
	i := &networkingv1.Ingress{}
	if err := yaml.UnmarshalStrict([]byte(spec), &i.Spec); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	i.Name, i.Namespace = name, "default"
	return i
}

func asks(table *route.Table, link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	plain, _ := route.Clean(u.EscapedPath())
	port := table.Ports[80]
	r := port.Listener("").Rule(&route.Request{Host: route.Hostname(u.Host), Path: plain, Method: "GET", Header: http.Header{}})
	if r == nil {
		return "404"
	}
	if r.Refusal.Status != 0 {
		return fmt.Sprint(r.Refusal.Status)
	}
	b := r.Pick(0)
	if b.Refusal.Status != 0 {
		return fmt.Sprint(b.Refusal.Status)
	}
	var at []string
	for _, e := range b.Endpoints {
		at = append(at, e.String())
	}
	return r.Origin.Name + ": " + strings.Join(at, " ")
}

const app = "10.0.0.1:8000 10.0.0.2:8000"

func TestIngresses(t *testing.T) {
	path := func(host, path, kind, service, port string) string {
		return fmt.Sprintf("{host: %q, http: {paths: [{path: %q, pathType: %s, backend: {service: {name: %s, port: {%s}}}}]}}", host, path, kind, service, port)
	}
	for _, c := range []struct {
		what      string
		ingresses []string // their spec, oldest first
		want      map[string]string
		notes     []string
	}{
		{"named and numbered ports", []string{"rules: [" + path("example.com", "/app1", "Prefix", "app", "name: http") + "," + path("example.com", "/app2", "Exact", "app", "number: 8080") + "]"},
			map[string]string{
				"http://example.com/app1/x": "a: " + app, "http://example.com/app2": "a: 10.0.0.1:8001", "http://example.com/app2/": "404",
				"http://example.org/app1": "404",
			}, nil},
		{"ImplementationSpecific is Prefix", []string{"rules: [" + path("", "/x", "ImplementationSpecific", "app", "name: http") + "]"},
			map[string]string{"http://any/x/y": "a: " + app, "http://any/xy": "404"}, nil},
		{"wildcards are one label", []string{"rules: [" + path("*.example.com", "/", "Prefix", "app", "name: http") + "]"},
			map[string]string{"http://a.example.com/": "a: " + app, "http://a.b.example.com/": "404", "http://example.com/": "404"}, nil},
		{"merged, the older first", []string{
			"rules: [" + path("example.com", "/", "Prefix", "app", "name: http") + "]",
			"rules: [" + path("example.com", "/", "Prefix", "other", "number: 80") + "," + path("example.com", "/other", "Prefix", "other", "number: 80") + "]"},
			map[string]string{"http://example.com/": "a: " + app, "http://example.com/other": "b: 10.0.0.1:8002"}, nil},
		{"default backends", []string{
			"{defaultBackend: {service: {name: app, port: {name: http}}}}",
			"{defaultBackend: {service: {name: other, port: {number: 80}}}, rules: [" + path("example.com", "/x", "Prefix", "app", "name: http") + "]}"},
			map[string]string{"http://example.com/x": "b: " + app, "http://example.com/y": "b: 10.0.0.1:8002", "http://example.org/": "a: " + app}, nil},
		{"what is not there", []string{"rules: [" + path("", "/a", "Prefix", "nobody", "number: 80") + "," + path("", "/b", "Prefix", "app", "number: 81") + "," +
			path("", "/c", "Prefix", "empty", "number: 80") + "," + path("", "/d", "Prefix", "outside", "number: 80") + "," + path("", "/e", "Prefix", "app", "name: udp") + "," + path("", "/ok", "Prefix", "app", "name: http") + "]"},
			map[string]string{"http://x/a": "503", "http://x/b": "503", "http://x/c": "503", "http://x/d": "503", "http://x/e": "503", "http://x/ok": "a: " + app},
			[]string{"ServiceNotFound host *, path /a: Service default/nobody is not there", "ServicePortNotFound host *, path /b: Service default/app has no TCP port 81",
				"NoEndpoints host *, path /c: Service default/empty has no ready endpoint for port 80", "UnsupportedService host *, path /d: Service default/outside is an alias of example.org, which is not in this cluster",
				"ServicePortNotFound host *, path /e: Service default/app has no TCP port udp"}},
		{"a resource", []string{"rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {resource: {kind: Bucket, name: b}}}]}}]"},
			map[string]string{"http://x/": "500"}, []string{"UnsupportedBackend host *, path /: the backend is a Bucket, and only Services can be asked"}},
		{"secrets", []string{"{tls: [{secretName: rubbish, hosts: [a]}, {secretName: nobody, hosts: [b]}, {secretName: opaque}, {hosts: [c]}], rules: [" + path("", "/", "Prefix", "app", "name: http") + "]}"},
			map[string]string{"http://x/": "a: " + app},
			[]string{"InvalidCertificate Secret default/rubbish: tls: failed to find any PEM data in certificate input: its hosts get the default certificate",
				"SecretNotFound Secret default/nobody is not there: its hosts get the default certificate", "InvalidCertificate Secret default/opaque: it has no tls.crt: its hosts get the default certificate"}},
		{"another's", []string{"{ingressClassName: nginx, defaultBackend: {service: {name: nobody, port: {number: 80}}}}"}, map[string]string{"http://x/": "404"}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			o := world()
			for n, spec := range c.ingresses {
				i := ingress(t, string(rune('a'+n)), spec)
				i.CreationTimestamp = metav1.NewTime(time.Unix(int64(1000+n), 0))
				o.Ingresses = slices.Insert(o.Ingresses, 0, i) // the list is in no order
			}
			p := Ingresses(o, route.Certificate{})
			for link, want := range c.want {
				if got := asks(p.Table, link); got != want {
					t.Errorf("%s: %s, want %s", link, got, want)
				}
			}
			var notes []string
			for _, n := range p.Notes {
				notes = append(notes, n.Reason+" "+n.Message)
			}
			if !slices.Equal(notes, c.notes) {
				t.Errorf("notes: %q\nwant:  %q", notes, c.notes)
			}
		})
	}
}

func TestServed(t *testing.T) {
	classes := world().Classes
	for _, c := range []struct {
		class, legacy string
		want          bool
	}{
		{"", "", true}, {"podhop", "", true}, {"nginx", "", false}, {"nobody", "", false}, {"", "podhop", true}, {"", "nginx", false}, {"nginx", "podhop", false},
	} {
		i := &networkingv1.Ingress{}
		if c.class != "" {
			i.Spec.IngressClassName = &c.class
		}
		if c.legacy != "" {
			i.Annotations = map[string]string{"kubernetes.io/ingress.class": c.legacy}
		}
		if got := Served(i, classes); got != c.want {
			t.Errorf("class %q, annotation %q: %v", c.class, c.legacy, got)
		}
	}
	if Served(&networkingv1.Ingress{}, classes[1:]) {
		t.Error("one without class is served where no class is the default")
	}
}
