package text

import (
	"fmt"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/printable"
)

// A Style says how journeys are written.
type Style struct {
	Width  int  // columns; what is less than 40 counts as 40
	Colour bool // by escape sequences
	Brief  bool // one line a journey
	Zone   *time.Location
}

type printer struct {
	strings.Builder
	width  int
	colour bool
	zone   *time.Location
}

// Journey is one, written with a newline at its end; where it is not brief, an empty
// line sets it apart from the next.
func Journey(j *model.Journey, s Style) string {
	p := &printer{width: max(s.Width, 40), colour: s.Colour, zone: s.Zone}
	if p.zone == nil {
		p.zone = time.Local
	}
	if s.Brief {
		p.brief(j)
		return p.String()
	}
	p.head(j)
	p.hops(j)
	p.end(j)
	p.WriteByte('\n')
	return p.String()
}

// head is the line that says who sent what to whom, and how it ended.
func (p *printer) head(j *model.Journey) {
	runs := []run{
		{dim, p.clock(j), false}, {bold, ends(j), true}, {bold, what(j), true},
		{verdictColour(j), j.Verdict, true}, {dim, "after " + duration(j.Duration), false},
		{dim, j.ID + " of " + j.Conversation, true},
	}
	if j.Via != "" {
		runs = append(runs, run{dim, "for " + j.Via, false})
	}
	p.flow("", runs...)
	if len(j.Application) > 1 { // one alone is what the packet is called for
		for _, a := range j.Application {
			runs := []run{{cyan, a.Protocol, false}, {plain, a.Text, true}}
			if a.About != "" {
				runs = append(runs, run{dim, "to " + a.About, true})
			}
			p.flow("  ", runs...)
		}
	}
}

// brief is the same in one line, with the reason of what did not arrive. It is not
// wrapped: whoever reads lines wants lines.
func (p *printer) brief(j *model.Journey) {
	p.width = 1 << 30
	now := plain
	for _, r := range []run{{dim, p.clock(j), false}, {verdictColour(j), fmt.Sprintf("%-9s", printable.Clean(j.Verdict)), false}} {
		p.paint(&now, r.colour)
		p.WriteString(r.text)
		p.paint(&now, plain)
		p.WriteString("  ")
	}
	runs := []run{{plain, ends(j), false}, {bold, what(j), true}, {dim, duration(j.Duration), true}, {dim, j.ID + " of " + j.Conversation, true}}
	if n := len(j.Hops); n > 0 && ended(j) {
		runs = append(runs, run{red, reason(&j.Hops[n-1]), true})
	}
	p.flow("", runs...)
}

func (p *printer) clock(j *model.Journey) string {
	return time.Unix(0, j.Start).In(p.zone).Format("15:04:05.000")
}

// ends is whom a packet is from and for, and the Service that was asked, if one was. Of
// one that did not arrive it is the address that it was for.
func ends(j *model.Journey) string {
	from, to := nameOf(j.From), nameOf(j.To)
	if from == "" {
		from = j.Source
	}
	if to == "" || ended(j) && !strings.HasPrefix(j.To, "pod/") {
		to = j.Destination
	}
	for i := range j.Hops {
		if d := j.Hops[i].Decision; d != nil && d.Object != nil && d.Object.Kind == "Service" {
			return from + " → " + to + " through " + objectOf(d.Object)
		}
	}
	return from + " → " + to
}

func what(j *model.Journey) string {
	text := j.Protocol
	if j.Summary != "" && j.Summary != j.Protocol {
		text += " " + j.Summary
	}
	if j.Reply {
		text += ", reply"
	}
	return text
}

// ended tells whether somebody saw to it that a packet did not arrive.
func ended(j *model.Journey) bool { return j.Verdict == "dropped" || j.Verdict == "rejected" }

func verdictColour(j *model.Journey) string {
	switch {
	case ended(j):
		return alarm
	case j.Verdict == "delivered":
		return green
	}
	return yellow
}

// reason is what the last hop decided.
func reason(h *model.Hop) string {
	if h.Decision != nil && h.Decision.Sentence != "" {
		return h.Decision.Sentence
	}
	return h.Sentence
}
