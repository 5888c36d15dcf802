package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/apitesting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/storage"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/apiserver/pkg/storage/value"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
)

// The tests of this file run upstream's suite for storage.Interface,
// k8s.io/apiserver/pkg/storage/testing, as upstream's etcd3 tests do. Left out:
//
//   - RunTestGetListWithErrorAggregation and RunTestWatchWithUnsafeDelete: they
//     expect errors of unexported types of package etcd3 (corruptObjectError).
//   - RunTestCompactRevision: CompactRevision tells a watch cache what another
//     API server compacted in their common etcd; there is neither.
//   - RunTestOptionalWatchBookmarksWithCorrectResourceVersion: bookmarks every
//     second are the watch cache's; ours come after a minute of skipped changes.
//   - RunTestList's check of the requests made to etcd: there are none; a
//     recorder that repeats what is expected stands in.

const prefix = "test!"

func codec(t testing.TB) runtime.Codec {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	utilruntime.Must(example.AddToScheme(scheme))
	utilruntime.Must(examplev1.AddToScheme(scheme))
	return apitesting.TestCodec(serializer.NewCodecFactory(scheme), examplev1.SchemeGroupVersion)
}

// suite is our store in the shape the upstream tests want.
type suite struct {
	*store
	tenant *Tenant
}

func setup(t testing.TB) (context.Context, *suite) {
	tn := NewTenant()
	t.Cleanup(tn.Close)
	s, err := newStore(func(context.Context) (*Tenant, error) { return tn, nil }, codec(t),
		storagetesting.NewPrefixTransformer([]byte(prefix), false), "/pods/", schema.GroupResource{Resource: "pods"},
		func() runtime.Object { return &example.Pod{} })
	if err != nil {
		t.Fatal(err)
	}
	return context.Background(), &suite{s, tn}
}

func (s *suite) UpdatePrefixTransformer(f storagetesting.PrefixTransformerModifier) func() {
	old := s.transformer.(*storagetesting.PrefixTransformer)
	c := *old
	s.transformer = f(&c)
	return func() { s.transformer = old }
}

func (s *suite) UpdateTransformer(f storagetesting.TransformerModifier) func() {
	old := s.transformer
	s.transformer = f(old)
	return func() { s.transformer = old }
}

func (s *suite) compact(ctx context.Context, t *testing.T, rv string) {
	rev, err := s.versioner.ParseResourceVersion(rv)
	if err != nil {
		t.Fatal(err)
	}
	s.tenant.compact(rev)
	s.raise(ctx, t) // etcd's compactor writes its own key
}

// raise moves the revision on, as a write elsewhere would.
func (s *suite) raise(context.Context, *testing.T) int64 {
	s.tenant.mu.Lock()
	defer s.tenant.mu.Unlock()
	s.tenant.rev++
	return int64(s.tenant.rev)
}

func (s *suite) stored(_ context.Context, t *testing.T, key string) {
	it, _ := s.tenant.get(s.prefix, key)
	if it.rev == 0 {
		t.Fatalf("nothing stored under %s", key)
	}
	obj, err := runtime.Decode(s.codec, it.data[len(prefix):])
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 the suite's own object has it, and it must not be stored
	if pod := obj.(*example.Pod); pod.ResourceVersion != "" || pod.SelfLink != "" {
		//lint:ignore SA1019 as above
		t.Errorf("stored with resourceVersion %q, selfLink %q", pod.ResourceVersion, pod.SelfLink)
	}
}

// reads checks how many objects a list has opened.
func (s *suite) reads(t *testing.T, _, want uint64) {
	if got := s.transformer.(*storagetesting.PrefixTransformer).GetReadsAndReset(); got != want {
		t.Errorf("opened %d objects, want %d", got, want)
	}
}

type failing struct {
	value.Transformer
	fail atomic.Bool
}

func (f *failing) TransformFromStorage(ctx context.Context, data []byte, dc value.Context) ([]byte, bool, error) {
	if f.fail.Load() {
		return nil, false, errors.New("synthetic error")
	}
	return f.Transformer.TransformFromStorage(ctx, data, dc)
}

func TestUpstreamSuite(t *testing.T) {
	plain := map[string]func(context.Context, *testing.T, storage.Interface){
		"CreateWithTTL":                              storagetesting.RunTestCreateWithTTL,
		"CreateWithKeyExist":                         storagetesting.RunTestCreateWithKeyExist,
		"Get":                                        storagetesting.RunTestGet,
		"UnconditionalDelete":                        storagetesting.RunTestUnconditionalDelete,
		"ConditionalDelete":                          storagetesting.RunTestConditionalDelete,
		"DeleteWithSuggestion":                       storagetesting.RunTestDeleteWithSuggestion,
		"DeleteWithSuggestionAndConflict":            storagetesting.RunTestDeleteWithSuggestionAndConflict,
		"DeleteWithConflict":                         storagetesting.RunTestDeleteWithConflict,
		"DeleteWithSuggestionOfDeletedObject":        storagetesting.RunTestDeleteWithSuggestionOfDeletedObject,
		"ValidateDeletionWithSuggestion":             storagetesting.RunTestValidateDeletionWithSuggestion,
		"ValidateDeletionWithOnlySuggestionValid":    storagetesting.RunTestValidateDeletionWithOnlySuggestionValid,
		"PreconditionalDeleteWithSuggestion":         storagetesting.RunTestPreconditionalDeleteWithSuggestion,
		"PreconditionalDeleteWithOnlySuggestionPass": storagetesting.RunTestPreconditionalDeleteWithOnlySuggestionPass,
		"GetListRecursivePrefix":                     storagetesting.RunTestGetListRecursivePrefix,
		"GuaranteedUpdateWithTTL":                    storagetesting.RunTestGuaranteedUpdateWithTTL,
		"GuaranteedUpdateWithConflict":               storagetesting.RunTestGuaranteedUpdateWithConflict,
		"GuaranteedUpdateWithSuggestionAndConflict":  storagetesting.RunTestGuaranteedUpdateWithSuggestionAndConflict,
		"ListPaging":                                 storagetesting.RunTestListPaging,
		"NamespaceScopedList":                        storagetesting.RunTestNamespaceScopedList,
		"KeySchema":                                  storagetesting.RunTestKeySchema,
		"Watch":                                      storagetesting.RunTestWatch,
		"DeleteTriggerWatch":                         storagetesting.RunTestDeleteTriggerWatch,
		"WatchFromNonZero":                           storagetesting.RunTestWatchFromNonZero,
		"DelayedWatchDelivery":                       storagetesting.RunTestDelayedWatchDelivery,
		"WatchContextCancel":                         storagetesting.RunTestWatchContextCancel,
		"WatcherTimeout":                             storagetesting.RunTestWatcherTimeout,
		"WatchDeleteEventObjectHaveLatestRV":         storagetesting.RunTestWatchDeleteEventObjectHaveLatestRV,
		"WatchInitializationSignal":                  storagetesting.RunTestWatchInitializationSignal,
		"ClusterScopedWatch":                         storagetesting.RunTestClusterScopedWatch,
		"NamespaceScopedWatch":                       storagetesting.RunTestNamespaceScopedWatch,
		"SendInitialEventsBackwardCompatibility":     storagetesting.RunSendInitialEventsBackwardCompatibility,
		"WatchSemantics":                             storagetesting.RunWatchSemantics,
		"WatchSemanticInitialEventsExtended":         storagetesting.RunWatchSemanticInitialEventsExtended,
		"WatchListMatchSingle":                       storagetesting.RunWatchListMatchSingle,
	}
	for name, run := range plain {
		t.Run(name, func(t *testing.T) {
			ctx, s := setup(t)
			run(ctx, t, s)
		})
	}
	fitted := map[string]func(context.Context, *testing.T, *suite){
		"Create": func(ctx context.Context, t *testing.T, s *suite) { storagetesting.RunTestCreate(ctx, t, s, s.stored) },
		"GuaranteedUpdate": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestGuaranteedUpdate(ctx, t, s, s.stored)
		},
		"GuaranteedUpdateChecksStoredData": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestGuaranteedUpdateChecksStoredData(ctx, t, s)
		},
		"TransformationFailure": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestTransformationFailure(ctx, t, s)
		},
		"List": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestList(ctx, t, s, s.compact, false, nil)
		},
		"ConsistentList": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestConsistentList(ctx, t, s, s.raise, false, true, false)
		},
		"GetListNonRecursive": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestGetListNonRecursive(ctx, t, s.raise, s)
		},
		"GetListWithoutErrorAggregation": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestGetListWithoutErrorAggregation(ctx, t, s, errors.New("bits flipped"))
		},
		"ListContinuation": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestListContinuation(ctx, t, s, s.reads)
		},
		"ListPaginationRareObject": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestListPaginationRareObject(ctx, t, s, s.reads)
		},
		"ListContinuationWithFilter": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestListContinuationWithFilter(ctx, t, s, s.reads)
		},
		"ListInconsistentContinuation": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestListInconsistentContinuation(ctx, t, s, s.compact)
		},
		"ListResourceVersionMatch": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestListResourceVersionMatch(ctx, t, s)
		},
		"Stats": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestStats(ctx, t, s, s.codec, s.transformer, false)
		},
		"StatsSized": func(ctx context.Context, t *testing.T, s *suite) {
			if err := s.EnableResourceSizeEstimation(func(context.Context) ([]string, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
			storagetesting.RunTestStats(ctx, t, s, s.codec, s.transformer, true)
		},
		"WatchFromZero": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestWatchFromZero(ctx, t, s, s.compact)
		},
		"WatchError": func(ctx context.Context, t *testing.T, s *suite) { storagetesting.RunTestWatchError(ctx, t, s) },
		"WatchErrorIsBlockingFurtherEvents": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunWatchErrorIsBlockingFurtherEvents(ctx, t, s)
		},
		"WatchDispatchBookmarkEvents": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestWatchDispatchBookmarkEvents(ctx, t, s, false)
		},
		"ProgressNotify": func(ctx context.Context, t *testing.T, s *suite) {
			s.bookmarkEvery = time.Second
			storagetesting.RunOptionalTestProgressNotify(ctx, t, s, s.raise)
		},
		"DeleteExpectedTransformError": func(ctx context.Context, t *testing.T, s *suite) {
			f := &failing{Transformer: s.transformer}
			s.transformer = f
			storagetesting.RunTestDeleteExpectedTransformOrDecodeError(ctx, t, s, func(b bool) { f.fail.Store(b) })
		},
		"DeleteWithConflictAndMissingExpectedError": func(ctx context.Context, t *testing.T, s *suite) {
			f := &failing{Transformer: s.transformer}
			s.transformer = f
			storagetesting.RunTestDeleteWithConflictAndMissingExpectedTransformOrDecodeError(ctx, t, s, func(b bool) { f.fail.Store(b) })
		},
		"DeleteWithSuggestionAndMissingExpectedError": func(ctx context.Context, t *testing.T, s *suite) {
			storagetesting.RunTestDeleteWithSuggestionAndMissingExpectedTransformOrDecodeError(ctx, t, s)
		},
	}
	for name, run := range fitted {
		t.Run(name, func(t *testing.T) {
			featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.AllowUnsafeMalformedObjectDeletion, len(name) > 6 && name[:6] == "Delete")
			ctx, s := setup(t)
			run(ctx, t, s)
		})
	}
}
