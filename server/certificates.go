package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Certificates are what the TLS listener shows, signed by an authority of our own
// that kubeconfigs carry. The authority is kept, so that kubeconfigs outlast the
// server; certificates are made at each start, with the names of today.
type Certificates struct {
	authority tls.Certificate
	leaf      tls.Certificate
}

// validity of the authority; learners' machines may keep a kubeconfig for long.
const validity = 10 * 365 * 24 * time.Hour

// LoadCertificates reads the authority from dir, or makes it there at the first
// start. Names are host names and addresses that the certificate holds for beside
// localhost, this machine's name, and the sessions' own.
func LoadCertificates(dir string, names ...string) (*Certificates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	authority, err := loadAuthority(dir)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	if hostname, err := os.Hostname(); err == nil {
		names = append(names, hostname)
	}
	leaf, err := newLeaf(authority, append([]string{"localhost", "127.0.0.1", "::1", "*.localhost", "*." + sessionDomain}, names...))
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return &Certificates{authority: authority, leaf: leaf}, nil
}

// loadAuthority reads the authority, or makes it.
func loadAuthority(dir string) (tls.Certificate, error) {
	certificateFile, keyFile := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	authority, err := readAuthority(certificateFile, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if authority, err = newAuthority(); err == nil {
			err = writeAuthority(authority, certificateFile, keyFile)
		}
	}
	return authority, err
}

// Authority is that of a folder, as LoadCertificates finds it, with its key, PEM: for other
// servers that are to show learners the same.
func Authority(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("certificates: %w", err)
	}
	authority, err := loadAuthority(dir)
	if err != nil {
		return "", fmt.Errorf("certificates: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(authority.PrivateKey)
	return string(encode("CERTIFICATE", authority.Certificate[0])) + string(encode("PRIVATE KEY", key)), err
}

// SetAuthority puts what Authority was elsewhere into a folder, for LoadCertificates.
func SetAuthority(dir, text string) error {
	authority, err := tls.X509KeyPair([]byte(text), []byte(text))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = writeAuthority(authority, filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	}
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	return nil
}

// CA is the authority's certificate, PEM.
func (c *Certificates) CA() []byte { return encode("CERTIFICATE", c.authority.Certificate[0]) }

// TLS is the listener's configuration.
func (c *Certificates) TLS() *tls.Config { return serving(c.leaf) }

// ServingFor is the configuration of a listener that goes by other names alone, and
// by none of this machine's.
func (c *Certificates) ServingFor(names ...string) (*tls.Config, error) {
	leaf, err := newLeaf(c.authority, names)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return serving(leaf), nil
}

func serving(leaf tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{leaf},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		// Each session has its own authority, and looks who signed what a client shows.
		ClientAuth: tls.RequestClientCert,
	}
}

func newAuthority() (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "podhop"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	return sign(template, nil)
}

func newLeaf(authority tls.Certificate, names []string) (tls.Certificate, error) {
	template := &x509.Certificate{
		// Not the authority's name: OpenSSL would take the certificate for its own issuer.
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "" && !slices.Contains(template.DNSNames, name) {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, &authority)
}

// sign makes a key and a certificate for it; without an authority it signs itself.
func sign(template *x509.Certificate, authority *tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	// An hour of grace for clocks that are late.
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(validity)
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return tls.Certificate{}, err
	}
	parent, signer := template, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func readAuthority(certificateFile, keyFile string) (tls.Certificate, error) {
	authority, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	if err != nil {
		return authority, err
	}
	if authority.Leaf == nil {
		if authority.Leaf, err = x509.ParseCertificate(authority.Certificate[0]); err != nil {
			return authority, err
		}
	}
	if time.Now().After(authority.Leaf.NotAfter) {
		return authority, fmt.Errorf("%s has expired: remove it, and learners fetch their kubeconfig anew", certificateFile)
	}
	return authority, nil
}

// writeAuthority writes the certificate last: what is there is complete.
func writeAuthority(authority tls.Certificate, certificateFile, keyFile string) error {
	key, err := x509.MarshalPKCS8PrivateKey(authority.PrivateKey)
	if err != nil {
		return err
	}
	if err := writeFile(keyFile, encode("PRIVATE KEY", key)); err != nil {
		return err
	}
	return writeFile(certificateFile, encode("CERTIFICATE", authority.Certificate[0]))
}

func writeFile(name string, data []byte) error {
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
