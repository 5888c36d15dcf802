package etcd

import (
	"fmt"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

// aSession is a state of as many objects as a new session has, which are as alike as those.
func aSession() journal.State {
	s := journal.State{Revision: 1000, Written: map[string]uint64{}}
	for i := range 600 {
		value := fmt.Appendf(nil, "object %d %s", i, random(100))
		for len(value) < 900 {
			value = append(value, "metadata.kubernetes.io/managed-by:podhop "...)
		}
		s.Objects = append(s.Objects, journal.Change{Revision: uint64(i + 1), Resource: "things", Prefix: "/things/", Key: fmt.Sprintf("/things/%04d", i), Value: value})
	}
	return s
}

// each runs a benchmark with both keepers, in one run.
func each(b *testing.B, run func(b *testing.B, k journal.Keeper)) {
	b.Run("folder", func(b *testing.B) {
		run(b, journal.Folder{Dir: b.TempDir(), Syncer: &journal.Syncer{Every: 5 * time.Second}})
	})
	b.Run("etcd", func(b *testing.B) {
		k := newWorld(b).has(b, "all", func(c *Config) { c.Limit = 1 << 30 })
		run(b, k)
	})
}

func BenchmarkOpen(b *testing.B) {
	s := aSession()
	each(b, func(b *testing.B, k journal.Keeper) {
		for i := range b.N {
			w, err := k.Create(b.Context(), fmt.Sprint(i), s, func() journal.State { return s }, nil)
			if err == nil {
				err = w.Save([]byte("{}"))
			}
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := w.Remove(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// BenchmarkAppend has so many writers wait, each of them for its change.
func BenchmarkAppend(b *testing.B) {
	for _, together := range []int{1, 16} {
		b.Run(fmt.Sprint("together=", together), func(b *testing.B) {
			each(b, func(b *testing.B, k journal.Keeper) {
				s := aSession()
				w, err := k.Create(b.Context(), "x", s, func() journal.State { s.Revision = 1 << 62; return s }, nil)
				if err != nil {
					b.Fatal(err)
				}
				c := s.Objects[0]
				revision := uint64(1000)
				b.ResetTimer()
				for i := 0; i < b.N; i += together {
					var all []journal.Change
					for range together {
						revision++
						c.Revision = revision
						all = append(all, c)
					}
					if batch, ok := w.(journal.BatchWriter); ok {
						err = batch.AppendAll(all, false)
					} else {
						for _, c := range all {
							err = w.Append(c, false)
						}
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				_ = w.Remove()
			})
		})
	}
}

// BenchmarkAnObjectAKey is what opening would cost if each object had a key, as API servers
// have it.
func BenchmarkAnObjectAKey(b *testing.B) {
	s, c := aSession(), etcdtest.Start(b).Client(b)
	for i := range b.N {
		var ops []clientv3.Op
		for n, o := range s.Objects {
			if ops = append(ops, clientv3.OpPut(fmt.Sprint(i, o.Key), string(o.Value))); len(ops) == 100 || n == len(s.Objects)-1 {
				if _, err := c.Txn(b.Context()).Then(ops...).Commit(); err != nil {
					b.Fatal(err)
				}
				ops = nil
			}
		}
	}
}
