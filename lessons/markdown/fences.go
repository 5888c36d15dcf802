package markdown

import (
	"bytes"
	"regexp"
	"strings"
)

var (
	// opening is a fence's first line: what it is inside of, the fence, its language.
	opening = regexp.MustCompile("^((?:[ \t>]|[-*+][ \t]|[0-9]+[.)][ \t])*)(`{3,}|~{3,})([^`\n]*)$")
	// closing may have an action behind the fence, which CommonMark knows nothing of.
	closing = regexp.MustCompile("^([ \t>]*)(`{3,}|~{3,})[ \t]*(?:\\{\\{([^{}\n]{0,60})\\}\\})?[ \t]*$")
	// marked are the lines that are to be told from the others: yaml{2,5,6-8}.
	marked = regexp.MustCompile(`^([^{} \t]*)\{([0-9][0-9,\- ]*)\}[ \t]*$`)
)

// fences makes of source what CommonMark understands, line by line: actions are taken
// off the lines that close fences, and returned by the number of the line.
func fences(source []byte) ([]byte, map[int]action) {
	actions := map[int]action{}
	var out bytes.Buffer
	open := "" // the fence that is open
	number := 0
	for line := range bytes.Lines(source) {
		number++
		text, end := bytes.TrimSuffix(line, []byte("\n")), line[len(bytes.TrimSuffix(line, []byte("\n"))):]
		switch m := closing.FindSubmatch(text); {
		case open == "":
			if m := opening.FindSubmatch(text); m != nil {
				open = string(m[2])
				text = bytes.Join([][]byte{m[1], m[2], language(m[3])}, nil)
			}
		case m != nil && m[2][0] == open[0] && len(m[2]) >= len(open):
			if a, ok := actionOf(string(m[3])); ok {
				if m[3] != nil {
					actions[number] = a
				}
				text = bytes.Join([][]byte{m[1], m[2]}, nil)
				open = ""
			}
		}
		out.Write(text)
		out.Write(end)
	}
	return out.Bytes(), actions
}

// language is a fence's, with its marked lines as the highlighter reads them.
func language(info []byte) []byte {
	m := marked.FindSubmatch(info)
	if m == nil {
		return info
	}
	var lines []string
	for _, each := range strings.Split(string(m[2]), ",") {
		if each = strings.TrimSpace(each); each != "" {
			lines = append(lines, `"`+each+`"`)
		}
	}
	return []byte(string(m[1]) + " {hl_lines=[" + strings.Join(lines, ",") + "]}")
}
