package devserver

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Request tells the journeys of one HTTP request, packet by packet.
func (c *Cluster) Request(req model.Request) (model.RequestResult, error) {
	host, port := req.To, "80"
	if u, err := url.Parse(req.To); err == nil && u.Hostname() != "" {
		host, port = u.Hostname(), u.Port()
		if port == "" {
			port = "80"
		}
	}
	if host == "" || strings.Contains(host, " ") {
		return model.RequestResult{}, errors.New("bad target: use a URL or host:port")
	}
	var result model.RequestResult
	for range max(1, req.Count) {
		a, journeys := c.attempt(req.From, host, port)
		result.Answers = append(result.Answers, a)
		for _, j := range journeys {
			c.mu.Lock()
			c.journeys = append(c.journeys, j)
			c.mu.Unlock()
			c.feed.push(model.Message{Type: "journey", Journey: &j})
			result.Journeys = append(result.Journeys, j.ID)
		}
	}
	return result, nil
}

// side is one end of a conversation.
type side struct {
	vertex model.Vertex
	node   string // "" for the client
	ip     string
	addr   string
}

func (c *Cluster) attempt(from, host, port string) (model.Answer, []model.Journey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets++
	id := fmt.Sprintf("c%d", c.packets)
	if host == "my-service.defualt" {
		return model.Answer{Outcome: "error", Error: "cannot look up my-service.defualt: there is no such name (NXDOMAIN)", Duration: 2_100_000, Why: &model.Why{Trap: "name",
			Sentence: "There is no namespace defualt. There is a Service my-service in namespace default: ask for my-service.default.",
			Seen:     []model.Finding{{Sentence: "Service default/my-service.", Object: &model.Object{Kind: "Service", Namespace: "default", Name: "my-service"}}},
			Advice:   []model.Advice{{Sentence: "Ask for my-service.default."}}}}, nil
	}
	if host == "example.com" && c.vertices["ingress/default/my-ingress"].ID != "" {
		return c.proxied(id, from)
	}
	src := c.side(from, fmt.Sprint(47298+c.packets))
	a := model.Answer{Local: src.addr, Remote: host + ":" + port, Duration: int64(1_300_000 + c.packets*10_000)}
	var service *model.Vertex
	var ends []string
	for _, v := range c.vertices {
		if v.Kind == "Service" && len(v.IPs) > 0 && v.IPs[0] == host {
			service = &v
			for _, e := range c.edges {
				if e.From == v.ID {
					ends = append(ends, e.To)
				}
			}
		}
	}
	slices.Sort(ends)
	if src.node == "" {
		a.Outcome, a.Error, a.Local, a.Duration = "unreachable", "no route to host", "", 40_000
		return a, nil
	}
	if service != nil && len(ends) == 0 {
		a.Outcome, a.Error, a.Duration = "refused", "connection refused", 210_000
		return a, []model.Journey{c.rejected(id, src, a.Remote, *service)}
	}
	target, choice := "", 0
	if service != nil {
		choice = c.packets % len(ends)
		target = ends[choice]
	} else {
		for _, v := range c.vertices {
			if v.Kind == "Pod" && len(v.IPs) > 0 && v.IPs[0] == host {
				target = v.ID
			}
		}
	}
	if target == "" {
		a.Outcome, a.Error, a.Duration = "timeout", "no answer in 5 s", 5_000_000_000
		return a, nil
	}
	dst := c.side(target, port)
	a.Outcome, a.Status = "answered", 200
	a.Body = "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n</body>\n</html>\n"
	b := builder{conversation: id, src: src, dst: dst, asked: a.Remote, service: service, choice: choice + 1, of: len(ends), start: time.Now().UnixNano()}
	return a, b.all()
}

// proxied is a request that an Ingress's proxy takes, and asks app1-service for.
func (c *Cluster) proxied(id, from string) (model.Answer, []model.Journey) {
	const proxy = "pod/ingress-podhop/proxy-0"
	src := c.side(from, fmt.Sprint(47298+c.packets))
	service := c.vertices["service/default/app1-service"]
	var end string
	for _, e := range c.edges {
		if e.From == service.ID {
			end = max(end, e.To)
		}
	}
	first := builder{conversation: id, src: src, dst: c.side(proxy, "80"), asked: "203.0.113.2:80", start: time.Now().UnixNano()}
	second := builder{conversation: id + "p", via: id, src: c.side(proxy, "50512"), dst: c.side(end, "80"), asked: service.IPs[0] + ":80", service: &service, choice: 2, of: 2, start: time.Now().UnixNano() + 400_000}
	a := model.Answer{Outcome: "answered", Status: 200, Body: "app1", Local: src.addr, Remote: "203.0.113.2:80", Duration: 2_100_000}
	return a, append(first.all(), second.all()...)
}

func (c *Cluster) side(id, port string) side {
	v := c.vertices[id]
	s := side{vertex: v, node: v.Parent, ip: "0.0.0.0"}
	if v.Kind == "Node" {
		s.node = v.ID
	}
	if len(v.IPs) > 0 {
		s.ip = v.IPs[0]
	}
	s.addr = s.ip + ":" + port
	return s
}

// builder makes the packets of one conversation.
type builder struct {
	conversation string
	src, dst     side
	asked        string
	service      *model.Vertex
	via          string
	choice, of   int
	start        int64
	count        int
}

func (b *builder) all() []model.Journey {
	var out []model.Journey
	for _, p := range []struct {
		reply   bool
		summary string
		flags   string
	}{{false, "SYN", "SYN"}, {true, "SYN ACK", "SYN ACK"}, {false, "ACK", "ACK"}, {false, "GET /", "PSH ACK"}, {true, "200 OK", "PSH ACK"}, {false, "FIN ACK", "FIN ACK"}, {true, "FIN ACK", "FIN ACK"}} {
		b.count++
		b.start += 130_000
		j := model.Journey{ID: fmt.Sprintf("%s-%d", b.conversation, b.count), Conversation: b.conversation, Via: b.via, Reply: p.reply, Protocol: "TCP", Summary: p.summary,
			From: b.src.vertex.ID, To: b.dst.vertex.ID, Source: b.src.addr, Destination: b.asked, Verdict: "delivered", Start: b.start, Length: 60}
		if p.reply {
			j.From, j.To, j.Source, j.Destination = j.To, j.From, b.dst.addr, b.src.addr
		}
		if p.flags == "PSH ACK" {
			j.Application = []model.Application{{Protocol: "HTTP", Answer: p.reply, Text: p.summary}}
		}
		j.Hops = b.hops(p.reply, p.flags, p.summary == "SYN")
		j.Duration = j.Hops[len(j.Hops)-1].Time
		out = append(out, j)
	}
	return out
}

func (b *builder) hops(reply bool, flags string, first bool) []model.Hop {
	src, dst := b.src, b.dst
	to := b.asked
	if reply {
		src, dst = dst, src
		to = dst.addr
	}
	h := model.Header{Source: src.addr, Destination: to, Protocol: "TCP", Flags: flags, TTL: 64, Length: 60}
	var hops []model.Hop
	at := int64(0)
	add := func(p model.Place, sentence string) {
		hop := model.Hop{Time: at, Place: p, Header: h, Sentence: sentence}
		if strings.Contains(sentence, " routed it ") {
			hop.Decision = &model.Decision{Kind: "route", Sentence: sentence}
		}
		hops = append(hops, hop)
		at += 11_000 + int64(len(hops))*3_000
	}
	rewrite := func(p model.Place, d model.Decision, after model.Header) {
		before := h
		h = after
		hops = append(hops, model.Hop{Time: at, Place: p, Header: h, Before: &before, Decision: &d, Sentence: d.Sentence})
		at += 17_000
	}
	hook := "prerouting"
	if src.vertex.Kind == "Pod" {
		add(model.Place{Vertex: src.vertex.ID, Device: "eth0", Peer: src.node, Direction: "out"}, src.vertex.Name+" sent it out of its eth0.")
		add(model.Place{Vertex: src.node, Device: "veth00a1b2", Peer: src.vertex.ID, Direction: "in"}, shortName(src.node)+" got it from "+src.vertex.Name+" on its device veth00a1b2.")
	} else {
		hook = "output"
	}
	if !reply && b.service != nil {
		after := h
		after.Destination = b.dst.addr
		d := model.Decision{Kind: "dnat", Endpoint: b.choice, Endpoints: b.of, Object: &model.Object{Kind: "Service", Namespace: "default", Name: b.service.Name, Port: "80"},
			Sentence: fmt.Sprintf("kube-proxy chose endpoint %d of %d of Service %s, port 80.", b.choice, b.of, b.service.Name)}
		if first {
			d.Table, d.Chain, d.Rule = "ip kube-proxy", "service-SUSTUHLJ-default/"+b.service.Name+"/tcp/", "meta l4proto tcp dnat to "+b.dst.addr
		} else {
			d.Kind = "conntrack"
			d.Sentence = fmt.Sprintf("%s's connection tracking sent it to %s: all of a connection goes to the endpoint that was chosen for its first packet.", shortName(src.node), b.dst.addr)
		}
		rewrite(model.Place{Vertex: src.node, Hook: hook}, d, after)
	}
	if src.vertex.Kind == "Client" {
		add(model.Place{Vertex: "client", Device: "eth0", Peer: "underlay", Direction: "out"}, "The client sent it out of its eth0.")
	}
	if src.node != dst.node && src.node != "" {
		add(model.Place{Vertex: src.node, Device: "eth0", Peer: "underlay", Direction: "out"}, shortName(src.node)+" routed it out of eth0 to "+shortName(dst.node)+".")
	}
	if to := cmp.Or(dst.node, "client"); src.node != dst.node {
		add(model.Place{Vertex: "underlay", Device: shortName(to), Peer: to, Direction: "out"}, "The underlay carried it from "+shortName(cmp.Or(src.node, "client"))+" to "+shortName(to)+".")
		add(model.Place{Vertex: to, Device: "eth0", Peer: "underlay", Direction: "in"}, shortName(to)+" got it on its device eth0.")
	}
	if reply && b.service != nil {
		after := h
		after.Source = b.asked
		rewrite(model.Place{Vertex: dst.node, Hook: "postrouting"}, model.Decision{Kind: "conntrack", Sentence: fmt.Sprintf("%s's connection tracking put the address of Service %s back in as the source: %s is whom the answer is awaited from.", shortName(dst.node), b.service.Name, b.asked),
			Object: &model.Object{Kind: "Service", Namespace: "default", Name: b.service.Name}}, after)
	}
	if dst.vertex.Kind == "Pod" {
		add(model.Place{Vertex: dst.node, Device: "veth00c3d4", Peer: dst.vertex.ID, Direction: "out"}, shortName(dst.node)+" routed it out of veth00c3d4 to "+dst.vertex.Name+".")
		add(model.Place{Vertex: dst.vertex.ID, Device: "eth0", Peer: dst.node, Direction: "in"}, dst.vertex.Name+" got it on its eth0. Delivered.")
	}
	return hops
}

func (c *Cluster) rejected(id string, src side, asked string, service model.Vertex) model.Journey {
	h := model.Header{Source: src.addr, Destination: asked, Protocol: "TCP", Flags: "SYN", TTL: 64, Length: 60}
	hops := []model.Hop{}
	if src.vertex.Kind == "Pod" {
		hops = append(hops,
			model.Hop{Place: model.Place{Vertex: src.vertex.ID, Device: "eth0", Direction: "out"}, Header: h, Sentence: "Sent by " + src.vertex.Name + "."},
			model.Hop{Time: 9_000, Place: model.Place{Vertex: src.node, Device: "veth00a1b2", Peer: src.vertex.ID, Direction: "in"}, Header: h, Sentence: "Out of the cable, on the node."})
	}
	sentence := "Service " + service.Name + " has no endpoints, so its rule rejects the packet."
	hops = append(hops, model.Hop{Time: 27_000, Place: model.Place{Vertex: src.node, Hook: "forward"}, Header: h, Sentence: sentence, Decision: &model.Decision{
		Kind: "reject", Table: "ip kube-proxy", Chain: "reject-chain", Rule: "reject", Sentence: sentence, Object: &model.Object{Kind: "Service", Namespace: "default", Name: service.Name}}})
	return model.Journey{ID: id + "-1", Conversation: id, Protocol: "TCP", Summary: "SYN", From: src.vertex.ID, To: src.node, Source: src.addr, Destination: asked,
		Verdict: "rejected", Start: time.Now().UnixNano(), Duration: 27_000, Length: 60, Hops: hops, Why: &model.Why{Trap: "selector",
			Sentence: "Service default/" + service.Name + " has no endpoints, because no pod of namespace default has the labels that it selects: app=" + service.Name + ".",
			Seen: []model.Finding{{Sentence: sentence, Journey: id + "-1", Hop: len(hops) - 1},
				{Sentence: "spec.selector: app=" + service.Name + ".", Object: &model.Object{Kind: "Service", Namespace: "default", Name: service.Name}}},
			Advice: []model.Advice{{Sentence: "Select app=my-app, which pods here have.", Command: "kubectl set selector service -n default " + service.Name + " app=my-app"}}}}
}

func shortName(id string) string { return id[strings.LastIndex(id, "/")+1:] }

// Journeys are those that were told of requests.
func (c *Cluster) Journeys() []model.Journey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.journeys)
}
