package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/server/hosts"
	hostsetcd "github.com/podhop/podhop/server/hosts/etcd"
	"github.com/podhop/podhop/server/hosts/protocol"
	"github.com/podhop/podhop/server/keep"
)

// siteLease is longer than tests take, unless somebody holds up the whole machine.
const siteLease = 2 * time.Minute

// join makes a server one of those that share an etcd.
func join(t *testing.T, s *Server, etcd *etcdtest.Server, name string, capacity int) *hosts.Cluster {
	t.Helper()
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	store := hostsetcd.New(etcd.At(t, "/podhop/"), "cluster/")
	cluster := hosts.New(hosts.Config{
		Config: protocol.Config{Record: protocol.Record{Name: name, Address: peers.Addr().String(), Capacity: capacity},
			TTL: siteLease, Beat: time.Second, Margin: 10 * time.Second, Moves: 1},
		Etcd: store, Park: func(context.Context, string) error { return nil }, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(cluster.Close)
	authority, err := hosts.Agreed(t.Context(), store, "peer-authority", hosts.NewAuthority)
	if err != nil {
		t.Fatal(err)
	}
	known, err := hosts.Peers(authority)
	if err != nil {
		t.Fatal(err)
	}
	forward := hosts.NewForward(hosts.ForwardConfig{
		Cluster: cluster, Peers: known, Dial: new(net.Dialer).DialContext, Log: slog.New(slog.DiscardHandler),
		Session: func(r *http.Request) (string, bool) { // whose IDs are fakes' here
			id, _ := sessionOf(r)
			id, _ = s.behind(id)
			return id, id != ""
		},
		Opens: s.Opens, Ticket: s.TicketOf, Room: s.Room, Away: s.Away, Adopt: func(context.Context, string) error { return nil },
	})
	s.Share(forward)
	server := &http.Server{Handler: forward.PeerHandler(s.Listeners()), TLSConfig: known, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go server.ServeTLS(peers, "", "")
	t.Cleanup(func() { server.Close() })
	return cluster
}

// ever waits until something is so.
func ever(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come: ", what)
		}
	}
}

// An instructor at one server of a site does what they do in sessions of another, and sees it.
func TestClassOverServers(t *testing.T) {
	store, etcd := keep.Memory(), etcdtest.Start(t)
	there := newSchool(t, func(c *Config) { c.Store = store })
	here := &school{t: t, server: teaching(t, newEngine(), func(c *Config) { c.Store = store }), class: there.class}
	has := join(t, there.server, etcd, "there", 9)
	knows := join(t, here.server, etcd, "here", 9)
	placed := func(id string) {
		t.Helper()
		if err := has.Place(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		ever(t, "who has the session is known", func() bool {
			_, peer, err := knows.Find(t.Context(), id)
			return err == nil && peer.Name == "there"
		})
	}
	placed(there.one)
	placed(there.two)
	here.do("PATCH "+here.in(""), `{"frozen":true}`, 200, nil)
	ever(t, "the other server knows of the freeze", func() bool {
		_, _, frozen := there.server.classes.Frozen(there.one, "")
		return frozen
	})
	there.do("POST /api/sessions/"+there.one+"/apply", "kind: Pod", 423, nil)
	var results []model.PushResult
	push := func(push string, to int) {
		t.Helper()
		here.do("POST "+here.in("/push"), push, 200, &results)
		done := slices.DeleteFunc(slices.Clone(results), func(r model.PushResult) bool { return !r.Done })
		if len(done) != to {
			t.Errorf("%s: got %+v", push, results)
		}
	}
	push(`{"kind":"manifest","manifest":"kind: Pod","apply":true}`, 2)
	push(`{"kind":"fault","fault":"link.node.node-1","settings":{"loss":30}}`, 2)
	there.do("POST /api/sessions/"+there.two+"/checks", `{"lesson":"first","step":1}`, 200, nil)
	var seen model.ClassResults
	ever(t, "what was seen there is known here", func() bool {
		here.do("GET "+here.in("/results.json"), "", 200, &seen)
		return len(seen.Results) == 2 && seen.Results[1].Attempts == 1
	})
	var look model.ClassView
	here.do("POST "+here.in("/members/"+there.ann.ID+"/look"), "", 200, &look)
	ever(t, "the session is shown here", func() bool {
		return ask(here.server.Handler(), "GET /api/sessions/"+look.View+"/topology", "").StatusCode == 200
	})
	there.do("POST /api/sessions/"+there.one+"/apply", "kind: Pod", 423, nil)
	const next = "new2" // as the fake will call it
	placed(next)
	push(fmt.Sprintf(`{"to":[%q],"kind":"start-over"}`, there.ann.ID), 1)
	if _, err := there.engine.find(there.one); err == nil {
		t.Error("the session that was started over is still there")
	}
	ever(t, "the other is hers", func() bool {
		var m model.Membership
		there.do("GET /api/members/"+there.ann.Key, "", 200, &m)
		return m.SessionID == next
	})
	here.do("DELETE "+here.in(""), "", 200, nil)
	for _, id := range []string{next, there.two} {
		ever(t, "the sessions of a class that is closed are ended", func() bool {
			_, err := there.engine.find(id)
			return err != nil
		})
	}
}

// Who waits at one server of a site asks for their place at any.
func TestQueueOverServers(t *testing.T) {
	etcd := etcdtest.Start(t)
	one, busy, _ := operated(t, 0)
	two, full, _ := operated(t, 0)
	knows := join(t, one, etcd, "one", 9)
	also := join(t, two, etcd, "two", 8)
	ever(t, "they know each other", func() bool { return len(knows.Candidates()) == 2 && len(also.Candidates()) == 2 })
	queued := func(s *Server, request string, status int) (at model.Queued) {
		t.Helper()
		response := ask(s.Handler(), request, "{}")
		text := textOf(response)
		if response.StatusCode != status {
			t.Fatalf("%s: %d %s; want %d", request, response.StatusCode, text, status)
		}
		var w waiting
		_ = json.Unmarshal([]byte(text), &w)
		_ = json.Unmarshal([]byte(text), &at)
		if w.Queued.Ticket != "" {
			at = w.Queued
		}
		return at
	}
	first := queued(two, "POST /api/sessions", 503).Ticket
	if n := len(one.queue.List()); n != 1 {
		t.Errorf("%d wait where most room will be; want 1", n)
	}
	for _, s := range []*Server{one, two} {
		if at := queued(s, "GET /api/queue/"+first, 200); at.Ticket != first || at.Place != 1 || at.Turn {
			t.Errorf("got %+v", at)
		}
		queued(s, "GET /api/queue/abc-def", 404)
	}
	full.set(1)
	queued(one, "POST /api/sessions", 201) // the one without room does not say so
	if n := len(one.queue.List()); n != 1 {
		t.Errorf("%d wait; want 1", n)
	}
	full.set(0)
	second := queued(one, "POST /api/sessions", 503).Ticket
	queued(two, "DELETE /api/queue/"+second, 204)
	queued(one, "GET /api/queue/"+second, 404)
	busy.set(1)
	if at := queued(two, "GET /api/queue/"+first, 200); !at.Turn {
		t.Errorf("it is not their turn: %+v", at)
	}
	queued(two, "POST /api/sessions?ticket="+first, 201)
	queued(two, "GET /api/queue/"+first, 404)
	if a, b := one.cfg.Engine.Sessions(), two.cfg.Engine.Sessions(); a != 1 || b != 1 {
		t.Errorf("%d and %d sessions; want one of each", a, b)
	}
	// Who waits at the one goes to the other when that has room, whichever they ask.
	busy.set(0)
	third, fourth := queued(two, "POST /api/sessions", 503).Ticket, queued(two, "POST /api/sessions", 503).Ticket
	if n := len(one.queue.List()); n != 2 {
		t.Errorf("%d wait; want 2", n)
	}
	full.set(1)
	ever(t, "the turn of the first of them", func() bool { return queued(two, "GET /api/queue/"+fourth, 200).Place == 1 })
	for _, s := range []*Server{one, two} {
		if at := queued(s, "GET /api/queue/"+third, 200); !at.Turn {
			t.Errorf("it is not their turn: %+v", at)
		}
	}
	queued(two, "POST /api/sessions", 503) // the place is held
	queued(two, "POST /api/sessions?ticket="+third, 201)
	full.set(0)
	queued(one, "GET /api/queue/"+third, 404)
	if at := queued(one, "GET /api/queue/"+fourth, 200); at.Turn || at.Place != 1 {
		t.Errorf("the next is %+v", at)
	}
	full.set(1)
	ever(t, "the turn of the next", func() bool { return queued(two, "GET /api/queue/"+fourth, 200).Turn })
	queued(one, "DELETE /api/queue/"+fourth, 204)
	if a, b := one.cfg.Engine.Sessions(), two.cfg.Engine.Sessions(); a != 1 || b != 2 || len(two.queue.List()) != 0 {
		t.Errorf("%d and %d sessions, %d wait; want 1 and 2", a, b, len(two.queue.List()))
	}
}
