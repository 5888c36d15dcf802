package printable

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	hostile := "a\x1b]0;title\x07\x1b[2J\x7f\u0085\u009b31m\u202eb\u200b\u2028\xff\r\tz"
	if got, want := Clean(hostile), `a\x1b]0;title\x07\x1b[2J\x7f\x85\x9b31m\u202eb\u200b\u2028\xff\x0d\x09z`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Clean("plain, ü and 日本"); got != "plain, ü and 日本" {
		t.Error(got)
	}
}

func TestLastLine(t *testing.T) {
	for output, want := range map[string]string{
		"":                                       "",
		"one\ntwo\n\n  \n":                       "two",
		"\x1b[1;31mError:\x1b[0m no such file\n": "Error: no such file",
		"\x1b]0;title\x07done":                   "done",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"10%\r50%\rfinished\r\n":                   "finished",
		"bad \x00 \xff":                            `bad \x00 \xff`,
		"\x1b[31":                                  `\x1b[31`,
		strings.Repeat("é", 300):                   strings.Repeat("é", 9) + "…",
		"x\n" + strings.Repeat("\x1b[0m", 1000):    "x",
	} {
		if got := LastLine(output, 10); len([]rune(want)) <= 10 && got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		} else if len([]rune(want)) > 10 && LastLine(output, 300) != want {
			t.Errorf("%q: got %q, want %q", output, LastLine(output, 300), want)
		}
	}
}
