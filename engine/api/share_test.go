package api

import (
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// testShares: what a learner has the server ask has seats, what the server asks for itself has none,
// and sessions are told apart by what happens in them.
func testShares(t *testing.T, s *Server) {
	ss, c := open(t, s, "asks")
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	if _, err := c.CoreV1().Nodes().Create(t.Context(), &node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if had := ss.Asked(); had.Taken != 0 {
		t.Errorf("the server's own request had seats: %+v", had)
	}
	learner, err := kubernetes.NewForConfig(ss.LearnerConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := learner.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if had := ss.Asked(); had.Taken == 0 {
		t.Errorf("the learner's request had no seat: %+v", had)
	}
	if had := ss.own.seats; had == ss.looking.seats {
		t.Error("who looks on has the learner's seats")
	}
}

func TestActs(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         bool
	}{
		{"GET", "/api/v1/nodes/n", false},
		{"PATCH", "/api/v1/namespaces/default/pods/p/status", true},
		{"POST", "/api/v1/namespaces/default/events", true},
		{"PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n", false},
	} {
		if got := acts(httptest.NewRequest(test.method, test.path, nil)); got != test.want {
			t.Errorf("%s %s: %v", test.method, test.path, got)
		}
	}
}
