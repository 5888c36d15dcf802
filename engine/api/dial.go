package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	apiserverwebhook "k8s.io/apiserver/pkg/util/webhook"
	restclient "k8s.io/client-go/rest"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
)

// SetPodDialer makes pods/proxy and services/proxy, webhooks and aggregated API
// servers reach addresses of the session's network. Without it they fail. Addresses
// are literal. It may be called at any time.
func (s *Session) SetPodDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	s.dialPod.Store(&dial)
}

// dial connects from the session's control plane to an address of its network. A
// name that gets here is one that no Service has: nobody resolves it, so that nothing
// outside of the session is reached. Connections end with the session.
func (s *Session) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil {
		if _, err := netip.ParseAddr(host); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
		}
	}
	dial := s.dialPod.Load()
	if dial == nil {
		return nil, fmt.Errorf("the network of session %s is not there yet", s.id)
	}
	c, err := (*dial)(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &connOfSession{c, context.AfterFunc(s.ctx, func() { _ = c.Close() })}, nil
}

// connOfSession is closed when its session is, at the latest: idle ones of webhooks'
// clients would keep a network namespace.
type connOfSession struct {
	net.Conn
	release func() bool
}

func (c *connOfSession) Close() error {
	c.release()
	return c.Conn.Close()
}

// podTransport dials pods for the proxy subresources. It is an http.Transport because
// upgrades need its dialer.
func podTransport(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		// As upstream's: pods are dialled by address, and certificates have names.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext:     dial,
	}
}

// dialOfSession is Session.dial for what all sessions share.
func dialOfSession(ctx context.Context, network, address string) (net.Conn, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return s.dial(ctx, network, address)
}

// serviceResolver leads webhooks and aggregated APIs to Services' cluster IPs, as
// kube-apiserver does without --enable-aggregator-routing.
func (s *Session) serviceResolver() apiserverwebhook.ServiceResolver {
	return aggregatorapiserver.NewClusterIPServiceResolver(s.informers.Core().V1().Services().Lister())
}

// webhookAuth gives webhooks' clients the session's network, those that name a URL
// too, and no proxy of this process.
func (s *Session) webhookAuth() apiserverwebhook.AuthenticationInfoResolverWrapper {
	upstream := apiserverwebhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, s.client, s.server.generic.TracerProvider)
	within := func(c *restclient.Config, err error) (*restclient.Config, error) {
		if err != nil || c.Transport != nil { // the API itself, by a function call
			return c, err
		}
		c = restclient.CopyConfig(c)
		c.Dial, c.Proxy = s.dial, noProxy
		return c, nil
	}
	return func(r apiserverwebhook.AuthenticationInfoResolver) apiserverwebhook.AuthenticationInfoResolver {
		inner := upstream(r)
		return &apiserverwebhook.AuthenticationInfoResolverDelegator{
			ClientConfigForFunc: func(hostPort string) (*restclient.Config, error) { return within(inner.ClientConfigFor(hostPort)) },
			ClientConfigForServiceFunc: func(name, namespace string, port int) (*restclient.Config, error) {
				return within(inner.ClientConfigForService(name, namespace, port))
			},
		}
	}
}

// noProxy also keeps the clients out of client-go's cache, which outlives sessions.
func noProxy(*http.Request) (*url.URL, error) { return nil, nil }
