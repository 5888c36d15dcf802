package server

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func TestJourneysAreFiltered(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, nil)
	f := engine.sessions["one"].feed
	f.SetGraph(model.Graph{Vertices: []model.Vertex{{ID: "service/default/front", Kind: "Service", Name: "front", IPs: []string{"10.96.0.9"}}}})
	now := time.Now().UnixNano()
	for _, j := range []model.Journey{
		{ID: "j1", Conversation: "c1", From: "pod/default/shop", To: "pod/default/web", Protocol: "TCP", Verdict: "delivered", Start: now, Destination: "10.96.0.9:80",
			Hops: []model.Hop{{Decision: &model.Decision{Object: &model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "open"}}}}},
		{ID: "j2", Conversation: "c2", From: "client", To: "node/node-1", Protocol: "UDP", Verdict: "dropped", Start: now - time.Hour.Nanoseconds()},
	} {
		f.Journey(&j)
	}
	for query, want := range map[string]string{
		"": "j1 j2", "?journey=j2": "j2", "?conversation=c1": "j1", "?from=shop": "j1", "?to=node-1": "j2", "?node=node-1": "j2", "?to=front": "j1", "?pod=web": "j1",
		"?service=front": "j1", "?policy=open": "j1", "?verdict=dropped": "j2", "?protocol=udp": "j2", "?since=5m": "j1", "?from=client&verdict=delivered": "",
	} {
		var journeys []model.Journey
		if err := json.Unmarshal([]byte(textOf(ask(s.Handler(), "GET /api/sessions/one/journeys"+query, ""))), &journeys); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, j := range journeys {
			got = append(got, j.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// Each field of the filter is a parameter of both routes, in lower case.
func TestFilterIsDocumented(t *testing.T) {
	_, raw := readDocument(t)
	for _, path := range []string{"/api/sessions/{id}/journeys", "/api/sessions/{id}/packets"} {
		item := raw["paths"].(map[string]any)[path].(map[string]any)
		named := map[string]bool{}
		for _, p := range item["parameters"].([]any) {
			ref, _ := p.(map[string]any)["$ref"].(string)
			named[ref[strings.LastIndex(ref, "/")+1:]] = true
		}
		for kind, i := reflect.TypeFor[model.JourneyFilter](), 0; i < kind.NumField(); i++ {
			if name := strings.ToLower(kind.Field(i).Name); !named[name] && !(name == "node" && named["through"]) {
				t.Errorf("%s: %s is not documented", path, name)
			}
		}
	}
}

// Who follows packets is sent each at once, is a viewer meanwhile, and none any more when they have gone.
func TestPacketsFollow(t *testing.T) {
	engine := newEngine("one")
	server := httptest.NewServer(newServer(t, engine, nil).Handler())
	defer server.Close()
	session := engine.sessions["one"]
	response, err := http.Get(server.URL + "/api/sessions/one/packets?follow=true&vertex=client&verdict=dropped")
	if err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(response.Body)
	for i, want := range []string{"snapshot client|", "journey client|"} {
		if i == 1 {
			session.feed.Journey(&model.Journey{ID: "j1", Verdict: "delivered"})
			session.feed.Journey(&model.Journey{ID: "j2", Verdict: "dropped"})
		}
		if got, err := read.ReadString('|'); err != nil || got != want {
			t.Errorf("read %q %v, want %q", got, err, want)
		}
	}
	if n := session.feed.Viewers(); n != 1 {
		t.Errorf("%d viewers", n)
	}
	response.Body.Close()
	for deadline := time.Now().Add(time.Minute); session.feed.Viewers() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still a viewer")
		}
	}
}
