package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// viewers is the group of those who look on at somebody else's session.
const viewers = "podhop:viewers"

var viewer = &user.DefaultInfo{Name: "podhop:viewer", Groups: []string{viewers, user.AllAuthenticated}}

// ReadOnly serves the session's API to one who may read, but no Secrets, whoever the request
// says that it is from. It must be known to be from somebody who may.
func (s *Session) ReadOnly() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(withIdentity(r.Context(), viewer)))
	})
}

// looks reports whether somebody asks who looks on.
func looks(ctx context.Context) bool {
	u, ok := ctx.Value(identityKey{}).(user.Info)
	return ok && u == user.Info(viewer)
}

// readable are the subresources that say something, and do nothing: exec, attach,
// portforward and proxy can be asked for by GET, too.
var readable = []string{"", "status", "scale", "log"}

// readablePaths are where an API says what it has.
var readablePaths = []string{"/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz"}

// authorizeViewers has the last word about viewers: no role that a learner binds to everybody
// gives them more. It is no role itself, so that sessions have no object of it that
// somebody could change, and sessions of servers before have it too.
func authorizeViewers(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if u := a.GetUser(); u == nil || !slices.Contains(u.GetGroups(), viewers) {
		return authorizer.DecisionNoOpinion, "", nil
	}
	switch {
	case !a.IsResourceRequest():
		for _, path := range readablePaths {
			if a.GetVerb() == "get" && (a.GetPath() == path || strings.HasPrefix(a.GetPath(), path+"/")) {
				return authorizer.DecisionAllow, "", nil
			}
		}
	case a.GetAPIGroup() == "" && a.GetResource() == "secrets":
		return authorizer.DecisionDeny, "who looks on sees no Secrets", nil
	case a.IsReadOnly() && slices.Contains(readable, a.GetSubresource()):
		return authorizer.DecisionAllow, "", nil
	case a.GetVerb() == "create" && slices.Contains([]string{"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}, a.GetResource()) &&
		slices.Contains([]string{"authorization.k8s.io", "authentication.k8s.io"}, a.GetAPIGroup()):
		return authorizer.DecisionAllow, "", nil // what kubectl auth can-i and whoami ask
	}
	return authorizer.DecisionDeny, "who looks on may only read", nil
}
