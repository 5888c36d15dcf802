package api

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// families opens a session with or without IPv6, and makes Services in it.
type families struct {
	*testing.T
	kubernetes.Interface
}

func (f families) create(name string, change func(*corev1.ServiceSpec)) (*corev1.Service, error) {
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}}}
	if change != nil {
		change(&svc.Spec)
	}
	return f.CoreV1().Services("default").Create(f.Context(), svc, metav1.CreateOptions{})
}

// has says what a Service must have come to.
func (f families) has(svc *corev1.Service, err error, policy corev1.IPFamilyPolicy, prefixes ...string) {
	f.Helper()
	if err != nil {
		f.Error(err)
		return
	}
	ok := *svc.Spec.IPFamilyPolicy == policy && len(svc.Spec.ClusterIPs) == len(prefixes) && len(svc.Spec.IPFamilies) == len(prefixes)
	for i := range prefixes {
		ok = ok && strings.HasPrefix(svc.Spec.ClusterIPs[i], prefixes[i])
	}
	if !ok {
		f.Errorf("%s: %s %v %v, want %s %v", svc.Name, *svc.Spec.IPFamilyPolicy, svc.Spec.IPFamilies, svc.Spec.ClusterIPs, policy, prefixes)
	}
}

// refused says what upstream says.
func (f families) refused(what string, err error, says string) {
	f.Helper()
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
		f.Errorf("%s: %v, want %q", what, err, says)
	}
}

func policyOf(p corev1.IPFamilyPolicy, order ...corev1.IPFamily) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.IPFamilyPolicy, s.IPFamilies = &p, order }
}

func TestServiceFamilies(t *testing.T) {
	const (
		v4, v6                  = corev1.IPv4Protocol, corev1.IPv6Protocol
		single, prefer, require = corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack
	)
	s, _ := server(t)
	node := func(cidrs ...string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{PodCIDR: cidrs[0], PodCIDRs: cidrs}}
	}
	start := func(t *testing.T, dualStack bool, n corev1.Node) families {
		ss, err := s.Open(t.Context(), Options{ID: "a", DualStack: dualStack, Nodes: []corev1.Node{n}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ss.Close)
		c, err := kubernetes.NewForConfig(ss.ClientConfig())
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.CoreV1().Nodes().Get(t.Context(), n.Name, metav1.GetOptions{})
		if err != nil || !slices.Equal(got.Spec.PodCIDRs, n.Spec.PodCIDRs) {
			t.Errorf("pod CIDRs %v, want %v: %v", got.Spec.PodCIDRs, n.Spec.PodCIDRs, err)
		}
		return families{t, c}
	}

	t.Run("single stack", func(t *testing.T) {
		f := start(t, false, node("10.244.1.0/24"))
		svc, err := f.create("default", nil)
		f.has(svc, err, single, "10.96.")
		svc, err = f.create("prefers", policyOf(prefer))
		f.has(svc, err, prefer, "10.96.")
		_, err = f.create("requires", policyOf(require))
		f.refused("requires", err, "this cluster is not configured for dual-stack services")
		_, err = f.create("six", policyOf(single, v6))
		f.refused("six", err, "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster")
		_, err = f.create("address", func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00:10:96::9" })
		f.refused("address", err, "IPv6 is not configured on this cluster")
	})

	t.Run("dual stack", func(t *testing.T) {
		f := start(t, true, node("10.244.1.0/24", "fd00:10:244:1::/64"))
		svc, err := f.CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
		f.has(svc, err, single, "10.96.0.1")
		cidr, err := f.NetworkingV1().ServiceCIDRs().Get(t.Context(), "kubernetes", metav1.GetOptions{})
		if err != nil || !slices.Equal(cidr.Spec.CIDRs, []string{"10.96.0.0/16", "fd00:10:96::/112"}) || len(cidr.Status.Conditions) != 1 {
			t.Errorf("%v %v: %v", cidr.Spec.CIDRs, cidr.Status.Conditions, err)
		}
		svc, err = f.create("default", nil)
		f.has(svc, err, single, "10.96.")
		svc, err = f.create("six", policyOf(single, v6))
		f.has(svc, err, single, "fd00:10:96::")
		svc, err = f.create("requires", policyOf(require))
		f.has(svc, err, require, "10.96.", "fd00:10:96::")
		svc, err = f.create("six-first", policyOf(require, v6, v4))
		f.has(svc, err, require, "fd00:10:96::", "10.96.")
		svc, err = f.create("prefers", func(s *corev1.ServiceSpec) {
			policyOf(prefer)(s)
			s.ClusterIP, s.ClusterIPs = "10.96.7.7", []string{"10.96.7.7", "fd00:10:96::7"}
		})
		f.has(svc, err, prefer, "10.96.7.7", "fd00:10:96::7")
		_, err = f.create("twice", func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00:10:96::7" })
		f.refused("twice", err, "provided IP is already allocated")
		_, err = f.create("outside", func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00:10:97::7" })
		f.refused("outside", err, "the provided network does not match the current range")

		// An update gives the second address back, and another takes it again.
		update := func(policy corev1.IPFamilyPolicy) (svc *corev1.Service, err error) {
			err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
				if svc, err = f.CoreV1().Services("default").Get(t.Context(), "prefers", metav1.GetOptions{}); err != nil {
					return err
				}
				svc.Spec.IPFamilyPolicy = &policy
				svc, err = f.CoreV1().Services("default").Update(t.Context(), svc, metav1.UpdateOptions{})
				return err
			})
			return svc, err
		}
		svc, err = update(single)
		f.has(svc, err, single, "10.96.7.7")
		svc, err = f.create("took", func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00:10:96::7" })
		f.has(svc, err, single, "fd00:10:96::7")
		svc, err = update(require)
		f.has(svc, err, require, "10.96.7.7", "fd00:10:96::")
		if err := f.CoreV1().Services("default").Delete(t.Context(), "took", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		svc, err = f.create("again", func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00:10:96::7" })
		f.has(svc, err, single, "fd00:10:96::7")
	})

	t.Run("what a tenant has is taken", func(t *testing.T) {
		ss, err := s.newSession("replay", s.golden[""].Clone(), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ss.Close()
		taken := []corev1.Service{{Spec: corev1.ServiceSpec{HealthCheckNodePort: 30001, Ports: []corev1.ServicePort{{NodePort: 30000}}}}}
		if err := ss.addresses.replay(taken); err != nil {
			t.Fatal(err)
		}
		for _, port := range []int{30000, 30001} {
			if err := ss.addresses.ports.Allocate(port); err == nil {
				t.Errorf("port %d was free", port)
			}
		}
	})
}

// TestServiceGoes has a load balancer's Service go in each way that there is, and
// takes the addresses and the ports that it had again.
func TestServiceGoes(t *testing.T) {
	s, _ := server(t)
	ss, err := s.Open(t.Context(), Options{ID: "a", DualStack: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ss.Close)
	c, err := kubernetes.NewForConfig(ss.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	const finalizer = "service.kubernetes.io/load-balancer-cleanup"
	services := c.CoreV1().Services("default")
	remove := func() error { return services.Delete(t.Context(), "web", metav1.DeleteOptions{}) }
	patch := func(subresources ...string) func() error {
		return func() error {
			if err := remove(); err != nil {
				return err
			}
			p := []byte(`{"metadata": {"$deleteFromPrimitiveList/finalizers": ["` + finalizer + `"]}}`)
			_, err := services.Patch(t.Context(), "web", types.StrategicMergePatchType, p, metav1.PatchOptions{}, subresources...)
			return err
		}
	}
	for _, w := range []struct {
		by         string
		finalizers []string
		goes       func() error
	}{
		{"itself", nil, remove},
		{"update", []string{finalizer}, patch()},
		{"status", []string{finalizer}, patch("status")},
		{"collection", nil, func() error {
			return c.CoreV1().RESTClient().Delete().Namespace("default").Resource("services").Param("labelSelector", "app=web").Do(t.Context()).Error()
		}},
		{"update", []string{finalizer}, patch()}, // what is taken again is given back again
	} {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"app": "web"}, Finalizers: w.finalizers}, Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal, HealthCheckNodePort: 30081,
			ClusterIP: "10.96.7.7", ClusterIPs: []string{"10.96.7.7", "fd00:10:96::7"}, IPFamilyPolicy: new(corev1.IPFamilyPolicyRequireDualStack),
			Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080}}}}
		if _, err := services.Create(t.Context(), svc, metav1.CreateOptions{}); err != nil {
			t.Fatalf("%s: %v", w.by, err)
		}
		if _, err := c.NetworkingV1().IPAddresses().Get(t.Context(), "fd00:10:96::7", metav1.GetOptions{}); err != nil {
			t.Errorf("%s: %v", w.by, err)
		}
		if err := w.goes(); err != nil {
			t.Fatalf("%s: %v", w.by, err)
		}
		if _, err := services.Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the Service: %v", w.by, err)
		}
		for _, ip := range svc.Spec.ClusterIPs {
			if _, err := c.NetworkingV1().IPAddresses().Get(t.Context(), ip, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("%s: %s: %v", w.by, ip, err)
			}
		}
		if ss.addresses.ports.Has(30080) || ss.addresses.ports.Has(30081) {
			t.Errorf("%s: a node port is still taken", w.by)
		}
	}
}
