package web

import (
	"fmt"
	"net/url"

	"github.com/podhop/podhop/engine/model"
)

// portsData is what the page of a session's ports shows.
type portsData struct {
	back  string // to the session
	path  string // of this page
	links []portLink
	hosts []portHost // that may be asked for
	id    string     // of the session
}

type portLink struct{ URL, Name, Text string }

type portHost struct{ Value, Text string }

// portsOf finds the ports that lead to something by what the map shows. All addresses
// begin with root.
func portsOf(root string, session model.Session, graph model.Graph) portsData {
	base := root + sessionPath(session.ID)
	d := portsData{id: session.ID, back: root + "/s/" + url.PathEscape(session.ID), path: base + "ports", hosts: []portHost{{"client", "The learner's machine"}}}
	first := ""
	for _, v := range graph.Vertices {
		if v.Kind == "Node" {
			if first == "" && v.Ready {
				first = v.Name
			}
			d.hosts = append(d.hosts, portHost{v.Name, v.Name})
		}
	}
	for _, v := range graph.Vertices {
		switch v.Kind {
		case "Service":
			d.links = append(d.links, serviceLinks(base, first, v)...)
		case "Ingress", "HTTPRoute":
			seen := map[string]bool{}
			for _, r := range v.Rules {
				if r.Host != "" && r.Host[0] != '*' && !seen[r.Host] {
					seen[r.Host] = true
					d.links = append(d.links, portLink{base + "host/" + url.PathEscape(r.Host) + "/", r.Host, fmt.Sprintf("%s %s in %s", v.Kind, v.Name, v.Namespace)})
				}
			}
		}
	}
	return d
}

func serviceLinks(base, node string, v model.Vertex) (links []portLink) {
	for _, p := range v.Ports {
		if p.Protocol != "TCP" {
			continue
		}
		if p.NodePort != 0 && node != "" {
			links = append(links, portLink{fmt.Sprintf("%sport/%s/%d/", base, node, p.NodePort), fmt.Sprintf("%s:%d", node, p.NodePort), fmt.Sprintf("Service %s in %s", v.Name, v.Namespace)})
		}
		for _, ip := range v.External {
			links = append(links, portLink{fmt.Sprintf("%sport/%s/%d/", base, url.PathEscape(ip), p.Port), fmt.Sprintf("%s:%d", ip, p.Port), fmt.Sprintf("Service %s in %s", v.Name, v.Namespace)})
		}
	}
	return links
}
