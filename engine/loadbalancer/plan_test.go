package loadbalancer

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestPlan(t *testing.T) {
	a := addr("203.0.113.1")
	nodes := []string{"node-1", "node-2", "node-3"}
	all := map[string]string{"node-1": "172.18.0.11", "node-2": "172.18.0.12", "node-3": "172.18.0.13"}
	for name, c := range map[string]struct {
		balancer balancer
		ready    map[string]string
		healthy  []string
		want     []string
	}{
		"all nodes":                       {balancer{nodes: nodes}, all, nil, nodes},
		"an excluded node":                {balancer{nodes: nodes[:2]}, all, nil, nodes[:2]},
		"a node that is not ready":        {balancer{nodes: nodes}, map[string]string{"node-2": "172.18.0.12"}, nil, nodes[1:2]},
		"no node is ready: as good":       {balancer{nodes: nodes}, nil, nil, nodes},
		"those with endpoints":            {balancer{nodes: nodes, healthPort: 30000}, all, nodes[2:], nodes[2:]},
		"none has endpoints: as good":     {balancer{nodes: nodes, healthPort: 30000}, all, nil, nodes},
		"endpoints on an unready node":    {balancer{nodes: nodes, healthPort: 30000}, map[string]string{"node-2": "172.18.0.12"}, nodes[2:], nodes[1:2]},
		"healthy, and no check asked for": {balancer{nodes: nodes}, all, nodes[2:], nodes},
		"no nodes":                        {balancer{}, all, nil, nil},
	} {
		c.balancer.service, c.balancer.addresses = "default/web", []netip.Addr{a}
		got := plan([]balancer{c.balancer}, c.ready, map[string][]string{"default/web": c.healthy})
		want := map[netip.Addr][]string{}
		if c.want != nil {
			want[a] = c.want
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestAddresses goes through the life of some Services, in order.
func TestAddresses(t *testing.T) {
	changes := 0
	c := newCloud([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/29"), netip.MustParsePrefix("2001:db8::/126")}, func() { changes++ })
	service := func(name, wanted string, families ...corev1.IPFamily) *corev1.Service {
		if families == nil {
			families = []corev1.IPFamily{corev1.IPv4Protocol}
		}
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
			Spec: corev1.ServiceSpec{LoadBalancerIP: wanted, IPFamilies: families}}
	}
	six, both := corev1.IPv6Protocol, []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
	for i, step := range []struct {
		service *corev1.Service
		remove  bool
		want    string
		err     error
	}{
		{service: service("a", ""), want: "203.0.113.1"},
		{service: service("b", ""), want: "203.0.113.2"},
		{service: service("a", ""), want: "203.0.113.1"},
		{service: service("a", "203.0.113.5"), want: "203.0.113.5"},
		{service: service("a", ""), want: "203.0.113.5"},
		{service: service("c", "203.0.113.5"), err: ErrAddressInUse},
		{service: service("a", "203.0.113.2"), err: ErrAddressInUse},
		{service: service("a", ""), want: "203.0.113.5"},
		{service: service("c", "203.0.113.0"), err: ErrNoSuchAddress},
		{service: service("c", "203.0.113.7"), err: ErrNoSuchAddress},
		{service: service("c", "10.96.0.1"), err: ErrNoSuchAddress},
		{service: service("c", "2001:db8::1"), err: ErrNoSuchAddress},
		{service: service("d", "", both...), want: "2001:db8::1 203.0.113.1"},
		{service: service("e", "2001:db8::3", six), want: "2001:db8::3"},
		{service: service("f", "", six), want: "2001:db8::2"},
		{service: service("g", "", both...), err: ErrExhausted},
		{service: service("d", ""), want: "203.0.113.1"},
		{service: service("g", "", six), want: "2001:db8::1"},
		{service: service("h", ""), want: "203.0.113.3"},
		{service: service("i", ""), want: "203.0.113.4"},
		{service: service("j", ""), want: "203.0.113.6"},
		{service: service("k", ""), err: ErrExhausted},
		{service: service("b", ""), remove: true},
		{service: service("k", ""), want: "203.0.113.2"},
		{service: service("nobody", ""), remove: true},
	} {
		if step.remove {
			if err := c.EnsureLoadBalancerDeleted(t.Context(), "", step.service); err != nil {
				t.Error(err)
			}
			if _, there, _ := c.GetLoadBalancer(t.Context(), "", step.service); there {
				t.Errorf("step %d: still there", i)
			}
			continue
		}
		before := changes
		status, err := c.EnsureLoadBalancer(t.Context(), "", step.service, nil)
		got := ""
		if err == nil {
			for _, in := range status.Ingress {
				got += in.IP + " "
				if *in.IPMode != corev1.LoadBalancerIPModeVIP {
					t.Errorf("step %d: %v", i, in)
				}
			}
			got = got[:len(got)-1]
		}
		if got != step.want || !errors.Is(err, step.err) || (err == nil) != (changes > before) {
			t.Errorf("step %d: got %q, %v, want %q, %v", i, got, err, step.want, step.err)
		}
	}
	if _, err := c.EnsureLoadBalancer(t.Context(), "", service("l", "rubbish"), nil); err == nil {
		t.Error("rubbish is an address")
	}
}
