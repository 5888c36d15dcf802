package text

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/podhop/podhop/engine/model"
)

var update = flag.Bool("update", false, "write the golden texts anew")

// recorded are journeys of a session with VXLAN: an answer of DNS, a request to a
// Service and its answer, one to a NodePort, one that kube-proxy rejected, and one that
// a policy dropped.
func recorded(t *testing.T) (all []model.Journey) {
	t.Helper()
	b, err := os.ReadFile("testdata/journeys.json")
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGolden(t *testing.T) {
	for name, style := range map[string]Style{
		"wide.golden":   {Width: 120, Zone: time.UTC},
		"narrow.golden": {Width: 60, Zone: time.UTC},
		"colour.golden": {Width: 100, Colour: true, Zone: time.UTC},
		"brief.golden":  {Width: 80, Brief: true, Zone: time.UTC},
	} {
		var b strings.Builder
		for _, j := range recorded(t) {
			b.WriteString(Journey(&j, style))
		}
		got := strings.ReplaceAll(b.String(), "\x1b", "^[") // so that a look at the file is one
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("differs from %s, got:\n%s", path, got)
		}
	}
}

// What is not to be copied fits.
func TestWidth(t *testing.T) {
	for _, j := range recorded(t) {
		j.Advice = nil
		for line := range strings.SplitSeq(Journey(&j, Style{Width: 60}), "\n") {
			if words := strings.Fields(line); columns(line) > 60 && len(words) > 1 {
				t.Errorf("%d columns: %s", columns(line), line)
			}
		}
	}
}

// hostile is what a name, a path of HTTP or a rule's comment could hold.
const hostile = "a\x1b]0;title\x07\x1b[2J\x7f\u0085\u009b31m\u202eb\u200b\u2028\xff\r\tz"

// fill puts it into each string that there is.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Int, reflect.Int64:
		v.SetInt(2)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestNothingSteers(t *testing.T) {
	var j model.Journey
	fill(reflect.ValueOf(&j).Elem())
	for _, verdict := range []string{hostile, "dropped", "delivered"} {
		j.Verdict = verdict
		line, err := JSON(&j)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{
			"plain":  Journey(&j, Style{}),
			"brief":  Journey(&j, Style{Brief: true}),
			"colour": sgr.ReplaceAllString(Journey(&j, Style{Colour: true}), ""),
			"JSON":   string(line),
		} {
			for _, r := range text {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == unicode.ReplacementChar && what != "JSON") {
					t.Errorf("%s holds %q:\n%q", what, r, text)
					break
				}
			}
		}
		if n := strings.Count(Journey(&j, Style{Brief: true}), "\n"); n != 1 {
			t.Errorf("%d lines of a brief one", n)
		}
	}
}

// The line is the journey and nothing else.
func TestJSON(t *testing.T) {
	for _, j := range append(recorded(t), model.Journey{ID: "j9", Summary: "GET /\u009b\U000e0001<&>\u202e"}) {
		line, err := JSON(&j)
		if err != nil {
			t.Fatal(err)
		}
		var back model.Journey
		if err := json.Unmarshal(line, &back); err != nil || !reflect.DeepEqual(back, j) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// One packet may carry much.
func TestSaid(t *testing.T) {
	j := recorded(t)[0]
	j.Hops = nil
	j.Application = []model.Application{{Protocol: "HTTP", Text: "GET /a"}, {Protocol: "HTTP", Text: "GET /b"}, {Protocol: "HTTP/2", Answer: true, Text: "200", About: "GET /c"}}
	_, got, _ := strings.Cut(Journey(&j, Style{Width: 500}), "\n")
	if want := "  HTTP  GET /a\n  HTTP  GET /b\n  HTTP/2  200  to GET /c\n  This packet was seen, but none of its hops were.\n\n"; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"web-0": 5, "→": 1, "日本": 4, "e\u0301": 1} {
		if got := columns(text); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
