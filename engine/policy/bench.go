package policy

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podhop/podhop/internal/nsexec"
)

// A BenchResult is how long one node's rules take, planned and in the kernel.
type BenchResult struct {
	Rules    int `json:"rules"`    // of all policies; ten rules each, and a peer and a port a rule
	Policies int `json:"policies"` // each isolates some of the pods
	Pods     int `json:"pods"`     // of the cluster; a third of them on the node
	// Whole is all rules on a node that has none; Pod and Rule are, on one that has
	// them all, one pod more and one rule more, the median of some. Milliseconds.
	Whole float64 `json:"wholeMilliseconds"`
	Pod   float64 `json:"podMilliseconds"`
	Rule  float64 `json:"ruleMilliseconds"`
}

// Bench measures a number of rules. It must run inside nsexec's namespaces.
func Bench(ctx context.Context, rules int) (r BenchResult, err error) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		return r, err
	}
	defer ns.Close()
	in := benchInput(rules)
	r = BenchResult{Rules: rules, Policies: len(in.Policies), Pods: len(in.Pods)}
	k := &kernel{unsure: true}
	write := func() (float64, error) {
		start := time.Now()
		table := Compile(in).Node("node-1")
		err := ns.Do(func() error { _, err := k.set(table); return err })
		return float64(time.Since(start)) / float64(time.Millisecond), err
	}
	if r.Whole, err = write(); err != nil {
		return r, err
	}
	var pods, more []float64
	for i := range 9 {
		in.Pods = append(in.Pods, benchPod(300+3*i)) // on the same node
		ms, err := write()
		if err != nil {
			return r, err
		}
		pods = append(pods, ms)
		p := in.Policies[i%len(in.Policies)].DeepCopy()
		p.Spec.Ingress = append(p.Spec.Ingress, benchRule(rules+i))
		in.Policies[i%len(in.Policies)] = p
		if ms, err = write(); err != nil {
			return r, err
		}
		more = append(more, ms)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
	r.Pod, r.Rule = median(pods), median(more)
	return r, nil
}

func median(all []float64) float64 {
	all = append([]float64(nil), all...)
	for i := range all { // there are few
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all[len(all)/2]
}

// benchInput is 300 pods of 30 applications on three nodes.
func benchInput(rules int) (in Input) {
	in.Namespaces = []*v1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default"}}}
	for i := range 300 {
		in.Pods = append(in.Pods, benchPod(i))
	}
	for i := 0; i < rules; i += 10 {
		p := &networking.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("policy-%d", i/10)}}
		p.Spec.PodSelector.MatchLabels = benchLabels(i / 10)
		p.Spec.PolicyTypes = []networking.PolicyType{networking.PolicyTypeIngress}
		for j := i; j < min(i+10, rules); j++ {
			p.Spec.Ingress = append(p.Spec.Ingress, benchRule(j))
		}
		in.Policies = append(in.Policies, p)
	}
	return in
}

func benchLabels(i int) map[string]string {
	return map[string]string{"app": fmt.Sprintf("app-%d", i%30)}
}

func benchPod(i int) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("pod-%d", i), Labels: benchLabels(i / 3)},
		Spec:       v1.PodSpec{NodeName: fmt.Sprintf("node-%d", 1+i%3)},
		Status:     v1.PodStatus{PodIPs: []v1.PodIP{{IP: netip.AddrFrom4([4]byte{10, 244, byte(1 + i%3), byte(2 + i/3)}).String()}}},
	}
}

func benchRule(i int) networking.NetworkPolicyIngressRule {
	port := intstr.FromInt32(int32(1000 + i))
	peer := networking.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: benchLabels(i)}}
	if i%3 == 0 {
		peer = networking.NetworkPolicyPeer{IPBlock: &networking.IPBlock{
			CIDR: fmt.Sprintf("10.%d.0.0/16", i%256), Except: []string{fmt.Sprintf("10.%d.7.0/24", i%256)},
		}}
	}
	return networking.NetworkPolicyIngressRule{
		From: []networking.NetworkPolicyPeer{peer}, Ports: []networking.NetworkPolicyPort{{Port: &port}},
	}
}
