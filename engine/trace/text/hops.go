package text

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

func (p *printer) hops(j *model.Journey) {
	digits := len(fmt.Sprint(len(j.Hops)))
	indent := strings.Repeat(" ", digits+4)
	var last *model.Hop
	for i := range j.Hops {
		h := &j.Hops[i]
		title := []run{{bold, placeOf(h.Place), false}}
		if last == nil || last.Time != h.Time {
			title = append(title, run{dim, "+" + duration(h.Time), true})
		}
		p.flow(fmt.Sprintf("  %*d  ", digits, i+1), title...)
		p.header(indent, h, last)
		colour := plain
		if ended(j) && i == len(j.Hops)-1 {
			colour = red
		}
		p.decision(indent, h.Decision)
		p.flow(indent, run{colour, reasonOr(h), false})
		if d := h.Decision; d != nil && d.Rule != "" {
			p.rule(indent, d)
		}
		last = h
	}
	if len(j.Hops) == 0 {
		p.flow("  ", run{dim, "This packet was seen, but none of its hops were.", false})
	}
}

// header says what the packet says of itself, where that is news.
func (p *printer) header(indent string, h, last *model.Hop) {
	now := h.Header
	switch {
	case h.Before != nil && (h.Before.Source != now.Source || h.Before.Destination != now.Destination):
		p.flow(indent, run{dim, "was", false}, run{plain, h.Before.Source + " → " + h.Before.Destination, false})
		p.flow(indent, run{dim, "now", false}, changed(h.Before.Source, now.Source), run{plain, "→", false}, changed(h.Before.Destination, now.Destination))
	case last == nil || last.Header.Source != now.Source || last.Header.Destination != now.Destination:
		p.flow(indent, run{plain, now.Source + " → " + now.Destination, false})
	}
	if now.Encap != "" {
		p.flow(indent, run{dim, "inside", false}, run{plain, now.Encap, false})
	}
}

func changed(was, now string) run {
	if was == now {
		return run{plain, now, false}
	}
	return run{yellow, now, false}
}

// decision names what decided, and the object that it stands for. Plain routing is no
// news, nor that no policy had a say.
func (p *printer) decision(indent string, d *model.Decision) {
	if d == nil || d.Kind == "route" || d.Kind == "policy" && d.Object == nil {
		return
	}
	runs := []run{{cyan, d.Kind, false}}
	if d.Object != nil {
		colour := blue
		if d.Object.Kind == "NetworkPolicy" {
			colour = violet
		}
		runs = append(runs, run{colour, strings.TrimSpace(objectOf(d.Object) + " " + d.Path), true})
	}
	if d.Endpoints > 0 {
		runs = append(runs, run{plain, fmt.Sprintf("endpoint %d of %d", d.Endpoint, d.Endpoints), true})
	}
	p.flow(indent, runs...)
}

// rule is in the node's words.
func (p *printer) rule(indent string, d *model.Decision) {
	where := strings.TrimSpace(d.Table + " " + d.Chain)
	for i, line := range strings.Split(d.Rule, "\n") {
		if i == 0 && where != "" {
			line = where + ": " + line
		}
		p.flow(indent, run{dim, line, false})
	}
}

func reasonOr(h *model.Hop) string {
	if h.Sentence != "" {
		return h.Sentence
	}
	return reason(h)
}

// end says how it ended, where it did not arrive, and what would have helped.
func (p *printer) end(j *model.Journey) {
	switch j.Verdict {
	case "dropped":
		p.flow("  ", run{alarm, "Dropped here: nobody is told.", false})
	case "rejected":
		p.flow("  ", run{alarm, "Rejected here: the sender is told at once.", false})
	case "underway":
		p.flow("  ", run{yellow, "Not seen any further.", false})
	}
	if j.Defect != "" {
		p.flow("  ", run{alarm, j.Defect, false})
	}
	p.why(j.Why)
	p.advice("What would let it through:", j.Advice)
}

// why is what mistake it was, what says so, and what to do about it.
func (p *printer) why(w *model.Why) {
	if w == nil {
		return
	}
	p.flow("  ", run{bold, "Why:", false}, run{plain, w.Sentence, false})
	for _, s := range w.Seen {
		runs := []run{{plain, s.Sentence, false}}
		if s.Object != nil && !strings.Contains(s.Sentence, s.Object.Name) {
			runs = append(runs, run{blue, objectOf(s.Object), true})
		}
		p.flow("     ", runs...)
	}
	p.advice("What to do:", w.Advice)
}

func (p *printer) advice(title string, all []model.Advice) {
	if len(all) == 0 {
		return
	}
	p.flow("  ", run{bold, title, false})
	for i, a := range all {
		p.flow(fmt.Sprintf("  %d  ", i+1), run{plain, a.Sentence, false})
		if a.Command != "" {
			p.lines("     ", cyan, a.Command)
		}
		if a.Manifest != "" {
			p.lines("     ", dim, a.Manifest)
		}
	}
}
