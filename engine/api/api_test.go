package api

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestOpen(t *testing.T) {
	t0 := time.Now()
	s, err := New(context.Background(), Config{Dir: t.TempDir(), RootCA: []byte("ca")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Log("New", time.Since(t0), s.Laps())
	for i := range 3 {
		t0 = time.Now()
		ss, err := s.Open(t.Context(), Options{ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		t.Log("Open", i, time.Since(t0))
		c, err := kubernetes.NewForConfig(ss.ClientConfig())
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
		if err != nil || len(l.Items) != 1 {
			t.Fatal(err, l)
		}
		t0 = time.Now()
		if _, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Log("Create", i, time.Since(t0))
		t0 = time.Now()
		ss.Close()
		t.Log("Close", i, time.Since(t0))
	}
}
