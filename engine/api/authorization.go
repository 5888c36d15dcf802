package api

import (
	"context"

	"github.com/podhop/podhop/engine/api/informer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/kubernetes/pkg/auth/nodeidentifier"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	clusterrolestore "k8s.io/kubernetes/pkg/registry/rbac/clusterrole/storage"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	clusterrolebindingstore "k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding/storage"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	rolestore "k8s.io/kubernetes/pkg/registry/rbac/role/storage"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	rolebindingstore "k8s.io/kubernetes/pkg/registry/rbac/rolebinding/storage"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/node"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// authorize builds the authorizer of all sessions, as --authorization-mode=Node,RBAC
// would, and returns RBAC's rules. RBAC reads roles and bindings from the
// registries, which go by the context, so it needs no informers.
func (s *Server) authorize() (authorizer.RuleResolver, error) {
	roles, err := rolestore.NewREST(s.storage)
	if err != nil {
		return nil, err
	}
	bindings, err := rolebindingstore.NewREST(s.storage)
	if err != nil {
		return nil, err
	}
	clusterRoles, err := clusterrolestore.NewREST(s.storage)
	if err != nil {
		return nil, err
	}
	clusterBindings, err := clusterrolebindingstore.NewREST(s.storage)
	if err != nil {
		return nil, err
	}
	rules := rbac.New(
		role.AuthorizerAdapter{Registry: role.NewRegistry(roles)},
		rolebinding.AuthorizerAdapter{Registry: rolebinding.NewRegistry(bindings)},
		clusterrole.AuthorizerAdapter{Registry: clusterrole.NewRegistry(clusterRoles)},
		clusterrolebinding.AuthorizerAdapter{Registry: clusterrolebinding.NewRegistry(clusterBindings)})
	s.authorizer, err = union.New(
		union.NamedAuthorizer{AuthorizerName: "viewers", Authorizer: authorizer.AuthorizerFunc(authorizeViewers)},
		union.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		union.NamedAuthorizer{AuthorizerName: "node", Authorizer: authorizer.AuthorizerFunc(nodeOfSession)},
		union.NamedAuthorizer{AuthorizerName: "rbac", Authorizer: rules})
	return rules, err
}

// nodeOfSession lets a kubelet see what its pods need, by the session's graph.
func nodeOfSession(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return authorizer.DecisionDeny, "", err
	}
	if s.nodes == nil {
		return authorizer.DecisionNoOpinion, "", nil
	}
	return s.nodes.Authorize(ctx, a)
}

// authorizeNodes builds the session's node authorizer over its informers.
func (s *Session) authorizeNodes(f *informer.Factory) {
	graph := node.NewGraph()
	node.AddGraphEventHandlers(graph, f.Core().V1().Nodes(), f.Core().V1().Pods(), f.Core().V1().PersistentVolumes(),
		f.Storage().V1().VolumeAttachments(), f.Resource().V1().ResourceSlices(), f.Certificates().V1().PodCertificateRequests())
	s.nodes = node.NewAuthorizer(graph, nodeidentifier.NewDefaultNodeIdentifier(), bootstrappolicy.NodeRules())
}
