package api

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/podhop/podhop/engine/api/store"
)

// State is what the session has now, to open another from.
func (s *Session) State() store.State { return s.tenant.State() }

// lastApplied has all that kubectl apply was given, values of Secrets too.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// disown takes out of a fork what was made with the keys of the session that it is of:
// tokens in Secrets, which the controller makes anew, with what it puts beside them. Without values, those of all
// Secrets are left out, as a recording does.
func (s *Session) disown(values bool) error {
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	return s.tenant.Rewrite("/secrets/", func(data []byte) ([]byte, error) {
		obj, _, err := codec.Decode(data, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("a Secret: %w", err)
		}
		secret, ok := obj.(*corev1.Secret)
		if !ok {
			return data, nil
		}
		if secret.Type == corev1.SecretTypeServiceAccountToken {
			for _, key := range []string{corev1.ServiceAccountTokenKey, corev1.ServiceAccountRootCAKey, corev1.ServiceAccountNamespaceKey} {
				delete(secret.Data, key)
			}
		}
		if !values {
			for key := range secret.Data {
				secret.Data[key] = []byte("left out")
				if strings.HasPrefix(key, ".docker") { // which the API wants to be JSON
					secret.Data[key] = []byte("{}")
				}
			}
			delete(secret.Annotations, lastApplied)
		}
		var out bytes.Buffer
		err = codec.Encode(secret, &out)
		return out.Bytes(), err
	})
}
