package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	admissionreviewv1 "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
)

// extension is a server in pods of a session, behind the Service extension: webhooks
// and an aggregated API.
type extension struct {
	*httptest.Server
	ca       []byte
	stuck    chan struct{}
	requests chan *http.Request // to the aggregated API
}

func newExtension(t *testing.T, ss *Session, c kubernetes.Interface) *extension {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("extension.default.svc", nil, []string{"extension.default.svc"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	e := &extension{ca: certificate, stuck: make(chan struct{}), requests: make(chan *http.Request, 100)}
	e.Server = httptest.NewUnstartedServer(e)
	e.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	e.StartTLS()
	t.Cleanup(e.Close)
	t.Cleanup(func() { close(e.stuck) })
	ss.SetPodDialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, e.Listener.Addr().String())
	})
	_, err = c.CoreV1().Services("default").Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "extension"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *extension) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/stuck":
		select {
		case <-e.stuck:
		case <-r.Context().Done():
		}
	case r.Header.Get("Upgrade") == "echo":
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		if c, rw, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = io.Copy(c, rw)
			c.Close()
		}
	case r.URL.Path == "/admit":
		review(w, r)
	case r.URL.Path == "/convert":
		convert(w, r)
	case strings.HasPrefix(r.URL.Path, "/apis/extended.example.net/v1"):
		select {
		case e.requests <- r:
		default: // there are enough
		}
		reply(w, metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "extended.example.net/v1",
			APIResources: []metav1.APIResource{{Name: "things", SingularName: "thing", Kind: "Thing", Verbs: metav1.Verbs{"get", "list"}}}})
	case r.URL.Path == "/openapi/v3":
		reply(w, map[string]any{"paths": map[string]any{"apis/extended.example.net/v1": map[string]any{"serverRelativeURL": "/openapi/v3/apis/extended.example.net/v1?hash=1"}}})
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// review refuses what is called bad, and labels the rest.
func review(w http.ResponseWriter, r *http.Request) {
	var a admissionreviewv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.Response = &admissionreviewv1.AdmissionResponse{UID: a.Request.UID, Allowed: a.Request.Name != "bad"}
	if a.Response.Allowed {
		how := admissionreviewv1.PatchTypeJSONPatch
		a.Response.PatchType, a.Response.Patch = &how, []byte(`[{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]`)
	} else {
		a.Response.Result = &metav1.Status{Message: "it is bad"}
	}
	reply(w, a)
}

// convert gives objects the version that is asked for, and fails those that say so.
func convert(w http.ResponseWriter, r *http.Request) {
	var c apiextensionsv1.ConversionReview
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.Response = &apiextensionsv1.ConversionResponse{UID: c.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	for _, o := range c.Request.Objects {
		var obj unstructured.Unstructured
		if err := obj.UnmarshalJSON(o.Raw); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if obj.GetName() == "broken" {
			c.Response.Result = metav1.Status{Status: metav1.StatusFailure, Message: "no idea how"}
			break
		}
		obj.SetAPIVersion(c.Request.DesiredAPIVersion)
		obj.Object["converted"] = true
		raw, _ := obj.MarshalJSON()
		o.Raw = raw
		c.Response.ConvertedObjects = append(c.Response.ConvertedObjects, o)
	}
	c.Request = nil
	reply(w, c)
}

// eventually waits for what comes by itself: it asks until there is nothing missing.
func eventually(t *testing.T, what string, check func() (missing string)) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		missing := check()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, missing)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestExtending(t *testing.T) {
	s, _ := server(t)
	before := runtime.NumGoroutine()
	t.Run("in a session", func(t *testing.T) {
		ss, c := open(t, s, "a")
		e := newExtension(t, ss, c)
		t.Run("webhooks", func(t *testing.T) { testWebhooks(t, e, c) })
		t.Run("conversion", func(t *testing.T) { testConversion(t, e, ss) })
		t.Run("hostile definitions", func(t *testing.T) { testHostile(t, ss) })
		t.Run("aggregation", func(t *testing.T) { testAggregation(t, e, ss, c) })
		t.Run("upgrade", func(t *testing.T) { testUpgrade(t, ss, c) })
	})
	t.Run("restore", func(t *testing.T) { testRestore(t, s) })
	t.Run("token reviews", func(t *testing.T) { testTokenReviews(t, s) })
	t.Run("client certificates", func(t *testing.T) { testCertificates(t, s) })
	settles(t, before)
}

func testWebhooks(t *testing.T, e *extension, c kubernetes.Interface) {
	fail, ignore, none, second := admissionv1.Fail, admissionv1.Ignore, admissionv1.SideEffectClassNone, int32(1)
	at := func(path string) admissionv1.WebhookClientConfig {
		return admissionv1.WebhookClientConfig{CABundle: e.ca, Service: &admissionv1.ServiceReference{Namespace: "default", Name: "extension", Path: &path}}
	}
	made := func(resource string) []admissionv1.RuleWithOperations {
		return []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{resource}}}}
	}
	url := "https://kubernetes.io/admit"
	_, err := c.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "v"}, Webhooks: []admissionv1.ValidatingWebhook{
			{Name: "stuck.example.net", ClientConfig: at("/stuck"), Rules: made("secrets"), FailurePolicy: &fail, TimeoutSeconds: &second, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}},
			{Name: "ignored.example.net", ClientConfig: at("/stuck"), Rules: made("serviceaccounts"), FailurePolicy: &ignore, TimeoutSeconds: &second, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}},
			{Name: "outside.example.net", ClientConfig: admissionv1.WebhookClientConfig{URL: &url}, Rules: made("endpoints"), FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}},
		}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(t.Context(), &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "m"}, Webhooks: []admissionv1.MutatingWebhook{
			{Name: "admit.example.net", ClientConfig: at("/admit"), Rules: made("configmaps"), FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}},
		}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	configMap := func(name string) (*corev1.ConfigMap, error) {
		return c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	}
	eventually(t, "the webhook is called", func() string {
		made, err := configMap("good")
		if err != nil {
			return err.Error()
		}
		if made.Labels["seen"] != "yes" {
			return "the object is not changed"
		}
		return ""
	})
	refused := func(what string, err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	_, err = configMap("bad")
	refused("a bad one", err, `admission webhook "admit.example.net" denied the request: it is bad`)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	eventually(t, "the stuck one is called", func() string {
		_, err = c.CoreV1().Secrets("default").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, dry)
		if err == nil {
			return "not yet"
		}
		return ""
	})
	refused("no answer", err, `failed calling webhook "stuck.example.net": failed to call webhook: Post "https://extension.default.svc:443/stuck?timeout=1s": context deadline exceeded`)
	if _, err = c.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, dry); err != nil {
		t.Errorf("no answer, ignored: %v", err)
	}
	//lint:ignore SA1019 a kind that the hook is called for, and no other test writes
	_, err = c.CoreV1().Endpoints("default").Create(t.Context(), &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, dry)
	refused("a name that no Service has", err, "dial tcp: lookup kubernetes.io: no such host")
}

func testConversion(t *testing.T, e *extension, ss *Session) {
	c, err := apiextensions.NewForConfig(jsonOnly(ss.ClientConfig()))
	if err != nil {
		t.Fatal(err)
	}
	path, keep := "/convert", true
	crd := widgets()
	crd.Spec.Versions[0].Schema.OpenAPIV3Schema.XPreserveUnknownFields = &keep
	second := *crd.Spec.Versions[0].DeepCopy()
	second.Name, second.Storage = "v2", false
	crd.Spec.Versions = append(crd.Spec.Versions, second)
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter, Webhook: &apiextensionsv1.WebhookConversion{
		ConversionReviewVersions: []string{"v1"},
		ClientConfig:             &apiextensionsv1.WebhookClientConfig{CABundle: e.ca, Service: &apiextensionsv1.ServiceReference{Namespace: "default", Name: "extension", Path: &path}},
	}}
	if _, err := c.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), crd, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	d, err := dynamic.NewForConfig(jsonOnly(ss.ClientConfig()))
	if err != nil {
		t.Fatal(err)
	}
	in := func(version string) dynamic.ResourceInterface {
		return d.Resource(schema.GroupVersionResource{Group: "example.com", Version: version, Resource: "widgets"}).Namespace("default")
	}
	for _, name := range []string{"good", "broken"} {
		eventually(t, "widgets are served", func() string {
			_, err := in("v1").Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": name}}}, metav1.CreateOptions{})
			if err != nil {
				return err.Error()
			}
			return ""
		})
	}
	got, err := in("v2").Get(t.Context(), "good", metav1.GetOptions{})
	if err != nil || got.GetAPIVersion() != "example.com/v2" || got.Object["converted"] != true {
		t.Errorf("%v, %v", err, got)
	}
	_, err = in("v2").Get(t.Context(), "broken", metav1.GetOptions{})
	if err == nil || !strings.Contains(err.Error(), "conversion webhook for example.com/v1, Kind=Widget failed: no idea how") {
		t.Errorf("a conversion that fails: %v", err)
	}
	a, err := clientset.NewForConfig(ss.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is registered", func() string {
		one, err := a.ApiregistrationV1().APIServices().Get(t.Context(), "v2.example.com", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		return unavailable(one, "Local")
	})
	for _, name := range []string{"v1.", "v1.apps", "v1.example.org"} {
		if one, err := a.ApiregistrationV1().APIServices().Get(t.Context(), name, metav1.GetOptions{}); err != nil || unavailable(one, "Local") != "" {
			t.Errorf("%s: %v %v", name, err, one.Status)
		}
	}
	if _, err := c.Discovery().OpenAPISchema(); err != nil {
		t.Errorf("OpenAPI v2 as kubectl asks for it: %v", err)
	}
	for _, accept := range []string{"application/json", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"} {
		doc, err := c.Discovery().RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", accept).DoRaw(t.Context())
		if err != nil || !strings.Contains(string(doc), "com.example.v2.Widget") || !strings.Contains(string(doc), "io.k8s.api.core.v1.Pod") {
			t.Errorf("OpenAPI v2 as %s: %v, %d bytes", accept, err, len(doc))
		}
	}
}

// testHostile writes definitions that would cost too much, or make no sense.
func testHostile(t *testing.T, ss *Session) {
	c, err := apiextensions.NewForConfig(jsonOnly(ss.ClientConfig()))
	if err != nil {
		t.Fatal(err)
	}
	for says, text := range map[string]string{
		"estimated rule cost exceeds budget": `{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "array", "items": {"type": "string"}},
			"x-kubernetes-validations": [{"rule": "self.all(x, self.all(y, x.all(z, y.all(w, z == w))))"}]}}}`,
		"error parsing regexp: missing closing )": `{"type": "object", "properties": {"a": {"type": "string", "pattern": "(("}}}`,
		"exceeded max depth":                      strings.Repeat(`{"type": "object", "properties": {"a": `, 10_001) + `{"type": "string"}` + strings.Repeat("}}", 10_001),
		"undefined field 'missing'":               `{"type": "object", "x-kubernetes-validations": [{"rule": "self.missing == 1"}]}`,
	} {
		body := `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "hostiles.example.com"}, "spec": {
			"group": "example.com", "scope": "Cluster", "names": {"plural": "hostiles", "kind": "Hostile"}, "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": ` + text + `}}]}}`
		err := c.ApiextensionsV1().RESTClient().Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").Body([]byte(body)).Do(t.Context()).Error()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// unavailable tells what an APIService says instead of being available for a reason.
func unavailable(s *apiregistrationv1.APIService, reason string) string {
	for _, c := range s.Status.Conditions {
		if c.Type == apiregistrationv1.Available {
			if c.Status == apiregistrationv1.ConditionTrue && c.Reason == reason {
				return ""
			}
			return string(c.Status) + " " + c.Reason + ": " + c.Message
		}
	}
	return "it has no condition"
}

func testAggregation(t *testing.T, e *extension, ss *Session, c kubernetes.Interface) {
	if ss.aggregated.get() != nil {
		t.Error("the session has an aggregator, and nothing to aggregate")
	}
	a, err := clientset.NewForConfig(ss.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	services := a.ApiregistrationV1().APIServices()
	_, err = services.Create(t.Context(), &apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: "v1.extended.example.net"},
		Spec: apiregistrationv1.APIServiceSpec{Group: "extended.example.net", Version: "v1", GroupPriorityMinimum: 2000, VersionPriority: 100,
			CABundle: e.ca, Service: &apiregistrationv1.ServiceReference{Namespace: "default", Name: "extension"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	condition := func(want string) func() string {
		return func() string {
			one, err := services.Get(t.Context(), "v1.extended.example.net", metav1.GetOptions{})
			if err != nil {
				return err.Error()
			}
			if got := unavailable(one, "Passed"); !strings.HasPrefix(got, want) || want == "" && got != "" {
				return got
			}
			return ""
		}
	}
	eventually(t, "nobody serves it", condition("False EndpointsNotFound: cannot find endpointslices for service/extension in"))
	yes, port, name := true, int32(443), ""
	_, err = c.DiscoveryV1().EndpointSlices("default").Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "extension-1", Labels: map[string]string{discoveryv1.LabelServiceName: "extension"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.244.1.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is available", condition(""))
	for len(e.requests) > 0 {
		<-e.requests // probes of availability and discovery
	}
	asked := c.Discovery().RESTClient().Get().AbsPath("/apis/extended.example.net/v1/things")
	eventually(t, "it answers", func() string {
		if _, err := asked.DoRaw(t.Context()); err != nil {
			return err.Error()
		}
		return ""
	})
	roots := x509.NewCertPool()
	roots.AddCert(ss.server.frontProxy.authority.certificate)
	for found := false; !found; {
		r := <-e.requests
		if found = strings.HasSuffix(r.URL.Path, "/things"); !found {
			continue
		}
		if got := r.Header.Get("X-Remote-User"); got != "system:apiserver" {
			t.Errorf("asked as %q", got)
		}
		if len(r.TLS.PeerCertificates) != 1 {
			t.Fatalf("%d certificates", len(r.TLS.PeerCertificates))
		}
		leaf := r.TLS.PeerCertificates[0]
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || leaf.Subject.CommonName != frontProxyName {
			t.Errorf("the certificate of %s: %v", leaf.Subject, err)
		}
	}
	eventually(t, "aggregated discovery", func() string {
		lists, err := c.Discovery().ServerPreferredResources()
		if err != nil {
			return err.Error()
		}
		if !slices.ContainsFunc(lists, func(l *metav1.APIResourceList) bool { return l.GroupVersion == "extended.example.net/v1" }) {
			return "the group is not there"
		}
		return ""
	})
	for path, says := range map[string]string{
		"/apis": `"name":"extended.example.net"`, "/apis/extended.example.net": `"groupVersion":"extended.example.net/v1"`,
		"/openapi/v3": "apis/extended.example.net/v1",
	} {
		eventually(t, path, func() string {
			out, err := c.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
			if err != nil {
				return err.Error()
			}
			if !strings.Contains(string(out), says) {
				return "it lacks " + says
			}
			return ""
		})
	}
	if err := services.Delete(t.Context(), "v1.extended.example.net", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() string {
		out, err := asked.DoRaw(t.Context())
		if err == nil {
			return string(out)
		}
		return ""
	})
}

// testUpgrade asks a pod for another protocol, through the API's proxy.
func testUpgrade(t *testing.T, ss *Session, k kubernetes.Interface) {
	pod, err := k.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "extension"},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "c", Image: "x"}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.1.2", PodIPs: []corev1.PodIP{{IP: "10.244.1.2"}}}
	if _, err := k.CoreV1().Pods("default").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(ss)
	defer front.Close()
	c, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET /api/v1/namespaces/default/pods/https:extension:443/proxy/socket HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", ss.AdminToken())
	in := bufio.NewReader(c)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", err, answer)
	}
	fmt.Fprintln(c, "hello")
	if line, err := in.ReadString('\n'); err != nil || line != "hello\n" {
		t.Errorf("%v: %q", err, line)
	}
}

func testTokenReviews(t *testing.T, s *Server) {
	_, one := open(t, s, "one")
	_, two := open(t, s, "two")
	made, err := one.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in   kubernetes.Interface
		user string
	}{"its own session": {one, "system:serviceaccount:default:default"}, "another": {two, ""}} {
		review, err := c.in.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: made.Status.Token}}, metav1.CreateOptions{})
		if err != nil || review.Status.User.Username != c.user || review.Status.Authenticated != (c.user != "") {
			t.Errorf("%s: %v, %+v", name, err, review.Status)
		}
	}
}

func testCertificates(t *testing.T, s *Server) {
	one, _ := open(t, s, "one")
	two, _ := open(t, s, "two")
	front := httptest.NewUnstartedServer(one)
	front.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	front.StartTLS()
	defer front.Close()
	for name, c := range map[string]struct {
		by   *Session
		code int
	}{"its own": {one, http.StatusCreated}, "another session's": {two, http.StatusUnauthorized}} {
		t.Run(name, func(t *testing.T) {
			leaf, key, err := c.by.authority.issue("jane")
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := tls.X509KeyPair(leaf, key)
			if err != nil {
				t.Fatal(err)
			}
			client := front.Client()
			client.Transport.(*http.Transport).CloseIdleConnections()
			client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificate}
			r, err := client.Post(front.URL+"/apis/authentication.k8s.io/v1/selfsubjectreviews", "application/json",
				strings.NewReader(`{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}`))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != c.code || c.code == http.StatusCreated && !strings.Contains(string(body), `"username":"jane"`) {
				t.Errorf("%v %s: %s", err, r.Status, body)
			}
		})
	}
}
