package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
)

// DialNode opens a connection to the HTTP server of a node's kubelet. It must be
// a full net.Conn: exec, attach and port-forward take it over.
type DialNode func(ctx context.Context, node string) (net.Conn, error)

// SetNodeTransport makes logs, exec, attach, port-forward and nodes/proxy reach
// the session's kubelets. Without it they answer 503. It may be called at any time.
func (s *Session) SetNodeTransport(dial DialNode) { s.dialNode.Store(&dial) }

// SetPodDialer makes pods/proxy and services/proxy reach addresses of the
// session's network. Without it they answer 502.
func (s *Session) SetPodDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	s.dialPod.Store(&dial)
}

// kubeletsOfSession is the kubeletclient.ConnectionInfoGetter of all sessions.
type kubeletsOfSession struct{}

func (kubeletsOfSession) GetConnectionInfo(ctx context.Context, node types.NodeName) (*kubeletclient.ConnectionInfo, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	dial := s.dialNode.Load()
	if dial == nil {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("node %s is not reachable yet", node))
	}
	t := &http.Transport{
		DisableKeepAlives: true, // no idle connection may outlive the session
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (*dial)(ctx, string(node))
		},
	}
	return &kubeletclient.ConnectionInfo{Scheme: "http", Hostname: string(node), Port: "10250", Transport: t, InsecureSkipTLSVerifyTransport: t}, nil
}

// podTransport dials pods for the proxy subresources, by the session of the
// request's context. It is an http.Transport because upgrades need its dialer.
func podTransport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		// As upstream's: pods are dialled by address, and certificates have names.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			s, err := sessionFrom(ctx)
			if err != nil {
				return nil, err
			}
			if dial := s.dialPod.Load(); dial != nil {
				return (*dial)(ctx, network, address)
			}
			return nil, fmt.Errorf("the network of session %s is not there yet", s.id)
		},
	}
}
