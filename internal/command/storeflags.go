package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/nsexec"
)

// storeConfig is where the server keeps what several may share; the zero one is the data folder.
type storeConfig struct {
	etcd.Place
	ca, certificate, key string // files
}

func registerStore(fs *flag.FlagSet, c *storeConfig) {
	fs.Func("store", "`URL` of an etcd that several servers share, etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/PREFIX], or etcds:// over TLS, for sessions, classes and links (default: the folder --data, of one server)", func(text string) (err error) {
		c.Place, err = etcd.Parse(text)
		return err
	})
	fs.StringVar(&c.ca, "store-ca", "", "`file` with the certificates, PEM, of who vouches for an etcds:// --store (default: whom this machine trusts)")
	fs.StringVar(&c.certificate, "store-cert", "", "`file` with the certificate, PEM, that this server shows to an etcds:// --store")
	fs.StringVar(&c.key, "store-key", "", "`file` with its key, PEM")
}

// shared tells whether there is an etcd.
func (c storeConfig) shared() bool { return len(c.Endpoints) > 0 }

// read reads the files for TLS.
func (c *storeConfig) read() error {
	switch {
	case !c.Secure && (c.ca != "" || c.certificate != "" || c.key != ""):
		return errors.New("--store-ca, --store-cert and --store-key are for a --store over TLS, etcds://")
	case (c.certificate == "") != (c.key == ""):
		return errors.New("--store-cert and --store-key go together")
	case !c.Secure:
		return nil
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.ca != "" {
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return fmt.Errorf("--store-ca: %w", err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--store-ca %s: there is no certificate in it", c.ca)
		}
	}
	if c.certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
		if err != nil {
			return fmt.Errorf("--store-cert: %w", err)
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// open returns a client, by way of the supervisor, of an etcd that answers.
func (c storeConfig) open(ctx context.Context) (*clientv3.Client, error) {
	client, err := etcd.Open(c.Place, nsexec.DialOutside(forStore))
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
