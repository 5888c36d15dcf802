package api

import (
	"context"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// frontProxyName is the common name that extension servers expect of this process.
const frontProxyName = "front-proxy-client"

// authenticationConfig is what extension servers read in kube-system to know whom to
// trust.
const authenticationConfig = "extension-apiserver-authentication"

// frontProxy is who this process is to the extension servers of all sessions: only it
// has the key.
type frontProxy struct {
	dir       string
	authority *Authority
}

func newFrontProxy(dir string) (*frontProxy, error) {
	authority, err := newAuthority("front-proxy-ca")
	if err != nil {
		return nil, err
	}
	certificate, key, err := authority.issue(frontProxyName)
	if err != nil {
		return nil, err
	}
	p := &frontProxy{dir, authority}
	certificateFile, keyFile := p.files()
	if err := os.WriteFile(certificateFile, certificate, 0o600); err != nil {
		return nil, err
	}
	return p, os.WriteFile(keyFile, key, 0o600)
}

// files are where upstream's aggregator reads the certificate and its key.
func (p *frontProxy) files() (certificate, key string) {
	return filepath.Join(p.dir, "front-proxy-client.crt"), filepath.Join(p.dir, "front-proxy-client.key")
}

// seedAuthenticationConfig writes what upstream's cluster authentication trust
// controller does. The authority of clients is each session's own: see Session.adopt.
func (s *Server) seedAuthenticationConfig(ctx context.Context, c kubernetes.Interface) error {
	_, err := c.CoreV1().ConfigMaps(metav1.NamespaceSystem).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: authenticationConfig},
		Data: map[string]string{
			"client-ca-file":                     "",
			"requestheader-client-ca-file":       string(s.frontProxy.authority.Certificate),
			"requestheader-allowed-names":        `["` + frontProxyName + `"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-uid-headers":          `["X-Remote-Uid"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		},
	}, metav1.CreateOptions{})
	return err
}
