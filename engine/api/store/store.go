package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/tools/cache"
)

// Resolver finds the tenant that a call is for. It must return an error, never
// a default, when the context names none.
type Resolver func(ctx context.Context) (*Tenant, error)

// Decorator returns the generic.StorageDecorator that makes registries keep
// their objects in tenants instead of an etcd.
func Decorator(resolve Resolver) generic.StorageDecorator {
	return func(c *storagebackend.ConfigForResource, resourcePrefix string,
		_ func(runtime.Object) (string, error), newFunc, newListFunc func() runtime.Object,
		_ storage.AttrFunc, _ storage.IndexerFuncs, _ *cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
		s, err := newStore(resolve, c.Codec, c.Transformer, resourcePrefix, c.GroupResource, newFunc)
		return s, func() {}, err
	}
}

// store is the storage.Interface of one resource for all tenants.
type store struct {
	resolve       Resolver
	codec         runtime.Codec
	transformer   value.Transformer
	versioner     storage.APIObjectVersioner
	prefix        string // of the resource, ends in "/"
	resource      schema.GroupResource
	newFunc       func() runtime.Object
	bookmarkEvery time.Duration
	sized         bool
}

func newStore(resolve Resolver, codec runtime.Codec, tr value.Transformer, prefix string, gr schema.GroupResource, newFunc func() runtime.Object) (*store, error) {
	if !strings.HasPrefix(prefix, "/") || prefix == "/" {
		return nil, fmt.Errorf("resource prefix %q must begin with / and be longer", prefix)
	}
	if !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if tr == nil {
		tr = identity.NewEncryptCheckTransformer()
	}
	return &store{resolve: resolve, codec: codec, transformer: tr, prefix: prefix, resource: gr, newFunc: newFunc, bookmarkEvery: time.Minute}, nil
}

var _ storage.Interface = &store{}

// state is what a write works on: the stored item, opened.
type state struct {
	obj   runtime.Object
	item  item
	data  []byte // as encoded, before the transformer
	stale bool   // must be written again even if unchanged
}

func (s *store) Versioner() storage.Versioner { return s.versioner }

func (s *store) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	t, key, err := s.open(ctx, key, false)
	if err != nil {
		return err
	}
	if rv, err := s.versioner.ObjectResourceVersion(obj); err == nil && rv != 0 {
		return storage.ErrResourceVersionSetOnCreate
	}
	if err := s.versioner.PrepareObjectForStorage(obj); err != nil {
		return fmt.Errorf("PrepareObjectForStorage failed: %w", err)
	}
	data, err := runtime.Encode(s.codec, obj)
	if err != nil {
		return err
	}
	next, err := s.seal(ctx, t, key, data, ttl)
	if err != nil {
		return err
	}
	rev, ok, err := t.put(ctx, s.prefix, s.resource, 0, next)
	if err != nil {
		return err
	}
	if !ok {
		return storage.NewKeyExistsError(key, 0)
	}
	if out == nil {
		return nil
	}
	return s.decode(data, out, rev)
}

func (s *store) Get(ctx context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	t, key, err := s.open(ctx, key, false)
	if err != nil {
		return err
	}
	it, rev := t.get(s.prefix, key)
	if err := s.atLeast(opts.ResourceVersion, rev); err != nil {
		return err
	}
	if it.rev == 0 {
		if opts.IgnoreNotFound {
			return runtime.SetZeroValue(out)
		}
		return storage.NewKeyNotFoundError(key, 0)
	}
	data, _, err := s.unseal(ctx, it)
	if err != nil {
		return storage.NewInternalError(err)
	}
	return s.decode(data, out, it.rev)
}

// Delete ignores the suggestion of a cached object: reading ours costs no round trip.
func (s *store) Delete(ctx context.Context, key string, out runtime.Object, pre *storage.Preconditions,
	validate storage.ValidateObjectFunc, _ runtime.Object, opts storage.DeleteOptions) error {
	t, key, err := s.open(ctx, key, false)
	if err != nil {
		return err
	}
	if _, err := conversion.EnforcePtr(out); err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	unsafely := opts.ExpectTransformOrDecodeError && utilfeature.DefaultFeatureGate.Enabled(features.AllowUnsafeMalformedObjectDeletion)
	for {
		st, err := s.state(ctx, t, key, false)
		switch {
		case storage.IsNotFound(err) || (err != nil && !unsafely):
			return err
		case err == nil && unsafely:
			return storage.NewInvalidObjError(key, "unsafe deletion is not allowed because the object is decodable from storage")
		}
		if err := pre.Check(key, st.obj); err != nil {
			return err
		}
		if err := validate(ctx, st.obj); err != nil {
			return err
		}
		rev, ok, err := t.put(ctx, s.prefix, s.resource, st.item.rev, item{key: key})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if unsafely {
			return nil
		}
		return s.decode(st.data, out, rev)
	}
}

// GuaranteedUpdate ignores the suggestion of a cached object, as Delete does.
func (s *store) GuaranteedUpdate(ctx context.Context, key string, out runtime.Object, ignoreNotFound bool,
	pre *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object) error {
	t, key, err := s.open(ctx, key, false)
	if err != nil {
		return err
	}
	if _, err := conversion.EnforcePtr(out); err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	for {
		st, err := s.state(ctx, t, key, ignoreNotFound)
		if err != nil {
			return err
		}
		if err := pre.Check(key, st.obj); err != nil {
			return err
		}
		ret, ttl, err := update(st.obj, storage.ResponseMeta{ResourceVersion: st.item.rev})
		if err != nil {
			return err
		}
		if err := s.versioner.PrepareObjectForStorage(ret); err != nil {
			return fmt.Errorf("PrepareObjectForStorage failed: %w", err)
		}
		data, err := runtime.Encode(s.codec, ret)
		if err != nil {
			return err
		}
		if !st.stale && st.item.rev != 0 && bytes.Equal(data, st.data) {
			return s.decode(data, out, st.item.rev)
		}
		next, err := s.seal(ctx, t, key, data, 0)
		if err != nil {
			return err
		}
		switch {
		case ttl == nil:
			next.expires = st.item.expires
		case *ttl != 0:
			next.expires = t.clock().Add(time.Duration(*ttl) * time.Second).UnixNano()
		}
		rev, ok, err := t.put(ctx, s.prefix, s.resource, st.item.rev, next)
		if err != nil {
			return err
		}
		if ok {
			return s.decode(data, out, rev)
		}
	}
}

func (s *store) Stats(ctx context.Context) (storage.Stats, error) {
	t, err := s.resolve(ctx)
	if err != nil {
		return storage.Stats{}, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var st storage.Stats
	if b := t.buckets[s.prefix]; b != nil && len(b.items) > 0 {
		st.ObjectCount = int64(len(b.items))
		if s.sized {
			for _, it := range b.items {
				st.EstimatedAverageObjectSizeBytes += int64(len(it.data))
			}
			st.EstimatedAverageObjectSizeBytes /= st.ObjectCount
		}
	}
	return st, nil
}

// EnableResourceSizeEstimation makes Stats count bytes; it needs no keys for it.
func (s *store) EnableResourceSizeEstimation(keys storage.KeysFunc) error {
	if keys == nil {
		return fmt.Errorf("KeysFunc cannot be nil")
	}
	s.sized = true
	return nil
}

func (s *store) ReadinessCheck() error { return nil }

// CompactRevision is an etcd's affair, and of interest to the watch cache only,
// which is not used above this store.
func (s *store) CompactRevision() int64 { return 0 }

func (s *store) GetCurrentResourceVersion(ctx context.Context) (uint64, error) {
	t, err := s.resolve(ctx)
	if err != nil {
		return 0, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rev, nil
}

// open finds the tenant and checks the key.
func (s *store) open(ctx context.Context, key string, recursive bool) (*Tenant, string, error) {
	t, err := s.resolve(ctx)
	if err != nil {
		return nil, "", err
	}
	key, err = storage.PrepareKey(s.prefix, key, recursive)
	return t, key, err
}

func (s *store) state(ctx context.Context, t *Tenant, key string, ignoreNotFound bool) (state, error) {
	it, _ := t.get(s.prefix, key)
	st := state{item: it}
	if it.rev == 0 {
		if !ignoreNotFound {
			return st, storage.NewKeyNotFoundError(key, 0)
		}
		st.obj = s.newFunc()
		return st, runtime.SetZeroValue(st.obj)
	}
	var err error
	if st.data, st.stale, err = s.unseal(ctx, it); err != nil {
		return st, storage.NewInternalError(err)
	}
	obj := s.newFunc()
	if err := s.decode(st.data, obj, it.rev); err != nil {
		return st, err
	}
	st.obj = obj
	return st, nil
}

func (s *store) seal(ctx context.Context, t *Tenant, key string, data []byte, ttl uint64) (item, error) {
	sealed, err := s.transformer.TransformToStorage(ctx, data, value.DefaultContext(key))
	if err != nil {
		return item{}, storage.NewInternalError(err)
	}
	it := item{key: key, data: sealed}
	if ttl != 0 {
		it.expires = t.clock().Add(time.Duration(ttl) * time.Second).UnixNano()
	}
	return it, nil
}

func (s *store) unseal(ctx context.Context, it item) (data []byte, stale bool, err error) {
	return s.transformer.TransformFromStorage(ctx, it.data, value.DefaultContext(it.key))
}

func (s *store) decode(data []byte, out runtime.Object, rev uint64) error {
	if _, err := conversion.EnforcePtr(out); err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	if _, _, err := s.codec.Decode(data, nil, out); err != nil {
		return err
	}
	return s.versioner.UpdateObject(out, rev)
}

// atLeast refuses a request that wants a revision not reached yet.
func (s *store) atLeast(want string, have uint64) error {
	if want == "" {
		return nil
	}
	rv, err := s.versioner.ParseResourceVersion(want)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid resource version: %v", err))
	}
	if rv > have {
		return storage.NewTooLargeResourceVersionError(rv, have, 0)
	}
	return nil
}

// Fixed is the Resolver of code that belongs to one tenant whatever the context.
func Fixed(t *Tenant) Resolver {
	return func(context.Context) (*Tenant, error) { return t, nil }
}
