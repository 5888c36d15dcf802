package api

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// An Identity is whom a session's API trusts: its owner's token, the key of its
// service accounts' tokens, the authority of its clients' certificates. Who has it has the session.
type Identity struct {
	AdminToken string `json:"adminToken"`
	// The others are PEM.
	SigningKey           []byte `json:"signingKey"`
	AuthorityCertificate []byte `json:"authorityCertificate"`
	AuthorityKey         []byte `json:"authorityKey"`
}

// Identity is what a restored session must have of this one, for what learners and pods
// hold to go on being good.
func (s *Session) Identity() (Identity, error) {
	der, err := x509.MarshalECPrivateKey(s.keys.private)
	return Identity{
		AdminToken: s.adminToken, SigningKey: encodePEM(keyBlock, der),
		AuthorityCertificate: s.authority.Certificate, AuthorityKey: s.authority.Key,
	}, err
}

const keyBlock = "EC PRIVATE KEY"

// identify gives the session new keys, or those of an identity.
func (s *Session) identify(is *Identity) (err error) {
	if is == nil {
		s.adminToken = rand.Text()
		if s.keys, err = newKeys(); err != nil {
			return err
		}
		s.authority, err = newAuthority("kubernetes")
		return err
	}
	if s.adminToken = is.AdminToken; s.adminToken == "" {
		return errors.New("identity: there is no token")
	}
	key, err := parseKey(is.SigningKey)
	if err != nil {
		return fmt.Errorf("identity: signing key: %w", err)
	}
	if s.keys, err = keysOf(key); err != nil {
		return err
	}
	if s.authority, err = parseAuthority(is.AuthorityCertificate, is.AuthorityKey); err != nil {
		return fmt.Errorf("identity: authority: %w", err)
	}
	return nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	b, _ := pem.Decode(text)
	if b == nil || b.Type != keyBlock {
		return nil, fmt.Errorf("there is no PEM block of type %q", keyBlock)
	}
	return x509.ParseECPrivateKey(b.Bytes)
}

func parseAuthority(certificate, key []byte) (*Authority, error) {
	a := &Authority{Certificate: certificate, Key: key}
	b, _ := pem.Decode(certificate)
	if b == nil {
		return nil, errors.New("there is no PEM block")
	}
	var err error
	if a.certificate, err = x509.ParseCertificate(b.Bytes); err != nil {
		return nil, err
	}
	a.key, err = parseKey(key)
	return a, err
}
