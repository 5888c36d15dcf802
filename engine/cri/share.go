package cri

import (
	"context"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What something takes of the server's cores on a machine that has nothing else to do, about, with
// what kubelet and controllers make of it. Prices are fixed: by the clock everything would cost more
// while there is much to do.
const (
	sandboxCost   = 40 * time.Millisecond // to make
	endCost       = 30 * time.Millisecond // of a sandbox
	containerCost = 50 * time.Millisecond // to start
	execCost      = 20 * time.Millisecond
)

// A Share is what a session has of the server beside others. It is safe for concurrent use.
type Share interface {
	// Work waits until something may be done that costs so much, and fails as ctx does.
	Work(ctx context.Context, cost time.Duration) error
	// Pay pays for something that cannot wait.
	Pay(cost time.Duration)
}

// all is the share of who is alone.
type all struct{}

func (all) Work(context.Context, time.Duration) error { return nil }
func (all) Pay(time.Duration)                         {}

// afford waits until the session may have something done for a pod that costs so much, or the node
// is shut down.
func (r *Runtime) afford(ctx context.Context, cost time.Duration, pod *runtimeapi.PodSandboxMetadata) error {
	ctx, cancel := r.until(ctx)
	defer cancel()
	late := time.AfterFunc(r.cfg.WaitReport, func() {
		if r.cfg.Event != nil && ctx.Err() == nil {
			r.cfg.Event(pod.GetNamespace(), pod.GetName(), pod.GetUid(), "Normal", "Waiting", "Other sessions need the server, too: this session's pods start and end one after the other")
		}
	})
	defer late.Stop()
	return r.cfg.Share.Work(ctx, cost)
}
