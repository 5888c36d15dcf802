package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"

	jose "gopkg.in/go-jose/go-jose.v2"
	"gopkg.in/go-jose/go-jose.v2/jwt"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// keys sign and verify the service account tokens of one session. All sessions
// have the same issuer; a token of another session has no key here.
type keys struct {
	private *ecdsa.PrivateKey
	signer  serviceaccount.TokenGenerator
	public  serviceaccount.PublicKeysGetter
}

func newKeys() (*keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return keysOf(private)
}

func keysOf(private *ecdsa.PrivateKey) (*keys, error) {
	signer, err := serviceaccount.JWTTokenGenerator(issuer, private)
	if err != nil {
		return nil, err
	}
	public, err := serviceaccount.StaticPublicKeysGetter([]any{&private.PublicKey})
	return &keys{private, signer, public}, err
}

// issuerOfSession is the serviceaccount.TokenGenerator of all sessions.
type issuerOfSession struct{}

func (issuerOfSession) GenerateToken(ctx context.Context, claims *jwt.Claims, private any) (string, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return "", err
	}
	return s.keys.signer.GenerateToken(ctx, claims, private)
}

// keysOfSession is the serviceaccount.PublicKeysGetter of all sessions.
type keysOfSession struct{}

func (keysOfSession) AddListener(serviceaccount.Listener) {}
func (keysOfSession) GetCacheAgeMaxSeconds() int          { return 3600 }
func (keysOfSession) GetPublicKeys(ctx context.Context, id string) []serviceaccount.PublicKey {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil
	}
	return s.keys.public.GetPublicKeys(ctx, id)
}

// installKeySet serves the issuer's discovery documents, which upstream would
// render once for all (k8s.io/kubernetes/pkg/serviceaccount/openidmetadata.go).
func (s *Server) installKeySet(srv *genericapiserver.GenericAPIServer) {
	reply := func(w http.ResponseWriter, mime string, v any) {
		w.Header().Set("Content-Type", mime)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := srv.Handler.NonGoRestfulMux
	mux.HandleFunc(serviceaccount.OpenIDConfigPath, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, "application/json", map[string]any{
			"issuer": issuer, "jwks_uri": issuer + serviceaccount.JWKSPath,
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
		})
	})
	mux.HandleFunc(serviceaccount.JWKSPath, func(w http.ResponseWriter, r *http.Request) {
		var set jose.JSONWebKeySet
		for _, k := range (keysOfSession{}).GetPublicKeys(r.Context(), "") {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.PublicKey, KeyID: k.KeyID, Algorithm: string(jose.ES256), Use: "sig"})
		}
		reply(w, "application/jwk-set+json", set)
	})
}
