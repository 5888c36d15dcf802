package store

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

const (
	// the words of k8s.io/apiserver/pkg/storage/etcd3/errors.go
	expiredList          = "The resourceVersion for the provided list is too old."
	inconsistentContinue = "The provided continue parameter is too old " +
		"to display a consistent list result. You can start a new list without " +
		"the continue parameter, or use the continue token in this response to " +
		"retrieve the remainder of the results. Continuing with the provided " +
		"token results in an inconsistent list - objects that were created, " +
		"modified, or deleted between the time the first chunk was returned " +
		"and now may show up in the list."
)

func (s *store) GetList(ctx context.Context, key string, opts storage.ListOptions, listObj runtime.Object) error {
	t, key, err := s.open(ctx, key, opts.Recursive)
	if err != nil {
		return err
	}
	listPtr, err := meta.GetItemsPtr(listObj)
	if err != nil {
		return err
	}
	v, err := conversion.EnforcePtr(listPtr)
	if err != nil || v.Kind() != reflect.Slice {
		return fmt.Errorf("need ptr to slice: %w", err)
	}
	withRev, from, err := storage.ValidateListOptions(key, s.versioner, opts)
	if err != nil {
		return err
	}
	items, rev, err := s.read(t, key, uint64(withRev), from, opts)
	if err != nil {
		return err
	}
	newItem := itemFunc(listObj, v)
	limit, more, last := int(opts.Predicate.Limit), false, ""
	for _, it := range items {
		if limit > 0 && v.Len() >= limit {
			more = true
			break
		}
		last = it.key
		data, _, err := s.unseal(ctx, it)
		if err != nil {
			return storage.NewInternalError(fmt.Errorf("unable to transform key %q: %w", it.key, err))
		}
		if ctx.Err() != nil {
			return storage.NewTimeoutError(it.key, "request did not complete within requested timeout")
		}
		obj, _, err := s.codec.Decode(data, nil, newItem())
		if err != nil {
			return err
		}
		if err := s.versioner.UpdateObject(obj, it.rev); err != nil {
			return err
		}
		if ok, err := opts.Predicate.Matches(obj); err == nil && ok {
			v.Set(reflect.Append(v, reflect.ValueOf(obj).Elem()))
		}
	}
	if v.IsNil() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	cont, remaining, err := storage.PrepareContinueToken(last, key, int64(rev), int64(len(items)), more, opts)
	if err != nil {
		return err
	}
	return s.versioner.UpdateList(listObj, rev, cont, remaining)
}

// read takes the items to list, from the key `from` on, and the revision they stand at.
func (s *store) read(t *Tenant, key string, withRev uint64, from string, opts storage.ListOptions) ([]item, uint64, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	b := t.buckets[s.prefix]
	if b == nil {
		b = &bucket{}
	}
	rev, gone := withRev, t.age.look(t.clock(), t.rev)
	switch {
	case withRev == 0:
		rev = t.rev
		if err := s.atLeast(opts.ResourceVersion, rev); err != nil {
			return nil, 0, err
		}
	case withRev > t.rev:
		return nil, 0, storage.NewTooLargeResourceVersionError(withRev, t.rev, 0)
	case withRev < gone:
		return nil, 0, expired(opts, from, key)
	}
	items, ok := b.at(rev, key, opts.Recursive)
	if !ok {
		return nil, 0, expired(opts, from, key)
	}
	i := 0
	for i < len(items) && items[i].key < from {
		i++
	}
	return items[i:], rev, nil
}

// expired is the 410 of a list at a revision that is gone. A paged list gets a
// token with which it can go on at the latest revision.
func expired(opts storage.ListOptions, from, key string) error {
	if opts.Predicate.Continue == "" {
		return apierrors.NewResourceExpired(expiredList)
	}
	token, err := storage.EncodeContinue(from, key, -1)
	if err != nil {
		return apierrors.NewResourceExpired(expiredList)
	}
	gone := apierrors.NewResourceExpired(inconsistentContinue)
	gone.ErrStatus.Continue = token
	return gone
}

func itemFunc(listObj runtime.Object, v reflect.Value) func() runtime.Object {
	// The items of an unstructured list have the version that was asked for.
	if l, ok := listObj.(*unstructured.UnstructuredList); ok {
		if version := l.GetAPIVersion(); version != "" {
			return func() runtime.Object {
				return &unstructured.Unstructured{Object: map[string]any{"apiVersion": version}}
			}
		}
	}
	elem := v.Type().Elem()
	return func() runtime.Object { return reflect.New(elem).Interface().(runtime.Object) }
}
