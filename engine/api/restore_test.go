package api

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/api/store"
)

// testRestore has a session go on in another server, from its objects and its identity.
func testRestore(t *testing.T, s *Server) {
	ctx := t.Context()
	old, c := open(t, s, "lasting")
	port := int32(30123)
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort,
		Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80, NodePort: port}}}}
	svc, err := c.CoreV1().Services("default").Create(ctx, svc, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.CoreV1().ServiceAccounts("default").CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// A kind of its own, which the session then serves by itself.
	crds, err := apiextensions.NewForConfig(old.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal([]byte(lasting), crd); err != nil {
		t.Fatal(err)
	}
	if _, err := crds.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, crd, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	things := func(ss *Session) dynamic.ResourceInterface {
		d, err := dynamic.NewForConfig(ss.ClientConfig())
		if err != nil {
			t.Fatal(err)
		}
		return d.Resource(schema.GroupVersionResource{Group: "lasting.example", Version: "v1", Resource: "things"}).Namespace("default")
	}
	thing := func(name string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "lasting.example/v1", "kind": "Thing", "metadata": map[string]any{"name": name}}}
	}
	eventually(t, "the kind is served", func() string {
		_, err := things(old).Create(ctx, thing("one"), metav1.CreateOptions{})
		return said(err)
	})
	is, err := old.Identity()
	if err != nil {
		t.Fatal(err)
	}
	state := old.tenant.State()
	old.Close()

	var begun store.State
	ss, err := s.Open(ctx, Options{ID: "lasting", Restored: &Restored{State: state, Identity: is},
		Journal: func(begin store.State, _ func() store.State) (store.Journal, error) {
			begun = begin
			return ignoring{}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ss.Close)
	if begun.Revision <= state.Revision || len(begun.Objects) != len(state.Objects) {
		t.Errorf("its journal begins at %d with %d objects; it was at %d with %d", begun.Revision, len(begun.Objects), state.Revision, len(state.Objects))
	}
	if ss.AdminToken() != old.AdminToken() || string(ss.ClientAuthority().Certificate) != string(old.ClientAuthority().Certificate) {
		t.Error("it has another token, or another authority of clients")
	}
	if c, err = kubernetes.NewForConfig(ss.ClientConfig()); err != nil {
		t.Fatal(err)
	}
	again, err := c.CoreV1().Services("default").Get(ctx, "web", metav1.GetOptions{})
	if err != nil || again.UID != svc.UID || again.ResourceVersion != svc.ResourceVersion || again.Spec.ClusterIP != svc.Spec.ClusterIP {
		t.Errorf("the Service is %v, was %v; %v", again.ObjectMeta, svc.ObjectMeta, err)
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}
	if review, err = c.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{}); err != nil || !review.Status.Authenticated {
		t.Errorf("an account's token from before: %+v, %v", review.Status, err)
	}
	// What the Service holds is taken.
	for _, other := range []corev1.ServiceSpec{
		{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 81, NodePort: port}}},
		{ClusterIP: svc.Spec.ClusterIP, Ports: []corev1.ServicePort{{Port: 81}}},
	} {
		_, err := c.CoreV1().Services("default").Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}, Spec: other}, metav1.CreateOptions{})
		if !apierrors.IsInvalid(err) {
			t.Errorf("%+v: got %v; want it refused", other, err)
		}
	}
	eventually(t, "the session's own kind is served", func() string {
		_, err := things(ss).Get(ctx, "one", metav1.GetOptions{})
		return said(err)
	})
	if _, err := things(ss).Create(ctx, thing("two"), metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	// A watch from before is told that it is too old, and a list is newer than all that was.
	if w, err := c.CoreV1().Services("default").Watch(ctx, metav1.ListOptions{ResourceVersion: svc.ResourceVersion}); err == nil {
		defer w.Stop()
		if e := <-w.ResultChan(); !apierrors.IsResourceExpired(apierrors.FromObject(e.Object)) {
			t.Errorf("a watch from before got %v %v", e.Type, e.Object)
		}
	} else if !apierrors.IsResourceExpired(err) {
		t.Errorf("a watch from before: %v", err)
	}
	// Keys that are not there are an error, and no session of nobody's.
	for _, broken := range []Identity{{}, {AdminToken: "a"}, {AdminToken: "a", SigningKey: is.SigningKey}, {AdminToken: "a", SigningKey: is.SigningKey, AuthorityCertificate: is.AuthorityCertificate, AuthorityKey: []byte("-")}} {
		if _, err := s.Open(ctx, Options{ID: "broken", Restored: &Restored{State: state, Identity: broken}}); err == nil {
			t.Errorf("an identity of %+v is taken", broken)
		}
	}
}

type ignoring struct{}

func (ignoring) Append(store.Entry) error { return nil }

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

const lasting = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.lasting.example}
spec:
  group: lasting.example
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`
