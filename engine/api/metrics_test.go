package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/metrics"
	"k8s.io/metrics/pkg/client/clientset/versioned"
)

// told are metrics that somebody told.
type told struct {
	pods  map[types.NamespacedName]metrics.PodMetrics
	nodes map[string]metrics.NodeMetrics
}

func (m told) PodMetrics(context.Context) (map[types.NamespacedName]metrics.PodMetrics, error) {
	return m.pods, nil
}
func (m told) NodeMetrics(context.Context) (map[string]metrics.NodeMetrics, error) {
	return m.nodes, nil
}

func usage(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// testMetrics is part of TestServer.
func testMetrics(t *testing.T, s *Server) {
	node := func(name string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kind": name}}}
	}
	ss, c := open(t, s, "metrics", node("on"), node("off"))
	for name, phase := range map[string]corev1.PodPhase{"busy": corev1.PodRunning, "idle": corev1.PodRunning, "unknown": corev1.PodRunning, "pending": corev1.PodPending} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
		p, err := c.CoreV1().Pods("default").Create(t.Context(), p, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p.Status.Phase = phase
		if _, err := c.CoreV1().Pods("default").UpdateStatus(t.Context(), p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	config := ss.ConfigFor("viewer")
	m, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	pods, nodes := m.MetricsV1beta1().PodMetricses("default"), m.MetricsV1beta1().NodeMetricses()
	if _, err := pods.List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("whoever may not view: %v", err)
	}
	for _, role := range []string{"view", "system:aggregated-metrics-reader"} {
		b := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: role}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "viewer"}}}
		if _, err := c.RbacV1().ClusterRoleBindings().Create(t.Context(), b, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := pods.List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
	if list, err := nodes.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("before anything is known: %v, %v", list, err)
	}

	now := time.Now().Truncate(time.Second)
	of := func(cpu string, containers ...string) (m metrics.PodMetrics) {
		m.Timestamp, m.Window = metav1.NewTime(now), metav1.Duration{Duration: 5 * time.Second}
		for _, name := range containers {
			m.Containers = append(m.Containers, metrics.ContainerMetrics{Name: name, Usage: usage(cpu, "1Mi")})
		}
		return m
	}
	in := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "default", Name: name} }
	ss.SetMetrics(told{
		map[types.NamespacedName]metrics.PodMetrics{in("busy"): of("500m", "a", "b"), in("idle"): of("1n", "a"), in("pending"): of("1", "a"), in("gone"): of("1", "a")},
		map[string]metrics.NodeMetrics{"on": {Usage: usage("1001n", "3Mi"), Window: metav1.Duration{Duration: time.Second}}, "gone": {}},
	})
	for _, tt := range []struct{ labels, fields, want string }{
		{"", "", "busy idle"}, {"app=idle", "", "idle"}, {"", "metadata.name=busy", "busy"}, {"app=idle", "metadata.name=busy", ""},
		{"", "metadata.namespace=default", "busy idle"}, {"app=pending", "", ""},
	} {
		list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: tt.labels, FieldSelector: tt.fields})
		var names []string
		for _, p := range list.Items {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != tt.want {
			t.Errorf("%q %q: %s, %v", tt.labels, tt.fields, got, err)
		}
	}
	if p, err := pods.Get(t.Context(), "busy", metav1.GetOptions{}); err != nil || len(p.Containers) != 2 || p.Containers[1].Usage.Cpu().MilliValue() != 500 ||
		p.Labels["app"] != "busy" || !p.Timestamp.Time.Equal(now) || p.Window.Duration != 5*time.Second {
		t.Errorf("%+v, %v", p, err)
	}
	for name, want := range map[string]string{
		"none": `pods "none" not found`, "pending": `pods "pending" not found`, "unknown": `podmetrics.metrics.k8s.io "default/unknown" not found`,
	} {
		if _, err := pods.Get(t.Context(), name, metav1.GetOptions{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := nodes.List(t.Context(), metav1.ListOptions{LabelSelector: "kind"}); err != nil || len(list.Items) != 1 || list.Items[0].Name != "on" || list.Items[0].Usage.Cpu().String() != "1001n" {
		t.Errorf("%v, %v", list, err)
	}
	for name, want := range map[string]string{"none": `nodes "none" not found`, "off": `nodemetrics.metrics.k8s.io "off" not found`} {
		if _, err := nodes.Get(t.Context(), name, metav1.GetOptions{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw := func(accept string, path ...string) string {
		t.Helper()
		b, err := c.CoreV1().RESTClient().Get().AbsPath(path...).SetHeader("Accept", accept).DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var table metav1.Table
	if err := json.Unmarshal([]byte(raw("application/json;as=Table;v=v1;g=meta.k8s.io", "/apis/metrics.k8s.io/v1beta1/pods")), &table); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range table.Rows {
		line, _ := json.Marshal(r.Cells)
		lines = append(lines, string(line))
	}
	if got := strings.Join(lines, " "); got != `["busy","1","2Mi","5s"] ["idle","1n","1Mi","5s"]` || len(table.ColumnDefinitions) != 4 {
		t.Errorf("as a table: %s", got)
	}

	groups, err := c.Discovery().ServerGroups()
	if err != nil || groups.Groups[0].Name != "" {
		t.Errorf("groups %v, %v", groups, err)
	}
	_, lists, err := c.Discovery().ServerGroupsAndResources()
	found := 0
	for _, l := range lists {
		for _, r := range l.APIResources {
			if l.GroupVersion == "metrics.k8s.io/v1beta1" && (r.Name == "pods" && r.Kind == "PodMetrics" && r.Namespaced || r.Name == "nodes" && r.Kind == "NodeMetrics" && !r.Namespaced) {
				found++
			}
		}
	}
	if err != nil || found != 2 {
		t.Errorf("discovery has %d of 2, %v", found, err)
	}
	if doc := raw("application/json", "/openapi/v3/apis/metrics.k8s.io/v1beta1"); !strings.Contains(doc, `"kind":"PodMetrics","version":"v1beta1"`) {
		t.Errorf("OpenAPI does not tell what PodMetrics are:\n%.2000s", doc)
	}

	own := raw("*/*", "/metrics")
	if !strings.Contains(own, "kubernetes_build_info{") || !strings.Contains(own, `apiserver_resource_objects{group="",resource="pods"} 4`) {
		t.Errorf("/metrics:\n%s", own)
	}
	for _, of := range []string{"go_goroutines", "process_", "apiserver_request", "rest_client", "workqueue"} { // all sessions' together
		if strings.Contains(own, of) {
			t.Errorf("/metrics tells of %s", of)
		}
	}
	if _, err := m.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context()); !apierrors.IsForbidden(err) {
		t.Errorf("whoever may view only: %v", err)
	}
	if slis := raw("*/*", "/metrics/slis"); !strings.Contains(slis, "process_start_time_seconds ") {
		t.Errorf("/metrics/slis:\n%s", slis)
	}
}
