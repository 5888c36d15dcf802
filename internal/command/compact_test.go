package command

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

func TestCompact(t *testing.T) {
	client := etcdtest.Start(t).Client(t)
	first, err := client.Put(t.Context(), "a", "1")
	if err == nil {
		_, err = client.Put(t.Context(), "a", "2")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go compact(ctx, client, 20*time.Millisecond, slog.New(slog.DiscardHandler))
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := client.Get(t.Context(), "a", clientv3.WithRev(first.Header.Revision))
		if errors.Is(etcd.Plain(err), rpctypes.ErrCompacted) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("what was written over is still there: %v", err)
		}
	}
	if got, err := client.Get(t.Context(), "a"); err != nil || string(got.Kvs[0].Value) != "2" {
		t.Errorf("%v, %v", got, err)
	}
}
