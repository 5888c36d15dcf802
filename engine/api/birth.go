package api

import (
	"bytes"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/api/store"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// dated are the kinds whose age a learner sees in lists.
var dated = []string{"/minions/", "/namespaces/", "/services/specs/", "/services/endpoints/", "/endpointslices/", "/ipaddresses/", "/servicecidrs/", "/serviceaccounts/", "/configmaps/", "/deployments/"}

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
	return nil
}
