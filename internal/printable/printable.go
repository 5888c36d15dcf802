// Package printable makes text safe to show: of programs, packets and names that
// somebody else has chosen. It must not know where text is shown.
package printable

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean writes what could steer a terminal, or lead the eye astray, as Go would in a
// string: control characters, the marks that turn the direction of writing, and bytes
// that are no text.
func Clean(text string) string {
	if strings.IndexFunc(text, Steers) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case !Steers(r):
			b.WriteString(text[:n])
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// Steers tells whether a rune is one of those that Clean writes out.
func Steers(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// escapes are the control sequences of ECMA-48 that programs colour and move by:
// those that CSI and OSC begin, and those of two characters.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// ending is how much of an output is looked at for its last line, in bytes.
const ending = 64 << 10

// LastLine is the last line of a program's output that says something, without
// colours, cleaned, and of at most so many runes.
func LastLine(output string, runes int) string {
	output = output[max(0, len(output)-ending):]
	last := ""
	for line := range strings.Lines(escapes.ReplaceAllString(output, "")) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(line[strings.LastIndexByte(line, '\r')+1:]) // what a terminal is left with
		if line != "" {
			last = line
		}
	}
	last = Clean(last)
	if utf8.RuneCountInString(last) > runes {
		last = string([]rune(last)[:runes-1]) + "…"
	}
	return last
}
