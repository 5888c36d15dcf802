package api

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/api/store"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// dated are the kinds whose age a learner sees in lists.
var dated = []string{"/minions/", "/namespaces/", "/services/specs/", "/services/endpoints/", "/endpointslices/", "/ipaddresses/", "/servicecidrs/", "/serviceaccounts/", "/configmaps/", "/deployments/", "/flowschemas/", "/prioritylevelconfigurations/", "/storageclasses/", "/clustertrustbundles/"}

// datedInJSON are of groups that client-go does not know.
const datedInJSON = "/apiregistration.k8s.io/apiservices/"

// bear makes what a session begins with as old as the session, not as the golden tenant.
func bear(t *store.Tenant, now time.Time) error {
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	for _, prefix := range dated {
		err := t.Rewrite(prefix, func(data []byte) ([]byte, error) {
			obj, _, err := codec.Decode(data, nil, nil)
			if err != nil {
				return nil, err
			}
			m, err := meta.Accessor(obj)
			if err != nil {
				return nil, err
			}
			m.SetCreationTimestamp(metav1.NewTime(now))
			var out bytes.Buffer
			err = codec.Encode(obj, &out)
			return out.Bytes(), err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", prefix, err)
		}
	}
	return t.Rewrite(datedInJSON, func(data []byte) ([]byte, error) { return dateJSON(data, now), nil })
}

// dateJSON sets the time of creation of an object that has one.
func dateJSON(data []byte, now time.Time) []byte {
	key := []byte(`"creationTimestamp":"`)
	i := bytes.Index(data, key)
	if i < 0 {
		return data
	}
	i += len(key)
	return slices.Concat(data[:i], []byte(now.UTC().Format(time.RFC3339)), data[i+bytes.IndexByte(data[i:], '"'):])
}

// adopt tells extension servers of the session's own authority of clients.
func (s *Session) adopt() error {
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	return s.tenant.Rewrite("/configmaps/", func(data []byte) ([]byte, error) {
		obj, _, err := codec.Decode(data, nil, nil)
		if err != nil {
			return nil, err
		}
		c, ok := obj.(*corev1.ConfigMap)
		if !ok || c.Name != authenticationConfig || c.Namespace != metav1.NamespaceSystem {
			return data, nil
		}
		c.Data["client-ca-file"] = string(s.authority.Certificate)
		var out bytes.Buffer
		err = codec.Encode(obj, &out)
		return out.Bytes(), err
	})
}
