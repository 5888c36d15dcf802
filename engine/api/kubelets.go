package api

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
	nodeutil "k8s.io/kubernetes/pkg/util/node"
)

// DialNode opens a connection to the HTTP server of a node's kubelet. It must be
// a full net.Conn: exec, attach and port-forward take it over.
type DialNode func(ctx context.Context, node string) (net.Conn, error)

// SetNodeTransport makes logs, exec, attach, port-forward and nodes/proxy reach
// the session's kubelets. Without it they answer 503. It may be called at any time.
func (s *Session) SetNodeTransport(dial DialNode) { s.dialNode.Store(&dial) }

// kubeletsOfSession is the kubeletclient.ConnectionInfoGetter of all sessions.
type kubeletsOfSession struct{}

// addressTypes are kubeadm's --kubelet-preferred-address-types.
var addressTypes = []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName}

func (kubeletsOfSession) GetConnectionInfo(ctx context.Context, name types.NodeName) (*kubeletclient.ConnectionInfo, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	node, err := s.server.getters.GetNode(ctx, string(name))
	if err != nil {
		return nil, err
	}
	host, err := nodeutil.GetPreferredNodeAddress(node, addressTypes)
	if err != nil {
		return nil, err
	}
	dial := s.dialNode.Load()
	if dial == nil {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("node %s is not reachable yet", name))
	}
	port := strconv.Itoa(int(cmp.Or(node.Status.DaemonEndpoints.KubeletEndpoint.Port, 10250)))
	t := &http.Transport{
		DisableKeepAlives: true, // no idle connection may outlive the session
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (*dial)(ctx, string(name))
		},
	}
	return &kubeletclient.ConnectionInfo{Scheme: "http", Hostname: host, Port: port, Transport: t, InsecureSkipTLSVerifyTransport: t}, nil
}
