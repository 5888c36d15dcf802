package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/api/store"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	schedulingv1 "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	"k8s.io/kubernetes/pkg/controlplane/reconcilers"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// bootstrap fills the golden tenant with what a cluster has before its first
// user comes. Upstream does it in post-start hooks that each wait for a second.
func (s *Server) bootstrap(ctx context.Context) error {
	start := time.Now()
	t := store.NewTenant()
	gold, err := s.newSession("golden", t, false, nil)
	if err != nil {
		return err
	}
	defer gold.Close()
	c, err := kubernetes.NewForConfig(gold.client)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, kubernetes.Interface) error{
		s.seedNamespaces, seedRoles, seedPriorityClasses, seedFlowControl, s.seedAuthenticationConfig, s.seedTrustBundle, s.seedKubernetesService,
	} {
		if err := step(ctx, c); err != nil {
			return fmt.Errorf("golden tenant: %w", err)
		}
	}
	if s.config.Seed != nil {
		if err := s.config.Seed(ctx, c); err != nil {
			return fmt.Errorf("golden tenant: seed: %w", err)
		}
	}
	if err := seedServiceCIDR(ctx, c, serviceCIDR); err != nil {
		return fmt.Errorf("golden tenant: %w", err)
	}
	if err := s.seedDefinitions(ctx, gold); err != nil {
		return fmt.Errorf("golden tenant: definitions: %w", err)
	}
	custom, err := servedVersions(s.config.Definitions)
	if err != nil {
		return fmt.Errorf("golden tenant: definitions: %w", err)
	}
	if err := s.seedAPIServices(ctx, gold, custom); err != nil {
		return fmt.Errorf("golden tenant: APIServices: %w", err)
	}
	s.golden[""] = t.Clone()
	s.lap("golden tenant", &start)
	if s.bare, err = s.newSession("bare", t.Clone(), false, nil); err != nil {
		return err
	}
	served, err := s.bare.customServer()
	if err != nil {
		return err
	}
	served.settle(ctx)
	s.lap("custom resources", &start)
	return nil
}

// goldenKey names a set of nodes, whenever they were last heard of, and the families.
func goldenKey(nodes []corev1.Node, dualStack bool) (string, error) {
	if len(nodes) == 0 && !dualStack {
		return "", nil
	}
	timeless := make([]corev1.Node, len(nodes))
	for i := range nodes {
		nodes[i].DeepCopyInto(&timeless[i])
		for j := range timeless[i].Status.Conditions {
			c := &timeless[i].Status.Conditions[j]
			c.LastHeartbeatTime, c.LastTransitionTime = metav1.Time{}, metav1.Time{}
		}
	}
	b, err := json.Marshal(timeless)
	return fmt.Sprint(dualStack, " ", string(b)), err
}

// goldenWith returns the golden tenant with nodes in it, made once for each set.
func (s *Server) goldenWith(ctx context.Context, nodes []corev1.Node, dualStack bool) (*store.Tenant, error) {
	key, err := goldenKey(nodes, dualStack)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.golden[key]; t != nil {
		return t, nil
	}
	t := s.golden[""].Clone()
	ss, err := s.newSession("golden", t, false, nil)
	if err != nil {
		return nil, err
	}
	defer ss.Close()
	c, err := kubernetes.NewForConfig(ss.client)
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		if err := seedNode(ctx, c, &nodes[i]); err != nil {
			return nil, fmt.Errorf("node %s: %w", nodes[i].Name, err)
		}
	}
	if dualStack {
		if err := extendServiceCIDR(ctx, c, serviceCIDR6); err != nil {
			return nil, err
		}
	}
	s.golden[key] = t.Clone()
	return s.golden[key], nil
}

// seedNode creates a node and then gives it its status.
func seedNode(ctx context.Context, c kubernetes.Interface, n *corev1.Node) error {
	made, err := c.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Status = n.Status
	_, err = c.CoreV1().Nodes().UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return err
}

func (s *Server) seedNamespaces(ctx context.Context, c kubernetes.Interface) error {
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return err
		}
		sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		if _, err := c.CoreV1().ServiceAccounts(name).Create(ctx, sa, metav1.CreateOptions{}); err != nil {
			return err
		}
		ca := &corev1.ConfigMap{
			// as k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher writes it
			ObjectMeta: metav1.ObjectMeta{Name: "kube-root-ca.crt", Annotations: map[string]string{
				"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
					"No other usage is guaranteed across distributions of Kubernetes clusters.",
			}},
			Data: map[string]string{"ca.crt": string(s.config.RootCA)},
		}
		if _, err := c.CoreV1().ConfigMaps(name).Create(ctx, ca, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func seedRoles(ctx context.Context, c kubernetes.Interface) error {
	all := append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...)
	all = append(all, metricsReader())
	if err := aggregate(all); err != nil {
		return err
	}
	o := metav1.CreateOptions{}
	for i := range all {
		if _, err := c.RbacV1().ClusterRoles().Create(ctx, &all[i], o); err != nil {
			return err
		}
	}
	for _, b := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		if _, err := c.RbacV1().ClusterRoleBindings().Create(ctx, &b, o); err != nil {
			return err
		}
	}
	for ns, roles := range bootstrappolicy.NamespaceRoles() {
		for _, r := range roles {
			if _, err := c.RbacV1().Roles(ns).Create(ctx, &r, o); err != nil {
				return err
			}
		}
	}
	for ns, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, b := range bindings {
			if _, err := c.RbacV1().RoleBindings(ns).Create(ctx, &b, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// aggregate fills admin, edit and view, as upstream's cluster role aggregation
// controller does from then on. Roles that aggregate may be aggregated: repeat
// until nothing changes.
func aggregate(roles []rbacv1.ClusterRole) error {
	for changed := true; changed; {
		changed = false
		for i := range roles {
			r := &roles[i]
			if r.AggregationRule == nil {
				continue
			}
			var rules []rbacv1.PolicyRule
			for _, sel := range r.AggregationRule.ClusterRoleSelectors {
				match, err := metav1.LabelSelectorAsSelector(&sel)
				if err != nil {
					return err
				}
				for j := range roles {
					if i != j && match.Matches(labels.Set(roles[j].Labels)) {
						rules = append(rules, roles[j].Rules...)
					}
				}
			}
			if len(rules) != len(r.Rules) {
				r.Rules, changed = rules, true
			}
		}
	}
	return nil
}

func seedPriorityClasses(ctx context.Context, c kubernetes.Interface) error {
	for _, pc := range schedulingv1.SystemPriorityClasses() {
		if _, err := c.SchedulingV1().PriorityClasses().Create(ctx, pc, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// seedKubernetesService makes the Service of the API server itself, and its
// endpoint as upstream's reconciler writes it.
func (s *Server) seedKubernetesService(ctx context.Context, c kubernetes.Interface) error {
	port := cmp.Or(int32(s.config.APIServer.Port()), 6443)
	_, err := c.CoreV1().Services(metav1.NamespaceDefault).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: kubernetesService, Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"}},
		Spec:       corev1.ServiceSpec{ClusterIP: kubernetesIP, Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(port)}}},
	}, metav1.CreateOptions{})
	if err != nil || !s.config.APIServer.IsValid() {
		return err
	}
	r := reconcilers.NewMasterCountEndpointReconciler(1, reconcilers.NewEndpointsAdapter(c.CoreV1(), c.DiscoveryV1()))
	return r.ReconcileEndpoints(kubernetesService, s.config.APIServer.Addr().AsSlice(),
		[]corev1.EndpointPort{{Name: "https", Port: port, Protocol: corev1.ProtocolTCP}}, true)
}
