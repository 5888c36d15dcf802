package whatif

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	networking "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/model"
)

// where test pods are: as world gives addresses.
var at = map[string]struct{ node, ip string }{
	"web-0": {"node-1", "10.244.1.2"}, "web-1": {"node-1", "10.244.1.3"}, "web-2": {"node-2", "10.244.2.2"},
	"db-0": {"node-1", "10.244.1.4"}, "db-1": {"node-2", "10.244.2.3"},
	"my-app": {"node-1", "10.244.1.5"}, "allowed": {"node-2", "10.244.2.4"}, "other/lone": {"node-1", "10.244.1.6"},
}

func id(name string) string {
	if len(name) > 5 && name[:6] == "other/" {
		return "pod/" + name
	}
	return "pod/default/" + name
}

// journey is a SYN from pod to pod, by their nodes.
func journey(from, to string, port int, start int64) model.Journey {
	a, b := at[from], at[to]
	h := model.Header{Source: a.ip + ":40000", Destination: fmt.Sprintf("%s:%d", b.ip, port), Protocol: "TCP"}
	j := model.Journey{ID: from + to, Conversation: fmt.Sprint(from, to, port, start), Protocol: "TCP", Summary: "SYN", From: id(from), To: id(to),
		Source: h.Source, Destination: h.Destination, Verdict: "delivered", Start: start}
	j.Hops = append(j.Hops, model.Hop{Place: model.Place{Vertex: "node/" + a.node}, Header: h})
	if a.node != b.node {
		j.Hops = append(j.Hops, model.Hop{Place: model.Place{Vertex: "underlay"}, Header: h}, model.Hop{Place: model.Place{Vertex: "node/" + b.node}, Header: h})
	}
	return j
}

// answer is the packet the other way.
func answerTo(j model.Journey) model.Journey {
	r := j
	r.Reply, r.Summary, r.From, r.To, r.Source, r.Destination = true, "SYN ACK", j.To, j.From, j.Destination, j.Source
	r.Hops = nil
	for i := len(j.Hops) - 1; i >= 0; i-- {
		h := j.Hops[i]
		back := func(h model.Header) *model.Header {
			return &model.Header{Source: h.Destination, Destination: h.Source, Protocol: h.Protocol}
		}
		n := model.Hop{Place: h.Place, Header: *back(h.Header)}
		if h.Before != nil {
			n.Header, n.Before = *back(*h.Before), back(h.Header)
		}
		r.Hops = append(r.Hops, n)
	}
	return r
}

func TestChanged(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	recent := now.Add(-time.Minute).UnixNano()
	// By a Service, whose address the sender's node translates.
	service := journey("db-1", "my-app", 80, recent)
	seen := service.Hops[0].Header
	seen.Destination = "10.96.0.7:8080"
	service.Hops[0].Before = &seen
	service.Hops[0].Decision = &model.Decision{Kind: "dnat", Object: &model.Object{Kind: "Service", Namespace: "default", Name: "shop"}}
	// By a node port of node-2, which puts its own address in the client's place.
	nodePort := journey("allowed", "my-app", 80, recent)
	nodePort.From, nodePort.Hops = "client", nil
	for _, h := range []struct{ vertex, from, to, before string }{
		{"client", "172.18.0.100:5000", "172.18.0.12:30080", ""},
		{"node/node-2", "172.18.0.100:5000", "10.244.1.5:80", "172.18.0.12:30080"},
		{"node/node-2", "172.18.0.12:5000", "10.244.1.5:80", ""},
		{"node/node-1", "172.18.0.12:5000", "10.244.1.5:80", ""},
	} {
		hop := model.Hop{Place: model.Place{Vertex: h.vertex}, Header: model.Header{Source: h.from, Destination: h.to}}
		if h.before != "" {
			hop.Before = &model.Header{Source: h.from, Destination: h.before}
		}
		nodePort.Hops = append(nodePort.Hops, hop)
	}
	rejected := journey("db-0", "my-app", 80, recent)
	rejected.Verdict = "rejected"
	rejected.Hops[0].Decision = &model.Decision{Kind: "reject"}
	gone := journey("web-0", "my-app", 80, recent)
	gone.From = id("web-9") // whose address web-0 has by now
	arp := journey("web-0", "my-app", 80, recent)
	arp.Protocol = "ARP"
	ping := journey("web-0", "my-app", 80, recent)
	ping.Protocol, ping.Summary = "ICMP", "ICMP echo request"
	for i := range ping.Hops {
		ping.Hops[i].Header.Source, ping.Hops[i].Header.Destination = at["web-0"].ip, at["my-app"].ip
	}
	fragment := journey("web-0", "my-app", 80, recent)
	for i := range fragment.Hops {
		fragment.Hops[i].Header.Source, fragment.Hops[i].Header.Destination = at["web-0"].ip, at["my-app"].ip
	}
	self := journey("my-app", "my-app", 80, recent)
	const no, free = "No ingress rule of default/my-network-policy admits it.", "Allowed: no NetworkPolicy isolates either end."
	for _, c := range []struct {
		name     string
		journeys []model.Journey
		seen     int
		want     []string
	}{
		{"none", nil, 0, nil},
		{"one that is admitted", []model.Journey{journey("allowed", "my-app", 80, recent)}, 1, nil},
		{"another port", []model.Journey{journey("allowed", "my-app", 81, recent)}, 1, []string{"1 cut pod/default/allowed pod/default/my-app TCP 81 : " + no}},
		{"three alike, and one of before", []model.Journey{
			journey("web-0", "my-app", 80, recent), journey("web-0", "my-app", 80, recent+1), journey("web-0", "my-app", 80, recent+2),
			journey("web-1", "my-app", 80, now.Add(-6*time.Minute).UnixNano()),
		}, 3, []string{"3 cut pod/default/web-0 pod/default/my-app TCP 80 : " + no}},
		{"packets of one", []model.Journey{service, answerTo(service)}, 1, []string{"1 cut pod/default/db-1 pod/default/my-app TCP 80 shop: " + no}},
		{"answers alone", []model.Journey{answerTo(service)}, 1, []string{"1 cut pod/default/db-1 pod/default/my-app TCP 80 : " + no}},
		{"node port of another node", []model.Journey{nodePort}, 1, []string{"1 cut client pod/default/my-app TCP 80 : " + no}},
		{"its answers", []model.Journey{answerTo(nodePort)}, 1, []string{"1 cut client pod/default/my-app TCP 80 : " + no}},
		{"ping", []model.Journey{ping}, 1, []string{"1 cut pod/default/web-0 pod/default/my-app ICMP 0 : " + no}},
		{"a pod to itself", []model.Journey{self}, 1, nil},
		{"of no policy's concern", []model.Journey{rejected, gone, arp, fragment}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := world(false)
			in.Time, in.Journeys, in.Put = now, c.journeys, []*networking.NetworkPolicy{parse(t, article)}
			got := Try(in)
			var told []string
			for _, x := range got.Conversations {
				service := ""
				if x.Service != nil {
					service = x.Service.Name
				}
				told = append(told, fmt.Sprint(x.Count, " ", x.Change, " ", x.From, " ", x.To, " ", x.Protocol, " ", x.Port, " ", service, ": ", x.After.Sentence))
				if x.Before.Sentence != free || !x.Before.Allowed || x.After.Allowed {
					t.Errorf("%+v", x)
				}
			}
			if got.Seen != c.seen || !reflect.DeepEqual(told, c.want) {
				t.Errorf("of %d: %q, want of %d %q", got.Seen, told, c.seen, c.want)
			}
			// The other way round they are allowed again.
			in.Now.Policies, in.Put, in.Remove = in.Put, nil, []string{"default/my-network-policy"}
			back := Try(in)
			if len(back.Conversations) != len(got.Conversations) {
				t.Errorf("%d come back", len(back.Conversations))
			}
			for i, x := range back.Conversations {
				if x.Change != "allowed" || !reflect.DeepEqual(x.After, got.Conversations[i].Before) {
					t.Errorf("%+v", x)
				}
			}
		})
	}
}
