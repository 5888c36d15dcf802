package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testViewers has somebody who looks on try what they may not, and see what they may.
func testViewers(t *testing.T, s *Server) {
	ctx := t.Context()
	ss, c := open(t, s, "looked-at")
	if _, err := c.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string][]byte{"a": []byte("hidden")}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Whatever a learner gives to everybody, those who look on do not get.
	everybody := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "everybody"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:authenticated"}, {Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: viewers}}}
	if _, err := c.RbacV1().ClusterRoleBindings().Create(ctx, everybody, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string, headers ...string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		ss.ReadOnly().ServeHTTP(w, r)
		text, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(text)
	}
	review := `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"delete","resource":"pods","namespace":"default"}}}`
	for _, path := range []string{"/api", "/apis", "/version", "/openapi/v3", "/healthz", "/api/v1/pods", "/api/v1/nodes", "/api/v1/namespaces/default/configmaps", "/api/v1/nodes/node-1/status",
		"/apis/apps/v1/deployments", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/example.org/v1/gadgets"} {
		if code, text := ask("GET", path, ""); code != http.StatusOK && !(code == http.StatusNotFound && strings.Contains(path, "node-1")) {
			t.Errorf("GET %s: %d %s", path, code, text)
		}
	}
	if code, text := ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review); code != http.StatusCreated || !strings.Contains(text, `"allowed":false`) {
		t.Errorf("may I delete pods: %d %s", code, text)
	}
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/secrets"}, {"GET", "/api/v1/namespaces/default/secrets/one"}, {"GET", "/api/v1/secrets?watch=true&timeoutSeconds=1"},
		{"GET", "/api/v1/namespaces/default/pods/web/exec?command=sh"}, {"GET", "/api/v1/namespaces/default/pods/web/attach"},
		{"GET", "/api/v1/namespaces/default/pods/web/portforward"}, {"GET", "/api/v1/namespaces/default/pods/web/proxy/"},
		{"GET", "/api/v1/namespaces/default/services/web/proxy/"}, {"GET", "/api/v1/nodes/node-1/proxy/"}, {"GET", "/metrics"}, {"GET", "/debug/pprof/"}, {"GET", "/logs/"},
		{"POST", "/api/v1/namespaces/default/pods"}, {"PUT", "/api/v1/namespaces/default/configmaps/x"}, {"PATCH", "/api/v1/namespaces/default/configmaps/x"},
		{"DELETE", "/api/v1/namespaces/default"}, {"DELETE", "/api/v1/namespaces/default/pods"}, {"POST", "/api/v1/namespaces/default/serviceaccounts/default/token"},
		{"POST", "/api/v1/namespaces/default/pods/web/eviction"}, {"POST", "/apis/authentication.k8s.io/v1/tokenreviews"},
		{"POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"}, {"PATCH", "/apis/apps/v1/namespaces/default/deployments/web/scale"},
	} {
		if code, text := ask(c.method, c.path, "{}"); code != http.StatusForbidden || strings.Contains(text, "aGlkZGVu") {
			t.Errorf("%s %s: %d %s", c.method, c.path, code, text)
		}
	}
	// Watches of kinds that learners define are served behind two chains, over a real line.
	line := httptest.NewServer(ss.ReadOnly())
	defer line.Close()
	for _, path := range []string{"/api/v1/pods", "/apis/example.org/v1/gadgets"} {
		answer, err := http.Get(line.URL + path + "?watch=1&timeoutSeconds=1")
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			t.Errorf("watching %s: %s %s", path, answer.Status, text)
		}
		answer.Body.Close()
	}
	// Nor by another's name.
	for _, name := range []string{"kubernetes-admin", "system:serviceaccount:default:default"} {
		if code, text := ask("GET", "/api/v1/secrets", "", "Impersonate-User", name, "Impersonate-Group", "system:masters"); code != http.StatusForbidden {
			t.Errorf("as %s: %d %s", name, code, text)
		}
	}
	if code, text := ask("GET", "/api/v1/secrets", "", "Authorization", "Bearer "+ss.AdminToken()); code != http.StatusForbidden {
		t.Errorf("with the owner's token: %d %s", code, text)
	}
}
