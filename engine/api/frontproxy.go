package api

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
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

// seedTrustBundle publishes the authority of the API servers' certificates, as
// k8s.io/kubernetes/pkg/controller/certificates/clustertrustbundlepublisher does.
func (s *Server) seedTrustBundle(ctx context.Context, c kubernetes.Interface) error {
	if block, _ := pem.Decode(s.config.RootCA); block == nil {
		return nil // there is none
	}
	const signer = "kubernetes.io/kube-apiserver-serving"
	hash := sha256.Sum256(s.config.RootCA)
	_, err := c.CertificatesV1().ClusterTrustBundles().Create(ctx, &certificatesv1.ClusterTrustBundle{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s:%x", strings.ReplaceAll(signer, "/", ":"), hash[:12])},
		Spec:       certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: string(s.config.RootCA)},
	}, metav1.CreateOptions{})
	return err
}
