package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/podhop/podhop/internal/printable"
)

// Colours are the parameters of SGR (ECMA-48, 8.3.117), of the sixteen that each
// terminal has in a shade of its own.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	violet = "35"
	cyan   = "36"
	alarm  = "1;31"
)

// A run is text of one colour. Wide runs stand apart from what is before them.
type run struct {
	colour, text string
	wide         bool
}

// flow writes runs as one paragraph: where the line is full, it goes on in the next
// below the place where it began. A word that is longer than a line stays whole, so
// that it can be copied.
func (p *printer) flow(prefix string, runs ...run) {
	at := columns(prefix)
	indent := strings.Repeat(" ", at)
	p.WriteString(prefix)
	fresh, colour := true, plain
	for _, r := range runs {
		for i, word := range strings.Fields(printable.Clean(r.text)) {
			gap := " "
			if i == 0 && r.wide {
				gap = "  "
			}
			switch n := columns(word); {
			case fresh:
				at += n
				gap = ""
			case at+len(gap)+n > p.width:
				p.paint(&colour, plain)
				p.WriteString("\n" + indent)
				at, gap = columns(indent)+n, ""
			default:
				at += len(gap) + n
			}
			if colour != r.colour {
				p.paint(&colour, plain)
				p.WriteString(gap)
				p.paint(&colour, r.colour)
			} else {
				p.WriteString(gap)
			}
			p.WriteString(word)
			fresh = false
		}
	}
	p.paint(&colour, plain)
	p.WriteByte('\n')
}

// lines writes text as it stands, a line each: what somebody may want to copy.
func (p *printer) lines(prefix, colour, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		now := plain
		p.WriteString(prefix)
		p.paint(&now, colour)
		p.WriteString(printable.Clean(line))
		p.paint(&now, plain)
		p.WriteByte('\n')
	}
}

func (p *printer) paint(now *string, colour string) {
	if *now == colour {
		return
	}
	if p.colour {
		p.WriteString("\x1b[" + colour + "m") // without a parameter it resets
	}
	*now = colour
}

// columns is how wide a text is on a terminal.
func columns(text string) (n int) {
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
