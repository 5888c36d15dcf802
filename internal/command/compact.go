package command

import (
	"context"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/storage/etcd3"

	"github.com/podhop/podhop/internal/etcd"
)

// compactEvery is as API servers have it: etcd keeps all that was written over for so long.
const compactEvery = 5 * time.Minute

// compact has etcd forget what was written over, until ctx is done. Of all servers that
// share it, one does at a time: that is upstream's protocol.
func compact(ctx context.Context, client *clientv3.Client, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var version, revision int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked, cancel := context.WithTimeout(ctx, etcd.Timeout)
		var err error
		if version, revision, _, err = etcd3.Compact(asked, client, version, revision); err != nil && ctx.Err() == nil {
			log.Warn("etcd cannot be made smaller", "err", etcd.Plain(err))
		}
		cancel()
	}
}
