package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/server/hosts"
	"github.com/podhop/podhop/server/hosts/protocol"
)

const patience = time.Minute

func until(t *testing.T, what string, check func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !check(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestStore asks a real etcd what hosts ask.
func TestStore(t *testing.T) {
	server := etcdtest.Start(t)
	s := New(server.Client(t), "cluster/")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var seen atomic.Pointer[protocol.View]
	go s.Watch(ctx, func(v *protocol.View) { seen.Store(v) })
	until(t, "nothing is seen", func() bool { return seen.Load() != nil })

	lease, err := s.Grant(ctx, patience)
	if err != nil {
		t.Fatal(err)
	}
	const place = protocol.Places + "one"
	claim := protocol.Txn{If: []protocol.Compare{{Key: place, Created: protocol.Absent}, {Key: protocol.Sessions + "one", Created: protocol.Present}},
		Then: []protocol.Change{{Key: place, Value: "host", Leased: true}}, Else: place}
	if out, err := s.Do(ctx, lease, claim); err != nil || out.Result != protocol.Refused || out.Has.Created != 0 {
		t.Errorf("a session that there is not: %+v, %v", out, err)
	}
	if out, err := s.Do(ctx, 0, protocol.Txn{Then: []protocol.Change{{Key: protocol.Sessions + "one"}}}); err != nil || out.Result != protocol.Done {
		t.Fatalf("%+v, %v", out, err)
	}
	claimed, err := s.Do(ctx, lease, claim)
	if err != nil || claimed.Result != protocol.Done {
		t.Fatalf("%+v, %v", claimed, err)
	}
	if out, err := s.Do(ctx, lease, claim); err != nil || out.Result != protocol.Refused || out.Has != (protocol.Key{Name: place, Value: "host", Created: claimed.Revision}) {
		t.Errorf("a place that is taken: %+v, %v", out, err)
	}
	var many protocol.Txn // as hosts ask for sessions that they have not seen
	for i := range 100 {
		many.If = append(many.If, protocol.Compare{Key: fmt.Sprint(protocol.Sessions, i), Created: protocol.Absent})
	}
	if out, err := s.Do(ctx, 0, many); err != nil || out.Result != protocol.Done {
		t.Errorf("a hundred that there are not: %+v, %v", out, err)
	}
	many.If[50].Key = protocol.Sessions + "one"
	if out, err := s.Do(ctx, 0, many); err != nil || out.Result != protocol.Refused {
		t.Errorf("one that there is among them: %+v, %v", out, err)
	}
	fence := []protocol.Compare{{Key: place, Created: claimed.Revision}}
	if out, err := s.Do(ctx, 0, protocol.Txn{If: fence}); err != nil || out.Result != protocol.Done {
		t.Errorf("behind the fence: %+v, %v", out, err)
	}
	until(t, "the place is not seen", func() bool {
		return seen.Load().Places["one"] == protocol.Place{Host: "host", Revision: claimed.Revision} && seen.Load().Revision == claimed.Revision
	})
	if err := s.Renew(ctx, lease); err != nil {
		t.Error(err)
	}
	if out, err := s.Do(ctx, 0, protocol.Txn{If: fence}); err != nil || out.Result != protocol.Done {
		t.Errorf("after a renewal: %+v, %v", out, err)
	}
	if err := s.Revoke(ctx, lease); err != nil {
		t.Fatal(err)
	}
	until(t, "the place outlasts its lease", func() bool { return seen.Load().Places["one"] == protocol.Place{} && seen.Load().Sessions["one"] })
	if out, err := s.Do(ctx, 0, protocol.Txn{If: fence}); err != nil || out.Result != protocol.Refused {
		t.Errorf("beyond the fence: %+v, %v", out, err)
	}
	for what, err := range map[string]error{"renew": s.Renew(ctx, lease), "revoke": s.Revoke(ctx, lease),
		"bind": func() error { _, err := s.Do(ctx, lease, claim); return err }()} {
		if !errors.Is(err, hosts.ErrNoLease) {
			t.Errorf("%s with a lease that there is not: %v", what, err)
		}
	}
	if got, err := hosts.Agreed(ctx, s, "key", func() (string, error) { return "value", nil }); got != "value" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestHosts has two hosts share a real etcd: one goes without a word.
func TestHosts(t *testing.T) {
	server := etcdtest.Start(t)
	join := func(name string) *hosts.Cluster {
		return hosts.New(hosts.Config{
			Config: protocol.Config{Record: protocol.Record{Name: name, Capacity: 5}, TTL: 3 * time.Second, Beat: time.Second / 2, Margin: time.Second / 2, Moves: 2},
			Etcd:   New(server.Client(t), "cluster/"), Park: func(context.Context, string) error { return nil }, Log: slog.New(slog.DiscardHandler),
		})
	}
	a, b := join("a"), join("b")
	defer b.Close()
	until(t, "they do not see each other", func() bool {
		return len(a.Candidates()) == 2 && len(b.Candidates()) == 2 && a.Ready() == nil && b.Ready() == nil
	})
	for i := range 3 {
		if err := a.Place(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	for i := range 3 {
		until(t, fmt.Sprintf("session %d is not taken over", i), func() bool { return b.Serves(fmt.Sprint(i)) && !a.Serves(fmt.Sprint(i)) })
	}
}
