package hosts

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
	"math/big"
	"time"
)

// peerName is what each host's certificate says. Peers are known by who signed it: whoever can
// read etcd can be one, and has every session's keys anyway.
const peerName = "host.podhop.internal"

// validity is of the authority, and of hosts, which make a certificate at each start.
const validity = 10 * 365 * 24 * time.Hour

// NewAuthority makes what signs hosts' certificates, PEM: a certificate and its key. All hosts
// must have the same, see Agreed.
func NewAuthority() (string, error) {
	pair, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "podhop hosts"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	if err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), nil
}

// Peers is how a host shows its peers who it is, and sees who they are, by an authority that
// NewAuthority made.
func Peers(authority string) (*tls.Config, error) {
	ca, err := tls.X509KeyPair([]byte(authority), []byte(authority))
	if err == nil && ca.Leaf == nil {
		err = errors.New("it has no certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("the hosts' authority: %w", err)
	}
	own, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "podhop host"}, DNSNames: []string{peerName}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &ca)
	if err != nil {
		return nil, fmt.Errorf("this host's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, ServerName: peerName,
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		// An upgrade takes over a whole connection, which HTTP/2 has none of.
		NextProtos: []string{"http/1.1"},
	}, nil
}

// sign makes a key and a certificate for it; without an authority it signs itself.
func sign(template *x509.Certificate, authority *tls.Certificate) (pair tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	// An hour of grace for clocks that are late.
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(validity)
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return pair, err
	}
	parent, signer := template, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
