package command

import (
	"context"
	"flag"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/nsexec"
)

// storeConfig is where the server keeps what several may share; the zero one is the data folder.
type storeConfig struct{ etcd.Place }

func registerStore(fs *flag.FlagSet, c *storeConfig) {
	fs.Func("store", "`URL` of an etcd that several servers share, etcd://[USER:PASSWORD@]IP:PORT[,IP:PORT...][/PREFIX], for sessions, classes and links (default: the folder --data, of one server)", func(text string) (err error) {
		c.Place, err = etcd.Parse(text)
		return err
	})
}

// shared tells whether there is an etcd.
func (c storeConfig) shared() bool { return len(c.Endpoints) > 0 }

// open returns a client, by way of the supervisor, of an etcd that answers.
func (c storeConfig) open(ctx context.Context) (*clientv3.Client, error) {
	client, err := etcd.Open(c.Place, nsexec.DialOutside)
	if err == nil {
		if err = etcd.Answers(ctx, client); err != nil {
			client.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--store: %v: %w", c.Endpoints, err)
	}
	return client, nil
}
