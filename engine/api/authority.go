package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	x509request "k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/client-go/util/cert"
)

// An Authority signs certificates. A session's own signs those of its clients: a
// certificate of another session's is one of nobody.
type Authority struct {
	// Certificate and Key are PEM.
	Certificate, Key []byte

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c, err := cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &Authority{Certificate: encodePEM(cert.CertificateBlockType, c.Raw), Key: encodePEM("EC PRIVATE KEY", der), certificate: c, key: key}, nil
}

// issue makes a client's certificate for a name, and its key, PEM.
func (a *Authority) issue(name string) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(private)
	return encodePEM(cert.CertificateBlockType, leaf), encodePEM("EC PRIVATE KEY", der), err
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// ClientAuthority is whose certificates the session's API takes for the names in
// them, if the TLS listener asks for them.
func (s *Session) ClientAuthority() *Authority { return s.authority }

// certificateOfSession takes a client's certificate for who it says, if the session's
// own authority signed it.
func certificateOfSession(r *http.Request) (*authenticator.Response, bool, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	s, err := sessionFrom(r.Context())
	if err != nil {
		return nil, false, err
	}
	o := x509request.DefaultVerifyOptions()
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(s.authority.certificate)
	return x509request.New(o, x509request.CommonNameUserConversion).AuthenticateRequest(r)
}
