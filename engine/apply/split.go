package apply

import (
	"bytes"
	"encoding/json"
)

// A Document is one document of a paste.
type Document struct {
	Index int // from 1, empty documents not counted
	Line  int // of the paste where its content starts, from 1
	Bytes []byte
}

// Split cuts a paste into its documents: YAML ones at "---" and "...", JSON ones
// where one value ends and the next begins. Documents without content (nothing,
// comments, directives) are left out. It never fails: what is wrong inside a
// document is for who reads it.
func Split(paste []byte) []Document {
	paste = newlines(bytes.TrimPrefix(paste, []byte("\ufeff")))
	var documents []Document
	start, startLine := 0, 1 // of the document that is being read
	cut := func(end int) {
		for _, d := range splitJSON(trim(paste[start:end], startLine)) {
			d.Index = len(documents) + 1
			documents = append(documents, d)
		}
	}
	line := 0
	for at := 0; at < len(paste); {
		line++
		end := len(paste)
		if newline := bytes.IndexByte(paste[at:], '\n'); newline >= 0 {
			end = at + newline + 1
		}
		// Only a marker at the very beginning of a line is one: inside a block
		// scalar it would be indented.
		if isMarker(paste[at:end], "---") || isMarker(paste[at:end], "...") {
			cut(at)
			start, startLine = at+3, line // content may follow on the same line
		}
		at = end
	}
	cut(len(paste))
	return documents
}

// newlines makes a carriage return that stands alone, which ends a line for YAML
// and for editors, a newline.
func newlines(paste []byte) []byte {
	copied := false
	for i, c := range paste {
		if c != '\r' || i+1 < len(paste) && paste[i+1] == '\n' {
			continue
		}
		if !copied {
			paste, copied = bytes.Clone(paste), true
		}
		paste[i] = '\n'
	}
	return paste
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// trim leaves out the lines before the first content: blank ones, comments and
// directives.
func trim(content []byte, line int) Document {
	for len(content) > 0 {
		first, rest, _ := bytes.Cut(content, []byte("\n"))
		if text := bytes.TrimSpace(first); len(text) > 0 && text[0] != '#' && first[0] != '%' {
			break
		}
		content = rest
		line++
	}
	return Document{Line: line, Bytes: content}
}

// splitJSON cuts several JSON values that follow each other, as kubectl takes them.
func splitJSON(d Document) []Document {
	text := bytes.TrimSpace(d.Bytes)
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' {
		return []Document{d}
	}
	var documents []Document
	for decoder, last := json.NewDecoder(bytes.NewReader(d.Bytes)), 0; ; {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			break
		}
		end := int(decoder.InputOffset())
		begin := end - len(value)
		documents = append(documents, Document{Line: d.Line + bytes.Count(d.Bytes[:begin], []byte("\n")), Bytes: value})
		last = end
		if len(bytes.TrimSpace(d.Bytes[last:])) == 0 {
			return documents
		}
	}
	return []Document{d} // flow style YAML, or broken
}
