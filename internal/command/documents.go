package command

import (
	"io"
	"path/filepath"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/folder"
)

// A store of documents is closed when nobody writes any more.
type store interface {
	keep.Store
	io.Closer
}

// openDocuments opens what the server knows beside sessions.
func openDocuments(cfg serveConfig) (store, error) {
	s, err := folder.Open(filepath.Join(cfg.engine.Data, "documents"))
	if err != nil {
		return nil, err
	}
	for _, name := range s.Damaged {
		cfg.engine.Log.Error("a document cannot be read, and is set aside", "file", name)
	}
	return s, nil
}
