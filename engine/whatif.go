package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/whatif"
)

// maxDeleted bounds how many policies may be tried to be deleted at once: who means
// more names them in several requests.
const maxDeleted = 500

// WhatIf says what a change of NetworkPolicies would do, and makes none. Its errors
// are apply.Applier's, and a *model.FieldError for a policy to delete that there is
// not; what the API says of the paste is in the answer.
func (s *Session) WhatIf(ctx context.Context, r model.WhatIfRequest) (model.WhatIf, error) {
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return model.WhatIf{}, err
	}
	results, err := tryDelete(ctx, client, r.Delete)
	if err != nil {
		return model.WhatIf{}, err
	}
	in := whatif.Input{Remove: r.Delete, Places: s.places(), Journeys: s.feed.Journeys(), Time: time.Now()}
	kind := schema.GroupKind{Group: networking.GroupName, Kind: "NetworkPolicy"}
	tried, objects, err := s.applier.Try(ctx, []byte(r.Apply), kind)
	if err != nil {
		return model.WhatIf{}, err
	}
	for _, text := range objects {
		p := &networking.NetworkPolicy{}
		if err := json.Unmarshal(text, p); err != nil {
			return model.WhatIf{}, fmt.Errorf("the API's answer: %w", err)
		}
		in.Put = append(in.Put, p)
	}
	if in.Now, in.EndpointSlices, err = s.policyInput(ctx, client); err != nil {
		return model.WhatIf{}, err
	}
	answer := whatif.Try(in)
	answer.Results = append(append(answer.Results, results...), tried...)
	return answer, nil
}

// tryDelete asks the API by dry run.
func tryDelete(ctx context.Context, client kubernetes.Interface, names []string) (results []model.ApplyResult, err error) {
	if len(names) > maxDeleted {
		return nil, &model.FieldError{Field: "delete", Detail: fmt.Sprintf("may have %d names, not %d", maxDeleted, len(names))}
	}
	for i, full := range names {
		field := fmt.Sprintf("delete[%d]", i)
		namespace, name, ok := strings.Cut(full, "/")
		if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
			return nil, &model.FieldError{Field: field, Detail: fmt.Sprintf("must be namespace/name, not %q", full)}
		}
		err := client.NetworkingV1().NetworkPolicies(namespace).Delete(ctx, name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, &model.FieldError{Field: field, Detail: err.Error()}
		}
		results = append(results, model.ApplyResult{Object: &model.Object{Kind: "NetworkPolicy", Namespace: namespace, Name: name}, Action: "deleted"})
	}
	return results, nil
}

// policyInput is what the planner is told, policies from the API itself: what was
// applied a moment ago counts.
func (s *Session) policyInput(ctx context.Context, client kubernetes.Interface) (in policy.Input, served []*discovery.EndpointSlice, err error) {
	list, err := client.NetworkingV1().NetworkPolicies(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return in, nil, err
	}
	for i := range list.Items {
		in.Policies = append(in.Policies, &list.Items[i])
	}
	f, all := s.api.Informers(), labels.Everything()
	in.Addresses = s.pods.addresses() // before the pods, of which none is missed then
	if in.Pods, err = f.Core().V1().Pods().Lister().List(all); err != nil {
		return in, nil, err
	}
	if in.Namespaces, err = f.Core().V1().Namespaces().Lister().List(all); err != nil {
		return in, nil, err
	}
	served, err = f.Discovery().V1().EndpointSlices().Lister().List(all)
	return in, served, err
}

// places are the nodes that are on and the client, with the addresses that pods on
// other nodes see them by: of a node whose pods are behind tunnels, the tunnel's.
func (s *Session) places() (all []whatif.Place) {
	o := s.Info().Options
	for _, n := range s.nodes.on() {
		p := whatif.Place{ID: network.NodeVertex(n.Name), Kind: "Node", Name: n.Name, IPs: []netip.Addr{n.IP, n.IP6}}
		if network.CNI(o.CNI) == network.VXLAN {
			p.IPs = []netip.Addr{n.PodCIDR.Masked().Addr(), n.PodCIDR6.Masked().Addr()}
		}
		p.IPs = slices.DeleteFunc(p.IPs, func(a netip.Addr) bool { return !a.IsValid() })
		all = append(all, p)
	}
	client := whatif.Place{ID: network.VertexClient, Kind: "Client", Name: "client", IPs: []netip.Addr{clientIP},
		Note: "By a node port or a load balancer. Where it comes in by another node than the pod's, that node's row applies, unless externalTrafficPolicy is Local."}
	if o.DualStack {
		client.IPs = append(client.IPs, clientIP6)
	}
	return append(all, client)
}
