package devserver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

func whatIf(c *Cluster, w http.ResponseWriter, r *http.Request) {
	var q model.WhatIfRequest
	if read(w, r, &q) {
		answer(w, http.StatusOK, c.WhatIf(q))
	}
}

// WhatIf knows policies by two names alone: "article" lets nobody but pods named
// allowed to the pods of my-deployment, "errs" is not taken; and deleting one allows
// what it refuses.
func (c *Cluster) WhatIf(q model.WhatIfRequest) model.WhatIf {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := model.WhatIf{Results: []model.ApplyResult{}, Conversations: []model.ChangedConversation{}, Window: 300}
	_, now := c.vertices["networkpolicy/default/article"]
	then := now
	tried := false
	if strings.Contains(q.Apply, "name: article") {
		w.Results = append(w.Results, model.ApplyResult{Document: 1, Line: 1, Action: "created", Object: &model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "article"}})
		then, tried = true, true
	}
	if strings.Contains(q.Apply, "name: errs") {
		w.Results = append(w.Results, model.ApplyResult{Document: 1, Line: 1, Errors: []model.ApplyError{{Line: 4, Field: "spec.policyTypes[0]", Message: `Unsupported value: "Inwards"`}}})
	}
	if strings.Contains(q.Apply, "kind: Pod") {
		w.Results = append(w.Results, model.ApplyResult{Document: 2, Line: 1, Action: "ignored", Object: &model.Object{Kind: "Pod", Namespace: "default", Name: "p"}})
	}
	if slices.Contains(q.Delete, "default/article") {
		w.Results = append(w.Results, model.ApplyResult{Action: "deleted", Object: &model.Object{Kind: "NetworkPolicy", Namespace: "default", Name: "article"}})
		then, tried = false, true
	}
	w.Reachability = c.reach(now, then)
	if !tried {
		w.Reachability.After = nil
	}
	if len(c.journeys) > 0 {
		w.Seen = 1
		if j := c.journeys[0]; now != then {
			x := model.ChangedConversation{ID: j.Conversation, Count: 2, Time: j.Start / 1e6, Change: "cut", From: j.From, To: j.To, Protocol: "TCP", Port: 80,
				Service: &model.Object{Kind: "Service", Namespace: "default", Name: "my-service"}, Before: w.Reachability.Verdicts[0], After: w.Reachability.Verdicts[1]}
			if now {
				x.Change, x.Before, x.After = "allowed", x.After, x.Before
			}
			w.Conversations = append(w.Conversations, x)
		}
	}
	return w
}

// reach is a table of pods by their owners, at port 80.
func (c *Cluster) reach(now, then bool) (r model.Reachability) {
	const no, but = "No ingress rule of default/article admits it.", "Each of these pods always reaches itself."
	r.Verdicts = []model.PolicyVerdict{
		{Allowed: true, Sentence: "Allowed: no NetworkPolicy isolates either end."},
		{Sentence: no, Direction: "ingress", Policies: []string{"default/article"}},
		{Allowed: true, Sentence: "Allowed by NetworkPolicy default/article, ingress rule 1 (peer app=allowed, port 80).", Direction: "ingress", Policies: []string{"default/article"}, Rule: 1},
		{Sentence: no, Except: but, Direction: "ingress", Policies: []string{"default/article"}},
	}
	at := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(c.vertices)) {
		v := c.vertices[id]
		switch {
		case v.Kind == "Pod" && len(v.IPs) > 0:
			owner := model.ReachGroup{ID: v.ID, Kind: "Pod", Namespace: v.Namespace, Name: v.Name}
			if set := c.vertices[v.Owner]; set.Owner != "" {
				owner = model.ReachGroup{ID: set.Owner, Kind: "Deployment", Namespace: v.Namespace, Name: c.vertices[set.Owner].Name}
			}
			i, known := at[owner.ID]
			if !known {
				i = len(r.Groups)
				at[owner.ID] = i
				r.Groups = append(r.Groups, owner)
			}
			r.Groups[i].Pods = append(r.Groups[i].Pods, v.ID)
		case v.Kind == "Pod":
			r.Waiting = append(r.Waiting, v.ID)
		}
	}
	for i, g := range r.Groups {
		r.Targets = append(r.Targets, model.ReachTarget{Group: i, Protocol: "TCP", Port: 80, Known: "containerPort"})
		if strings.HasPrefix(g.Name, "app-") {
			r.Targets = append(r.Targets, model.ReachTarget{Group: i, Protocol: "UDP", Port: 53, Known: "Service " + fmt.Sprint(g.Namespace, "/", g.Name)})
		}
	}
	r.Groups = append(r.Groups, model.ReachGroup{ID: "node/node-1", Kind: "Node", Name: "node-1"}, model.ReachGroup{ID: "client", Kind: "Client", Name: "client", Note: "By a node port."})
	cells := func(on bool) (all [][]int) {
		for i, g := range r.Groups {
			row := make([]int, len(r.Targets))
			for k, t := range r.Targets {
				switch {
				case !on || r.Groups[t.Group].Name != "my-deployment":
				case g.Name == "allowed":
					row[k] = 2
				case i == t.Group:
					row[k] = 3
				default:
					row[k] = 1
				}
			}
			all = append(all, row)
		}
		return all
	}
	r.Before, r.After = cells(now), cells(then)
	return r
}
