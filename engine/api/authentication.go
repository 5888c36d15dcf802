package api

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

var (
	// admin is whom the learner's kubeconfig belongs to.
	admin = &user.DefaultInfo{Name: "kubernetes-admin", Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}}
	// master is this process itself.
	master = &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}}
)

// authenticator tells who makes a request: this process under a name it chose,
// the session's administrator, whom a certificate of the session's names, one of the
// session's service accounts, or nobody.
func (s *Server) authenticator(audiences authenticator.Audiences) authenticator.Request {
	tokens := serviceaccount.JWTTokenAuthenticator([]string{issuer}, keysOfSession{}, audiences, serviceaccount.NewValidator(s.getters))
	withGroups := group.NewAuthenticatedGroupAdder(union.New(
		authenticator.RequestFunc(certificateOfSession),
		bearertoken.New(tokens), websocket.NewProtocolAuthenticator(tokens)))
	return union.NewFailOnError(
		authenticator.RequestFunc(inProcessIdentity),
		authenticator.RequestFunc(administrator),
		withGroups,
		anonymous.NewAuthenticator(nil),
	)
}

func inProcessIdentity(r *http.Request) (*authenticator.Response, bool, error) {
	if u, ok := r.Context().Value(identityKey{}).(user.Info); ok {
		return &authenticator.Response{User: u}, true, nil
	}
	return nil, false, nil
}

func administrator(r *http.Request) (*authenticator.Response, bool, error) {
	s, err := sessionFrom(r.Context())
	if err != nil || !s.isAdministrator(r) {
		return nil, false, err
	}
	r.Header.Del("Authorization")
	return &authenticator.Response{User: admin}, true, nil
}

// isAdministrator reports whether a request shows the token of the learner's kubeconfig.
func (s *Session) isAdministrator(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(s.adminToken)) == 1
}
