package apply

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name, paste string
		want        []string // "line:content", newlines as /
	}{
		{"nothing", "", nil},
		{"only white space and comments", "\n  \n# a comment\n---\n...\n---\n", nil},
		{"one", "a: b\n", []string{"1:a: b/"}},
		{"no newline at the end", "a: b", []string{"1:a: b"}},
		{"two", "a: b\n---\nc: d\n", []string{"1:a: b/", "3:c: d/"}},
		{"comments and blanks before the content", "# one\n\na: b\n---\n# two\n\nc: d\n", []string{"3:a: b/", "7:c: d/"}},
		{"empty documents are not counted", "---\n---\na: b\n---\n# nothing\n---\nc: d\n", []string{"3:a: b/", "7:c: d/"}},
		{"Windows line ends", "a: b\r\n---\r\nc: d\r\n", []string{"1:a: b\r/", "3:c: d\r/"}},
		{"old Macintosh line ends", "a: b\r---\rc: d\r", []string{"1:a: b/", "3:c: d/"}},
		{"byte order mark", "\ufeffa: b\n", []string{"1:a: b/"}},
		{"a marker with a comment", "a: b\n--- # next\nc: d\n", []string{"1:a: b/", "3:c: d/"}},
		{"content after the marker", "--- {a: b}\n", []string{"1: {a: b}/"}},
		{"no marker, but begins like one", "a: b\n----\n", []string{"1:a: b/----/"}},
		{"a marker inside a block scalar is text", "a: |\n  ---\n  x\n", []string{"1:a: |/  ---/  x/"}},
		{"directives", "%YAML 1.2\n---\na: b\n", []string{"3:a: b/"}},
		{"document end", "a: b\n...\nc: d\n", []string{"1:a: b/", "3:c: d/"}},
		{"JSON", "{\"a\":\n 1}\n", []string{`1:{"a":/ 1}`}},
		{"JSON values one after the other", "{\"a\":\n 1}\n\n{\"b\": 2} {\"c\": 3}", []string{`1:{"a":/ 1}`, `4:{"b": 2}`, `4:{"c": 3}`}},
		{"broken JSON stays whole", "{\"a\": 1\n{\"b\": 2}", []string{`1:{"a": 1/{"b": 2}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for i, d := range Split([]byte(test.paste)) {
				if d.Index != i+1 {
					t.Errorf("document %d says it is %d", i+1, d.Index)
				}
				got = append(got, fmt.Sprintf("%d:%s", d.Line, strings.ReplaceAll(string(d.Bytes), "\n", "/")))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Whatever is pasted, splitting and reading it ends and loses no line.
func FuzzRead(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n---\n{\"a\": [1"))
	f.Add([]byte("a: &x {b: *x}\n---\n- *y\n"))
	f.Add([]byte("\ufeff%YAML\r\n--- |\n\t"))
	f.Fuzz(func(t *testing.T, paste []byte) {
		timer := time.AfterFunc(20*time.Second, func() { panic("it does not end") })
		defer timer.Stop()
		lines := 1
		for _, r := range string(paste) {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
				lines++
			}
		}
		for _, d := range Split(paste) {
			if d.Line < 1 || d.Line > lines {
				t.Fatalf("a document at line %d of %d", d.Line, lines)
			}
			manifests, errs := read(d)
			for _, e := range errs {
				if e.Line < 1 || e.Line > lines+1 {
					t.Fatalf("an error at line %d of %d: %s", e.Line, lines, e.Message)
				}
			}
			for _, m := range manifests {
				m.line("spec.containers[0].image")
				m.line(`.spec.containers[name="a"].image`)
			}
		}
	})
}
