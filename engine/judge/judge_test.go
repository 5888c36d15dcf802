package judge

import (
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

func TestJudge(t *testing.T) {
	pod := func(name, ip, app string) *v1.Pod {
		return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": app}},
			Spec: v1.PodSpec{NodeName: "node-1"}, Status: v1.PodStatus{PodIPs: []v1.PodIP{{IP: ip}}, HostIPs: []v1.HostIP{{IP: "172.18.0.11"}}}}
	}
	plan := policy.Compile(policy.Input{
		Namespaces: []*v1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{v1.LabelMetadataName: "default"}}}},
		Pods:       []*v1.Pod{pod("shop", "10.244.1.2", "shop"), pod("db", "10.244.1.3", "db")},
		Policies: []*networking.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"},
			Spec: networking.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}}}},
	})
	written := time.Unix(1000, 0)
	since := written
	g := New(func() (*policy.Plan, time.Time) { return plan, since })
	journey := func(to, verdict, kind string) model.Journey {
		h := model.Hop{Header: model.Header{Source: "10.244.1.2:4000", Destination: to}}
		if kind != "" {
			h.Decision = &model.Decision{Kind: kind}
		}
		j := model.Journey{Protocol: "TCP", Summary: "SYN", Verdict: verdict, Start: written.Add(time.Minute).UnixNano(), Hops: []model.Hop{h}}
		g.Look(&j)
		return j
	}
	if j := journey("10.244.1.3:80", "dropped", "policy"); len(j.Advice) != 1 || j.Advice[0].Manifest == "" || j.Defect != "" {
		t.Errorf("dropped as it should be: %+v", j)
	}
	if j := journey("10.244.1.2:80", "delivered", ""); j.Advice != nil || j.Defect != "" {
		t.Errorf("delivered as it should be: %+v", j)
	}
	if j := journey("10.244.1.2:80", "dropped", "policy"); !strings.Contains(j.Defect, "should have passed") {
		t.Errorf("dropped without a reason: %+v", j)
	}
	if j := journey("10.244.1.3:80", "delivered", ""); !strings.Contains(j.Defect, "should have been dropped") {
		t.Errorf("delivered without a reason: %+v", j)
	}
	open := model.Journey{Protocol: "TCP", Summary: "SYN", Verdict: "delivered", Start: written.Add(time.Minute).UnixNano(), To: "pod/default/shop", Source: "10.244.1.3:4000",
		Hops: []model.Hop{{Header: model.Header{Source: "10.244.1.3:4000", Destination: "10.244.1.2:80"}, Sentence: "Delivered."}}}
	g.Look(&open)
	if h := open.Hops[0]; h.Decision == nil || h.Decision.Kind != "policy" || h.Decision.Object != nil ||
		h.Sentence != "Delivered. No NetworkPolicy isolates default/shop for ingress: it takes in whatever comes." {
		t.Errorf("nobody was asked: %+v", h)
	}
	// A rule let it in, but was not traced.
	isolating := New(func() (*policy.Plan, time.Time) {
		return policy.Compile(policy.Input{
			Pods: []*v1.Pod{pod("shop", "10.244.1.2", "shop"), pod("db", "10.244.1.3", "db")},
			Policies: []*networking.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "in"},
				Spec: networking.NetworkPolicySpec{Ingress: []networking.NetworkPolicyIngressRule{{From: []networking.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}}}}}},
		}), since
	})
	quiet := open
	quiet.Hops = []model.Hop{{Header: open.Hops[0].Header}}
	isolating.Look(&quiet)
	if d := quiet.Hops[0].Decision; d == nil || d.Object == nil || d.Object.Name != "in" || d.Path != "spec.ingress[0].from[0]" || !strings.Contains(d.Sentence, "were not traced") {
		t.Errorf("its rules were not traced: %+v", d)
	}
	open.Reply, open.Hops[0].Decision = true, nil
	if g.Look(&open); open.Hops[0].Decision != nil {
		t.Errorf("of an answer: %+v", open.Hops[0])
	}
	since = time.Time{} // something newer is being written
	if j := journey("10.244.1.3:80", "delivered", ""); j.Defect != "" {
		t.Errorf("while rules change: %+v", j)
	}
	since = written.Add(time.Minute - settled/2)
	if j := journey("10.244.1.3:80", "delivered", ""); j.Defect != "" {
		t.Errorf("just after rules changed: %+v", j)
	}
}
