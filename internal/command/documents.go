package command

import (
	"context"
	"io"
	"path/filepath"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/etcd"
	"github.com/podhop/podhop/server/keep/folder"
)

// inEtcd closes its client.
type inEtcd struct {
	*etcd.Store
	io.Closer
}

// A store of documents is closed when nobody writes any more.
type store interface {
	keep.Store
	io.Closer
}

// openDocuments opens what the server knows beside sessions.
func openDocuments(ctx context.Context, cfg serveConfig) (store, error) {
	if cfg.store.shared() {
		client, err := cfg.store.open(ctx)
		if err != nil {
			return nil, err
		}
		go compact(ctx, client, compactEvery, cfg.engine.Log)
		return inEtcd{etcd.New(client), client}, nil
	}
	s, err := folder.Open(filepath.Join(cfg.engine.Data, "documents"))
	if err != nil {
		return nil, err
	}
	for _, name := range s.Damaged {
		cfg.engine.Log.Error("a document cannot be read, and is set aside", "file", name)
	}
	return s, nil
}
