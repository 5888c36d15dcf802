package api

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/api/store"
)

// testForks has two sessions go on from one's objects: neither takes what the other trusts.
func testForks(t *testing.T, s *Server) {
	ctx := t.Context()
	old, c := open(t, s, "forked")
	secrets := c.CoreV1().Secrets("default")
	for _, secret := range []*corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "password", Annotations: map[string]string{lastApplied: `{"stringData":{"a":"hunter2"}}`, "mine": "yes"}}, Data: map[string][]byte{"a": []byte("hunter2")}},
		{ObjectMeta: metav1.ObjectMeta{Name: "registry"}, Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"hunter2":{}}}`)}},
		{ObjectMeta: metav1.ObjectMeta{Name: "token", Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"}}, Type: corev1.SecretTypeServiceAccountToken,
			Data: map[string][]byte{corev1.ServiceAccountTokenKey: []byte("signed by the old one"), "a": []byte("hunter2")}},
	} {
		if _, err := secrets.Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	service, err := c.CoreV1().Services("default").Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tokenOf := func(c kubernetes.Interface) string {
		token, err := c.CoreV1().ServiceAccounts("default").CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return token.Status.Token
	}
	authenticates := func(c kubernetes.Interface, token string) bool {
		review, err := c.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return review.Status.Authenticated
	}
	state := old.State()
	was, err := old.Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]bool{"with values": true, "without": false} {
		var begun store.State
		ss, err := s.Open(ctx, Options{ID: "fork " + name, Restored: &Restored{State: state, Fork: true, Secrets: values},
			Journal: func(begin store.State, _ func() store.State) (store.Journal, error) {
				begun = begin
				return ignoring{}, nil
			}})
		if err != nil {
			t.Fatal(name, err)
		}
		t.Cleanup(ss.Close)
		fork, err := kubernetes.NewForConfig(ss.ClientConfig())
		if err != nil {
			t.Fatal(err)
		}
		same, err := fork.CoreV1().Services("default").Get(ctx, "web", metav1.GetOptions{})
		if err != nil || same.UID != service.UID || same.Spec.ClusterIP != service.Spec.ClusterIP {
			t.Errorf("%s: the Service is %v: %v", name, same, err)
		}
		is, err := ss.Identity()
		if err != nil || is.AdminToken == was.AdminToken || string(is.SigningKey) == string(was.SigningKey) || string(is.AuthorityKey) == string(was.AuthorityKey) {
			t.Errorf("%s: it has of the other's identity: %v", name, err)
		}
		if ours, theirs := tokenOf(fork), tokenOf(c); authenticates(fork, theirs) || authenticates(c, ours) || !authenticates(fork, ours) || !authenticates(c, theirs) {
			t.Errorf("%s: one takes the other's tokens, or not its own", name)
		}
		config, err := fork.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, authenticationConfig, metav1.GetOptions{})
		if err != nil || config.Data["client-ca-file"] != string(is.AuthorityCertificate) {
			t.Errorf("%s: extension servers are told of another authority: %v", name, err)
		}
		got := map[string]string{}
		all, err := fork.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range all.Items {
			for _, key := range []string{"a", corev1.DockerConfigJsonKey, corev1.ServiceAccountTokenKey} {
				got[secret.Name] += string(secret.Data[key])
			}
			got[secret.Name] += secret.Annotations[lastApplied] + secret.Annotations["mine"]
		}
		want := map[string]string{"password": "left outyes", "registry": "{}", "token": "left out"}
		if values {
			want = map[string]string{"password": `hunter2{"stringData":{"a":"hunter2"}}yes`, "registry": `{"auths":{"hunter2":{}}}`, "token": "hunter2"}
		}
		for secret := range want {
			if got[secret] != want[secret] {
				t.Errorf("%s: %s has %q, want %q", name, secret, got[secret], want[secret])
			}
		}
		for _, o := range begun.Objects {
			if !values && strings.Contains(string(o.Value), "hunter2") {
				t.Errorf("%s: its journal begins with a value, at %s%s", name, o.Prefix, o.Key)
			}
		}
	}
	// The other's are as they were.
	if secret, err := secrets.Get(ctx, "password", metav1.GetOptions{}); err != nil || string(secret.Data["a"]) != "hunter2" {
		t.Errorf("the other's Secret is %v: %v", secret, err)
	}
}
