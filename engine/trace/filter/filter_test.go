package filter

import (
	"errors"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// cluster has a Deployment's pod, a pod of another namespace and a Service.
var cluster = model.Graph{Vertices: []model.Vertex{
	{ID: "client", Kind: "Client", Name: "client", IPs: []string{"172.18.0.100"}},
	{ID: "deployment/default/web", Kind: "Deployment", Namespace: "default", Name: "web"},
	{ID: "node/node-1", Kind: "Node", Name: "node-1", IPs: []string{"172.18.0.11"}},
	{ID: "pod/default/web-5d-x", Kind: "Pod", Namespace: "default", Name: "web-5d-x", Owner: "replicaset/default/web-5d", IPs: []string{"10.244.2.2", "fd00:10:244:2::2"}},
	{ID: "pod/shop/shop", Kind: "Pod", Namespace: "shop", Name: "shop", IPs: []string{"10.244.1.2"}},
	{ID: "replicaset/default/web-5d", Kind: "ReplicaSet", Namespace: "default", Name: "web-5d", Owner: "deployment/default/web"},
	{ID: "service/default/front", Kind: "Service", Namespace: "default", Name: "front", IPs: []string{"10.96.41.7"}},
}}

var now = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

// request is a shop's question to a Service, answer what its endpoint says to it.
func request() model.Journey {
	return model.Journey{
		ID: "j1", Conversation: "c1", Protocol: "TCP", Summary: "SYN", Verdict: "delivered",
		From: "pod/shop/shop", To: "pod/default/web-5d-x", Source: "10.244.1.2:48562", Destination: "10.96.41.7:80", Start: now.UnixNano(),
		Hops: []model.Hop{
			{Place: model.Place{Vertex: "pod/shop/shop", Device: "eth0"}, Header: model.Header{Source: "10.244.1.2:48562", Destination: "10.96.41.7:80"}},
			{Place: model.Place{Vertex: "node/node-1", Hook: "prerouting"},
				Before:   &model.Header{Source: "10.244.1.2:48562", Destination: "10.96.41.7:80"},
				Header:   model.Header{Source: "10.244.1.2:48562", Destination: "10.244.2.2:8080"},
				Decision: &model.Decision{Kind: "dnat", Object: &model.Object{Kind: "Service", Namespace: "default", Name: "front"}}},
			{Place: model.Place{Vertex: "node/node-2", Hook: "forward"}, Header: model.Header{Source: "10.244.1.2:48562", Destination: "10.244.2.2:8080"},
				Decision: &model.Decision{Kind: "policy", Object: &model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "allow-shop"}}},
			{Place: model.Place{Vertex: "pod/default/web-5d-x", Device: "eth0"}, Header: model.Header{Source: "10.244.1.2:48562", Destination: "10.244.2.2:8080"}},
		},
	}
}

func answer() model.Journey {
	return model.Journey{
		ID: "j2", Conversation: "c1", Reply: true, Protocol: "TCP", Summary: "200 OK", Verdict: "delivered",
		From: "pod/default/web-5d-x", To: "pod/shop/shop", Source: "10.244.2.2:8080", Destination: "10.244.1.2:48562", Start: now.UnixNano(),
		Hops: []model.Hop{
			{Place: model.Place{Vertex: "pod/default/web-5d-x", Device: "eth0"}, Header: model.Header{Source: "10.244.2.2:8080", Destination: "10.244.1.2:48562"}},
			{Place: model.Place{Vertex: "node/node-1", Hook: "postrouting"},
				Before:   &model.Header{Source: "10.244.2.2:8080", Destination: "10.244.1.2:48562"},
				Header:   model.Header{Source: "10.96.41.7:80", Destination: "10.244.1.2:48562"},
				Decision: &model.Decision{Kind: "conntrack", Object: &model.Object{Kind: "Service", Namespace: "default", Name: "front"}}},
			{Place: model.Place{Vertex: "pod/shop/shop", Device: "eth0"}, Header: model.Header{Source: "10.96.41.7:80", Destination: "10.244.1.2:48562"}},
		},
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter model.JourneyFilter
		want   bool // of the request and of its answer
	}{
		{"everything", model.JourneyFilter{}, true},
		{"who asked, by name", model.JourneyFilter{From: "shop"}, true},
		{"by namespace and name", model.JourneyFilter{From: "shop/shop"}, true},
		{"by vertex", model.JourneyFilter{From: "pod/shop/shop"}, true},
		{"of another namespace", model.JourneyFilter{From: "default/shop"}, false},
		{"by address", model.JourneyFilter{From: "10.244.1.2"}, true},
		{"by address and port", model.JourneyFilter{From: "10.244.1.2:48562"}, true},
		{"by another port", model.JourneyFilter{From: "10.244.1.2:48563"}, false},
		{"by range", model.JourneyFilter{From: "10.244.1.0/24"}, true},
		{"by another range", model.JourneyFilter{From: "10.244.3.0/24"}, false},
		{"who was asked did not ask", model.JourneyFilter{From: "web"}, false},
		{"who was asked, by the Service's name", model.JourneyFilter{To: "front"}, true},
		{"by its address", model.JourneyFilter{To: "10.96.41.7:80"}, true},
		{"by the endpoint's name", model.JourneyFilter{To: "web-5d-x"}, true},
		{"by the endpoint's address", model.JourneyFilter{To: "10.244.2.2"}, true},
		{"by the Deployment's name", model.JourneyFilter{To: "web"}, true},
		{"by a pattern", model.JourneyFilter{To: "web-*"}, true},
		{"by another pattern", model.JourneyFilter{To: "*web-*-y"}, false},
		{"in capitals", model.JourneyFilter{To: "WEB-5D-*", From: "Shop/*"}, true},
		{"through a node", model.JourneyFilter{Node: "node-1"}, true},
		{"through another node", model.JourneyFilter{Node: "node-3"}, false},
		{"a pod is no node", model.JourneyFilter{Node: "shop"}, false},
		{"by one of a list", model.JourneyFilter{To: "nobody, front"}, true},
		{"who asked was not asked", model.JourneyFilter{To: "shop"}, false},
		{"both ends", model.JourneyFilter{From: "shop", To: "front"}, true},
		{"both ends, one wrong", model.JourneyFilter{From: "client", To: "front"}, false},
		{"a pod, at either end", model.JourneyFilter{Pod: "shop"}, true},
		{"a pod of a Deployment", model.JourneyFilter{Pod: "web"}, true},
		{"a node is no pod", model.JourneyFilter{Pod: "node-1"}, false},
		{"a Service", model.JourneyFilter{Service: "default/front"}, true},
		{"a pod is no Service", model.JourneyFilter{Service: "shop"}, false},
		{"another Service", model.JourneyFilter{Service: "back"}, false},
		{"another policy", model.JourneyFilter{Policy: "deny-all"}, false},
		{"a verdict", model.JourneyFilter{Verdict: "Delivered"}, true},
		{"one of two verdicts", model.JourneyFilter{Verdict: "dropped,delivered"}, true},
		{"another verdict", model.JourneyFilter{Verdict: "dropped"}, false},
		{"a protocol", model.JourneyFilter{Protocol: "tcp"}, true},
		{"another protocol", model.JourneyFilter{Protocol: "UDP,icmp,47"}, false},
		{"a conversation", model.JourneyFilter{Conversation: "c1"}, true},
		{"another conversation", model.JourneyFilter{Conversation: "c2"}, false},
		{"since a while", model.JourneyFilter{Since: "1m"}, true},
		{"since a time", model.JourneyFilter{Since: "2026-11-23T07:00:00Z"}, true},
		{"since later", model.JourneyFilter{Since: "2026-11-23T07:00:01Z"}, false},
	} {
		f, err := New(c.filter, cluster, now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, j := range []model.Journey{request(), answer()} {
			if got := f.Matches(&j); got != c.want {
				t.Errorf("%s: %s matches: %v", c.name, j.ID, got)
			}
		}
	}
}

// What one packet of a connection has and another has not.
func TestMatchesOne(t *testing.T) {
	dropped := request()
	dropped.ID, dropped.Verdict, dropped.To, dropped.Hops = "j3", "dropped", "node/node-2", dropped.Hops[:3]
	egress := request() // ended before anything was chosen
	egress.ID, egress.Verdict, egress.To, egress.Hops = "j4", "dropped", "node/node-1", egress.Hops[:1]
	question := model.Journey{ID: "j5", Protocol: "UDP", Summary: "DNS A? front.default.svc.cluster.local", Conversation: "c5"}
	behalf := model.Journey{ID: "j6", Protocol: "TCP", Summary: "120 bytes", Conversation: "c6", Via: "c1"}
	get := model.Journey{ID: "j7", Protocol: "TCP", Summary: "GET /", Conversation: "c7"}
	all := []model.Journey{request(), answer(), dropped, egress, question, behalf, get}
	for _, c := range []struct {
		name   string
		filter model.JourneyFilter
		want   string
	}{
		{"a journey", model.JourneyFilter{Journey: "j2"}, "j2"},
		{"what a policy decided", model.JourneyFilter{Policy: "allow-shop"}, "j1 j3"},
		{"dropped on the way to a pod", model.JourneyFilter{To: "web-5d-x", Verdict: "dropped"}, "j3"},
		{"dropped on the way to a Service", model.JourneyFilter{To: "front", Verdict: "dropped"}, "j3 j4"},
		{"a Service's, by its address alone", model.JourneyFilter{Service: "front", Verdict: "dropped"}, "j3 j4"},
		{"a proxy's, too", model.JourneyFilter{Conversation: "c1"}, "j1 j2 j3 j4 j6"},
		{"DNS", model.JourneyFilter{Protocol: "dns"}, "j5"},
		{"HTTP", model.JourneyFilter{Protocol: "HTTP"}, "j2 j7"},
	} {
		f, err := New(c.filter, cluster, now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, j := range all {
			if f.Matches(&j) {
				got += " " + j.ID
			}
		}
		if got != " "+c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Who is gone from the map is still known by name.
func TestWithoutGraph(t *testing.T) {
	for want, filter := range map[bool]model.JourneyFilter{true: {From: "shop", To: "front", Pod: "web-5d-x", Service: "front"}, false: {To: "web"}} {
		f, err := New(filter, model.Graph{}, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range []model.Journey{request(), answer()} {
			if f.Matches(&j) != want {
				t.Errorf("%+v: %s: %v", filter, j.ID, !want)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"web", "web", true}, {"web", "web-1", false}, {"*", "", true}, {"web-*", "web-1", true}, {"*-1", "web-1", true}, {"w*b*1", "web-1", true},
		{"a*a", "a", false}, {"*b*b", "ab", false}, {"**", "x/y", true}, {"w*[b]", "we[b]", true}, {"*x*", "web", false},
	} {
		if glob(c.pattern, c.text) != c.want {
			t.Errorf("%s of %s: %v", c.pattern, c.text, !c.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		filter model.JourneyFilter
		want   string
	}{
		{model.JourneyFilter{Verdict: "lost"}, `verdict must be delivered, dropped, rejected or underway, not "lost"`},
		{model.JourneyFilter{Protocol: "tcp,quic"}, `protocol must be TCP, UDP, SCTP, ICMP, ICMPv6, IGMP, ARP, DNS, HTTP or TLS, or the number of one, not "quic"`},
		{model.JourneyFilter{Since: "yesterday"}, `since must be how long ago, as 90s or 5m, or a time in RFC 3339, not "yesterday"`},
		{model.JourneyFilter{Since: "-5m"}, `since must be how long ago, as 90s or 5m, or a time in RFC 3339, not "-5m"`},
	} {
		_, err := New(c.filter, cluster, now)
		if field := new(model.FieldError); !errors.As(err, &field) || err.Error() != c.want {
			t.Errorf("%+v: %v", c.filter, err)
		}
	}
}
