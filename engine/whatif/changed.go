package whatif

import (
	"fmt"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

// changed are the conversations that would end otherwise, those of the same ends and
// port as one, in the order that they come in.
func changed(now, after *policy.Plan, all []opening) []model.ChangedConversation {
	out := []model.ChangedConversation{}
	at := map[string]int{}
	for _, o := range all {
		before, then := now.Way(o.out, o.in), after.Way(o.out, o.in)
		if before.Allowed == then.Allowed {
			continue
		}
		c := model.ChangedConversation{
			ID: o.conversation, Count: 1, Time: o.seen / 1e6, Change: "cut", From: o.from, To: o.to,
			Protocol: string(o.in.Protocol), Port: int(o.in.Port), Service: o.service,
			Before: verdict(before), After: verdict(then),
		}
		if then.Allowed {
			c.Change = "allowed"
		}
		// The client's and nodes' addresses say more than their names where they differ.
		if c.From == "" {
			c.From = o.out.From.String()
		}
		if c.To == "" {
			c.To = o.in.To.String()
		}
		key := fmt.Sprint(c.From, " ", c.To, " ", c.Protocol, " ", c.Port, " ", c.Service, " ", c.Before.Sentence, " ", c.After.Sentence)
		if o.service != nil {
			key += fmt.Sprint(*o.service)
		}
		if i, ok := at[key]; ok {
			out[i].Count++
			continue
		}
		at[key] = len(out)
		out = append(out, c)
	}
	return out
}
