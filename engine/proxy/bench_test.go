package proxy

import (
	"context"
	"testing"
	"time"

	"k8s.io/client-go/informers"
)

// TestBench is that a measurement comes about, not what it says.
func TestBench(t *testing.T) {
	l := newLab(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := Bench(ctx, l.client, informers.NewSharedInformerFactory(l.client, 0), 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Services != 2 || got[1].Services != 5 || got[0].Milliseconds <= 0 || got[1].Milliseconds <= 0 {
		t.Errorf("%+v", got)
	}
}
