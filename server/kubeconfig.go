package server

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podhop/podhop/server/hosts"
)

// sessionDomain is what the names of sessions in TLS handshakes end in. No DNS
// knows it: tls-server-name alone brings it up.
const sessionDomain = "session.podhop.internal"

// apiServer is the URL of the listener that kubectl is to use, as seen by whoever
// sent r, without a path.
func (s *Server) apiServer(r *http.Request) string {
	if s.cfg.APIServer != "" {
		return strings.TrimSuffix(s.cfg.APIServer, "/")
	}
	if s.cfg.Certificates == nil {
		if r.TLS != nil {
			return "https://" + r.Host
		}
		return "http://" + r.Host
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	port := s.cfg.TLSPort
	if first, ok := hosts.APIPort(r.Context()); ok {
		port = first
	}
	return "https://" + net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}

// kubeconfig is what kubectl needs to reach a session.
//
// Its server is the session's path. Its tls-server-name is the session's name:
// that makes get --raw work, which drops the path, and lets our certificate hold
// under whatever name or address the learner reaches us.
func (s *Server) kubeconfig(r *http.Request, id, token string) ([]byte, error) {
	name := "podhop-" + id
	cluster := &clientcmdapi.Cluster{Server: s.apiServer(r) + s.path(r, prefix+id)}
	if s.cfg.Certificates != nil && s.cfg.APIServer == "" {
		cluster.CertificateAuthorityData = s.cfg.Certificates.CA()
		cluster.TLSServerName = id + "." + sessionDomain
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = cluster
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}
