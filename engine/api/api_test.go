package api

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/component-base/version"
)

func server(t testing.TB) (*Server, *refusals) {
	t.Helper()
	r := &refusals{}
	s, err := New(context.Background(), Config{Dir: t.TempDir(), RootCA: []byte("ca"), Definitions: [][]byte{[]byte(gadgets)}, Refused: r.add,
		Custom: []Custom{{Path: "/apis/example.org/v1/gadgets", Name: "seeded",
			Body: []byte(`{"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "seeded"}, "status": {"ready": true}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Log(s.Laps())
	return s, r
}

func open(t testing.TB, s *Server, id string, nodes ...corev1.Node) (*Session, kubernetes.Interface) {
	t.Helper()
	ss, err := s.Open(t.Context(), Options{ID: id, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ss.Close)
	c, err := kubernetes.NewForConfig(ss.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	return ss, c
}

// settles waits until the number of goroutines is want or less.
func settles(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > want {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want %d\n%s", runtime.NumGoroutine(), want, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}

func TestServer(t *testing.T) {
	s, refused := server(t)
	t.Run("version", func(t *testing.T) {
		mod, err := os.ReadFile("../../go.mod")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(mod), "k8s.io/kubernetes "+kubernetesVersion) || version.Get().GitVersion != kubernetesVersion {
			t.Errorf("%s is not go.mod's, or not reported: %s", kubernetesVersion, version.Get())
		}
	})
	t.Run("sessions keep to themselves", func(t *testing.T) {
		_, a := open(t, s, "a")
		_, b := open(t, s, "b")
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
		if _, err := a.CoreV1().ConfigMaps("default").Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.CoreV1().ConfigMaps("default").Get(t.Context(), "mine", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	t.Run("metrics", func(t *testing.T) { testMetrics(t, s) })
	t.Run("viewers", func(t *testing.T) { testViewers(t, s) })
	t.Run("who asks too much leaves others room", func(t *testing.T) { testShares(t, s) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, s, refused) })
	t.Run("forks", func(t *testing.T) { testForks(t, s) })
	t.Run("a session is as old as it is", func(t *testing.T) {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
		open(t, s, "a", n)
		start := time.Now().Truncate(time.Second).Add(time.Second)
		time.Sleep(time.Until(start)) // timestamps have whole seconds
		_, c := open(t, s, "b", n)
		for what, get := range map[string]func() (metav1.Object, error){
			"node": func() (metav1.Object, error) { return c.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{}) },
			"namespace": func() (metav1.Object, error) {
				return c.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{})
			},
			"service": func() (metav1.Object, error) {
				return c.CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
			},
			"account": func() (metav1.Object, error) {
				return c.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
			},
			"configmap": func() (metav1.Object, error) {
				return c.CoreV1().ConfigMaps("default").Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
			},
		} {
			if o, err := get(); err != nil || o.GetCreationTimestamp().Time.Before(start) {
				t.Errorf("%s: %v, %v", what, err, o.GetCreationTimestamp())
			}
		}
	})
	t.Run("identities", func(t *testing.T) {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
		ss, c := open(t, s, "a", n, corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-2"}})
		as := func(name string, groups ...string) kubernetes.Interface {
			c, err := kubernetes.NewForConfig(ss.ConfigFor(name, groups...))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		kubelet := as("system:node:node-1", "system:nodes")
		if _, err := kubelet.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{}); err != nil {
			t.Error("its own node:", err)
		}
		l, err := kubelet.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", "node-1").String()})
		if err != nil {
			t.Error("its pods:", err, l)
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}
		if _, err := c.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := kubelet.CoreV1().Secrets("default").Get(t.Context(), "s", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
			t.Error("a secret that none of its pods uses:", err)
		}
		node2, err := c.CoreV1().Nodes().Get(t.Context(), "node-2", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kubelet.CoreV1().Nodes().UpdateStatus(t.Context(), node2, metav1.UpdateOptions{}); !apierrors.IsForbidden(err) {
			t.Error("another node's status:", err)
		}
		if _, err := as("system:kube-proxy").CoreV1().Services("").List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Error("kube-proxy:", err)
		}
		if _, err := as("nobody").CoreV1().Services("").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Error("nobody:", err)
		}
	})
	t.Run("service addresses", func(t *testing.T) {
		_, c := open(t, s, "a")
		make := func(ip string) (*corev1.Service, error) {
			return c.CoreV1().Services("default").Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{GenerateName: "s-"},
				Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ClusterIP: ip, Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{})
		}
		if _, err := make("10.96.0.1"); !apierrors.IsInvalid(err) {
			t.Error("the kubernetes Service's address is free:", err)
		}
		svc, err := make("10.96.7.7")
		if err != nil || svc.Spec.Ports[0].NodePort == 0 {
			t.Fatal(err, svc)
		}
		if _, err := make("10.96.7.7"); !apierrors.IsInvalid(err) {
			t.Error("an address twice:", err)
		}
		if err := c.CoreV1().Services("default").Delete(t.Context(), svc.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := make("10.96.7.7"); err != nil {
			t.Error("a released address:", err)
		}
	})
	t.Run("custom resources", func(t *testing.T) {
		ss, _ := open(t, s, "a")
		c, err := apiextensions.NewForConfig(jsonOnly(ss.ClientConfig()))
		if err != nil {
			t.Fatal(err)
		}
		t0 := time.Now()
		crd, err := c.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), widgets(), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := c.ApiextensionsV1().CustomResourceDefinitions().Watch(t.Context(), metav1.ListOptions{ResourceVersion: crd.ResourceVersion})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		for e := range w.ResultChan() {
			if established(e.Object.(*apiextensionsv1.CustomResourceDefinition)) {
				break
			}
		}
		t.Log("established after", time.Since(t0))
	})
	t.Run("custom resources of every session", func(t *testing.T) {
		resource := schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "gadgets"}
		names := func(ss *Session) (names []string) {
			t.Helper()
			c, err := dynamic.NewForConfig(jsonOnly(ss.ClientConfig()))
			if err != nil {
				t.Fatal(err)
			}
			list, err := c.Resource(resource).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				names = append(names, o.GetName())
			}
			return names
		}
		one, c := open(t, s, "one")
		two, _ := open(t, s, "two")
		d, err := dynamic.NewForConfig(jsonOnly(one.ClientConfig()))
		if err != nil {
			t.Fatal(err)
		}
		seeded, err := d.Resource(resource).Get(t.Context(), "seeded", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if ready, _, _ := unstructured.NestedBool(seeded.Object, "status", "ready"); !ready {
			t.Errorf("its status: %v", seeded.Object)
		}
		gadget := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": map[string]any{"name": "own"}}}
		if _, err := d.Resource(resource).Create(t.Context(), gadget, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := names(one); !slices.Equal(got, []string{"own", "seeded"}) {
			t.Errorf("one has %q", got)
		}
		if got := names(two); !slices.Equal(got, []string{"seeded"}) {
			t.Errorf("two has %q", got)
		}
		if one.custom.get() != nil || two.custom.get() != nil {
			t.Error("a session has a server of its own that needs none")
		}
		if _, err := c.Discovery().ServerResourcesForGroupVersion("example.org/v1"); err != nil {
			t.Errorf("discovery: %v", err)
		}
		// With a server of its own it still has them.
		extensions, err := apiextensions.NewForConfig(jsonOnly(one.ClientConfig()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := extensions.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), widgets(), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := names(one); !slices.Equal(got, []string{"own", "seeded"}) {
			t.Errorf("one, with a definition of its own, has %q", got)
		}
	})
	t.Run("admission policies", func(t *testing.T) {
		_, c := open(t, s, "a")
		policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "no-bad"}, Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create}, Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}}}}},
			Validations: []admissionv1.Validation{{Expression: "object.metadata.name != 'bad'", Message: "it is bad"}},
		}}
		if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "no-bad"}, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "no-bad", ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}}}
		if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for { // upstream compiles policies in the background
			bad := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "bad"}}
			_, err := c.CoreV1().ConfigMaps("default").Create(ctx, bad, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil && strings.Contains(err.Error(), "it is bad") {
				break
			}
			if ctx.Err() != nil {
				t.Fatal("the policy never applied:", err)
			}
		}
		good := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "good"}}
		if _, err := c.CoreV1().ConfigMaps("default").Create(ctx, good, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("health", func(t *testing.T) {
		_, c := open(t, s, "a")
		for _, path := range []string{"/healthz", "/livez", "/readyz", "/version", "/openid/v1/jwks", "/.well-known/openid-configuration"} {
			out, err := c.Discovery().RESTClient().Get().AbsPath(path).Param("verbose", "").DoRaw(t.Context())
			if err != nil {
				t.Errorf("%s: %v\n%s", path, err, out)
			}
		}
	})
	t.Run("close leaves nothing", func(t *testing.T) {
		before := runtime.NumGoroutine()
		for range 3 {
			ss, err := s.Open(t.Context(), Options{ID: "x"})
			if err != nil {
				t.Fatal(err)
			}
			c, err := apiextensions.NewForConfig(jsonOnly(ss.ClientConfig()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), widgets(), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			ss.Close()
		}
		settles(t, before)
	})
}

func established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}
	return false
}

// gadgets are in every session.
const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.org}
spec:
  group: example.org
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  scope: Cluster
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func widgets() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}}}},
		},
	}
}

// jsonOnly is for clients whose types have no protobuf form.
func jsonOnly(c *restclient.Config) *restclient.Config {
	c.ContentConfig = restclient.ContentConfig{}
	return c
}
