package engine

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
)

// Recording is what the session remembers of the time from since on, and the
// learner's objects as they are now. A zero since is as far back as it goes.
func (s *Session) Recording(ctx context.Context, since time.Time) (*model.Recording, error) {
	objects, left, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	past := s.feed.Timeline()
	r := recording.Of(recording.Past{
		Since: past.Since, Session: past.Session, Graph: past.Graph, Capture: past.Capture, Changes: past.Changes,
		Journeys: past.Journeys, Events: past.Events, Left: past.Left,
	}, since, time.Now())
	written := recording.Manifests(objects, wroteIt)
	r.Manifests, r.Kubernetes = written.YAML, kubernetesVersion()
	r.Left.Objects, r.Left.Secrets = written.Left+left, written.Secrets
	return r, nil
}

// wroteIt says whether a field manager speaks for the learner: pastes are applied,
// and what the session makes by itself under that name is not.
func wroteIt(manager, operation string) bool {
	switch manager {
	case "podhop":
		return operation == string(metav1.ManagedFieldsOperationApply)
	case "kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "cloud-controller-manager", ingress.Name:
		return false
	}
	return true
}

// mostObjects is how many objects of one kind are looked at.
const mostObjects = 1000

// notManifests are what a session has of itself, and what is only true of it.
var notManifests = []string{"events", "nodes", "leases", "componentstatuses", "endpointslices", "controllerrevisions", "ipaddresses", "certificatesigningrequests"}

// objects lists what there is of all kinds that can be created, and counts what it
// did not look at. What an API does not answer, such as one whose Service is gone, is not there.
func (s *Session) objects(ctx context.Context) (all []recording.Object, left uint64, err error) {
	config := rest.CopyConfig(s.api.ClientConfig())
	config.QPS = -1
	finder, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, 0, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, 0, err
	}
	lists, err := finder.ServerPreferredResources()
	if len(lists) == 0 {
		return nil, 0, err
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if slices.Contains(notManifests, r.Name) || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "create") {
				continue
			}
			found, err := client.Resource(gv.WithResource(r.Name)).List(ctx, metav1.ListOptions{Limit: mostObjects})
			if ctx.Err() != nil {
				return nil, 0, ctx.Err()
			}
			if err != nil {
				s.log.Debug("listing for a recording", "resource", r.Name, "err", err)
				continue
			}
			if more := found.GetRemainingItemCount(); more != nil {
				left += uint64(*more)
			}
			for i := range found.Items {
				if r.Kind == "GatewayClass" && found.Items[i].GetName() == "podhop" {
					continue // every session's own
				}
				all = append(all, found.Items[i].Object)
			}
		}
	}
	return all, left, nil
}
