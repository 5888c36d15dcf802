package engine

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/model"
)

// BenchRoundTrips asks url from the first node, one request after another, until n were
// answered by 200, and returns how long each of those took. What is refused, because a server
// listens a moment after its container runs, is asked again.
func (s *Session) BenchRoundTrips(ctx context.Context, url string, n int) (took []time.Duration, err error) {
	for len(took) < n {
		start := time.Now()
		result, _, err := s.request(ctx, model.Request{From: "node/node-1", To: url})
		if err != nil {
			return nil, err
		}
		if a := result.Answers[0]; a.Status == http.StatusOK {
			took = append(took, time.Since(start))
		} else if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %d %s", url, a.Status, a.Error)
		}
	}
	return took, nil
}

// BenchRunning waits until a pod of the namespace default runs.
func (s *Session) BenchRunning(ctx context.Context, pod string) error {
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return err
	}
	for {
		p, err := client.CoreV1().Pods("default").Get(ctx, pod, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range p.Status.ContainerStatuses {
			if c.State.Running != nil || c.RestartCount > 0 {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("pod %s does not run: %w", pod, ctx.Err())
		}
	}
}
