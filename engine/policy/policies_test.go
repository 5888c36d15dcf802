package policy

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// Policies that come and go in the API do so in the kernel.
func TestPolicies(t *testing.T) {
	l := newLab(t)
	in := world()
	client := fake.NewClientset()
	for _, n := range in.Namespaces {
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range in.Pods {
		if _, err := client.CoreV1().Pods(p.Namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var written atomic.Int32
	p, err := Start(t.Context(), Config{
		Informers: informers.NewSharedInformerFactory(client, 0),
		Nodes:     []Node{{"node-1", l.places["node-1"]}, {"node-2", l.places["node-2"]}},
		OnSync:    func(string) { written.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "no policy at first", func() bool {
		return !strings.Contains(l.list("node-1"), "podhop-policy")
	})
	want := policies(t, article)[0]
	if _, err := client.NetworkingV1().NetworkPolicies("default").Create(t.Context(), want, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "the article's policy", func() bool {
		return strings.Contains(l.list("node-1"), "my-network-policy ingress rule 1")
	})
	in.Policies = append(in.Policies, want)
	l.check(Compile(in), []*probe{
		{from: "allowed", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
		{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 80},
	})
	in.Pods[2].Labels = map[string]string{"app": "allowed-app"}
	if _, err := client.CoreV1().Pods("default").Update(t.Context(), in.Pods[2], metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.check(Compile(in), []*probe{{from: "third", to: "my-app", protocol: v1.ProtocolTCP, port: 80}})
	if err := client.NetworkingV1().NetworkPolicies("default").Delete(t.Context(), want.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "no policy", func() bool { return !strings.Contains(l.list("node-1"), "podhop-policy") })
	if written.Load() < 4 {
		t.Errorf("told of %d writes", written.Load())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
