package command

import (
	"flag"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

func storeOf(t *testing.T, args ...string) (*storeConfig, error) {
	t.Helper()
	c := new(storeConfig)
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	registerStore(fs, c)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c, c.read()
}

func TestStoreFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--store=etcd://etcd --store-ca=ca.pem", "etcds://"},
		{"--store=etcds://etcd --store-cert=cert.pem", "go together"},
		{"--store=etcds://etcd --store-ca=/none", "no such file"},
		{"--store=etcds://etcd --store-ca=storeflags_test.go", "no certificate in it"},
		{"--store=etcds://etcd --store-cert=/none --store-key=/none", "--store-cert"},
	} {
		if _, err := storeOf(t, strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", c.args, err, c.want)
		}
	}
}

// TestStoreTLS reaches an etcd by a name, over TLS, where each shows who it is.
func TestStoreTLS(t *testing.T) {
	pair := etcdtest.NewPair(t)
	_, port, _ := net.SplitHostPort(etcdtest.StartTLS(t, pair).Endpoint)
	answers := func(args ...string) error {
		c, err := storeOf(t, append(args, "--store=etcds://localhost:"+port)...)
		if err != nil {
			t.Fatal(err)
		}
		client, err := etcd.Open(c.Place, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		return etcd.Answers(t.Context(), client)
	}
	show := []string{"--store-cert=" + pair.Certificate, "--store-key=" + pair.Key}
	if err := answers(append(show, "--store-ca="+pair.Certificate)...); err != nil {
		t.Error(err)
	}
	if err := answers(append(show, "--store-ca="+etcdtest.NewPair(t).Certificate)...); err == nil {
		t.Error("whoever answers is believed")
	}
}

func TestAdvertise(t *testing.T) {
	for advertise, want := range map[string]string{
		"10.1.2.3:8444": "10.1.2.3:8444", "[fd00::1]:8444": "[fd00::1]:8444", "fd00::1:8444": "[fd00::1]:8444",
		"podhop-0:8444": "", "10.1.2.3": "", ":8444": "",
	} {
		c := hostConfig{advertise: advertise, name: "a", lease: time.Minute}
		if err := c.complete(); (err == nil) != (want != "") || err == nil && c.at.String() != want {
			t.Errorf("%s: %v, %v; want %s", advertise, c.at, err, want)
		}
	}
}
