package web

import (
	"slices"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

func TestPortsOf(t *testing.T) {
	node := func(name string, ready bool) model.Vertex {
		return model.Vertex{Kind: "Node", Name: name, Ready: ready}
	}
	service := func(name string, external []string, ports ...model.Port) model.Vertex {
		return model.Vertex{Kind: "Service", Namespace: "shop", Name: name, External: external, Ports: ports}
	}
	graph := model.Graph{Vertices: []model.Vertex{
		{Kind: "Ingress", Namespace: "shop", Name: "web", Rules: []model.Rule{{Host: "shop.test"}, {Host: "shop.test", Path: "/a"}, {Host: "*.shop.test"}, {}}},
		node("node-1", false), node("node-2", true),
		service("inner", nil, model.Port{Protocol: "TCP", Port: 80}),
		service("lb", []string{"203.0.113.1"}, model.Port{Protocol: "TCP", Port: 80, NodePort: 31000}, model.Port{Protocol: "UDP", Port: 53, NodePort: 31001}),
	}}
	d := portsOf("", model.Session{ID: "s1"}, graph)
	want := []portLink{
		{"/s/s1/host/shop.test/", "shop.test", "Ingress web in shop"},
		{"/s/s1/port/node-2/31000/", "node-2:31000", "Service lb in shop"},
		{"/s/s1/port/203.0.113.1/80/", "203.0.113.1:80", "Service lb in shop"},
	}
	if !slices.Equal(d.links, want) {
		t.Errorf("links %q", d.links)
	}
	if len(d.hosts) != 3 || d.hosts[0].Value != "client" {
		t.Errorf("hosts %q", d.hosts)
	}
}
