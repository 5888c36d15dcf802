package etcd_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]etcd.Place{
		"etcd://10.0.0.1:2379":                      {Endpoints: []string{"10.0.0.1:2379"}, Prefix: "/podhop/"},
		"etcd://10.0.0.1,10.0.0.2:4001/":            {Endpoints: []string{"10.0.0.1:2379", "10.0.0.2:4001"}, Prefix: "/podhop/"},
		"etcd://[::1]:2379/a/b/":                    {Endpoints: []string{"[::1]:2379"}, Prefix: "/a/b/"},
		"etcd://etcd,etcd-1.etcd.default.svc:4001":  {Endpoints: []string{"etcd:2379", "etcd-1.etcd.default.svc:4001"}, Prefix: "/podhop/"},
		"etcds://etcd:2379/lab":                     {Endpoints: []string{"etcd:2379"}, Prefix: "/lab/", Secure: true},
		"etcd://u:p%40ss@10.0.0.1,10.0.0.2/classes": {Endpoints: []string{"10.0.0.1:2379", "10.0.0.2:2379"}, Prefix: "/classes/", Username: "u", Password: "p@ss"},
	} {
		if got, err := etcd.Parse(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "10.0.0.1:2379", "http://10.0.0.1", "etcd://", "etcd://10.0.0.1:", "etcd://10.0.0.1,,10.0.0.2", "etcd://10.0.0.1/a?b", "etcd://u:secret%zz@10.0.0.1",
		"etcd://10.0.0", "etcd://etcd:0", "etcd://etcd:70000", "etcd://-etcd", "etcd://a b", "etcd://etcd_1:2379"} {
		if p, err := etcd.Parse(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
}

func TestAway(t *testing.T) {
	s := etcdtest.Start(t)
	c := s.Client(t)
	if _, err := c.Put(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if got := etcdtest.All(t, s.At(t, "/")); got["testaway/a"] != "b" || len(got) != 1 {
		t.Errorf("there is %v", got)
	}
	s.Pause(t)
	defer s.Resume(t)
	if err := etcd.Answers(t.Context(), c); !errors.Is(err, rpctypes.ErrTimeout) || err.Error() != "etcdserver: request timed out" {
		t.Errorf("an etcd that does not answer: %v", err)
	}
	none, err := etcd.Open(etcd.Place{Endpoints: []string{"127.0.0.1:1"}, Prefix: "/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if err := etcd.Answers(t.Context(), none); !errors.Is(err, rpctypes.ErrTimeout) {
		t.Errorf("an etcd that is not there: %v", err)
	}
}
