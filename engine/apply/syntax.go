package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
)

// A manifest is one object of a paste that could be read.
type manifest struct {
	document int // its document's index
	offset   int // what to add to a line of the tree for the line of the paste
	tree     *yaml.Node
	bytes    []byte // as sent

	apiVersion, kind              string
	namespace, name, generateName string
}

// read parses a document into its objects: one, or those of a List.
func read(d Document) ([]manifest, []model.ApplyError) {
	offset := d.Line - 1
	tree, err := parse(d.Bytes)
	if err != nil {
		err.Message = strings.Replace(err.Message, fmt.Sprintf("line %d:", err.Line), fmt.Sprintf("line %d:", err.Line+offset), 1)
		err.Line += offset
		return nil, []model.ApplyError{*err}
	}
	if tree.Kind != yaml.MappingNode {
		return nil, []model.ApplyError{{Line: offset + tree.Line, Message: fmt.Sprintf(
			"a manifest must be a mapping with apiVersion, kind and metadata, and this is %s", kindOf(tree))}}
	}
	if errs := duplicates(tree, offset, nil); len(errs) > 0 {
		return nil, errs
	}
	body := d.Bytes
	if json.Valid(body) {
		// YAML's readers refuse some JSON, tabs among others: leave nothing to refuse.
		var compact bytes.Buffer
		if json.Compact(&compact, body) == nil {
			body = compact.Bytes()
		}
	}
	m := manifest{document: d.Index, offset: offset, tree: tree, bytes: body}
	m.fill()
	if items := value(tree, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(m.kind, "List") {
		return m.items(items)
	}
	if errs := m.missing(); len(errs) > 0 {
		return nil, errs
	}
	return []manifest{m}, nil
}

// items are the objects of a List.
func (m *manifest) items(list *yaml.Node) ([]manifest, []model.ApplyError) {
	var all []manifest
	var errs []model.ApplyError
	for _, node := range list.Content {
		node = resolve(node)
		if node.Kind != yaml.MappingNode {
			errs = append(errs, model.ApplyError{Line: m.offset + node.Line, Field: "items", Message: "an item must be an object, and this is " + kindOf(node)})
			continue
		}
		body, err := yaml.Marshal(node)
		if err != nil {
			errs = append(errs, model.ApplyError{Line: m.offset + node.Line, Field: "items", Message: err.Error()})
			continue
		}
		item := manifest{document: m.document, offset: m.offset, tree: node, bytes: body}
		item.fill()
		if missing := item.missing(); len(missing) > 0 {
			errs = append(errs, missing...)
			continue
		}
		all = append(all, item)
	}
	return all, errs
}

func (m *manifest) fill() {
	m.apiVersion, m.kind = text(m.tree, "apiVersion"), text(m.tree, "kind")
	meta := value(m.tree, "metadata")
	m.namespace, m.name, m.generateName = text(meta, "namespace"), text(meta, "name"), text(meta, "generateName")
}

// missing says what must be there before anything can be asked of the API, in
// kubectl's words.
func (m *manifest) missing() []model.ApplyError {
	var errs []model.ApplyError
	add := func(field, message string) {
		errs = append(errs, model.ApplyError{Line: m.line(field), Field: field, Message: message})
	}
	if m.apiVersion == "" {
		add("apiVersion", "apiVersion not set")
	}
	if m.kind == "" {
		add("kind", "kind not set")
	}
	return errs
}

var lineOfMessage = regexp.MustCompile(`line \d+:`)

// parse reads one document. The error's line counts from the document's own
// first line.
func parse(document []byte) (*yaml.Node, *model.ApplyError) {
	lines := &lineReader{rest: document}
	var root yaml.Node
	if err := yaml.NewDecoder(lines).Decode(&root); err != nil {
		line := mistake(document, max(lines.read, 1))
		message := strings.TrimPrefix(lineOfMessage.ReplaceAllString(err.Error(), ""), "yaml: ")
		return nil, &model.ApplyError{Line: line, Message: fmt.Sprintf("yaml: line %d: %s", line, strings.TrimSpace(message))}
	}
	if len(root.Content) == 0 {
		return &root, nil
	}
	return resolve(root.Content[0]), nil
}

// mistake finds the line that made a document unreadable. The parser itself says
// where the construct began that could not be finished, often lines before the
// mistake. Nearer is the line after the longest beginning of the document that
// can be read; how far the parser had read when it gave up bounds the search.
func mistake(document []byte, read int) int {
	if line, ok := mistakeInJSON(document); ok {
		return line
	}
	lines := bytes.SplitAfter(document, []byte("\n"))
	good := min(read, len(lines)) - 1
	size := len(bytes.Join(lines[:good], nil))
	for budget := searchBytes; good > 0 && budget > size; good-- {
		var root yaml.Node
		if yaml.Unmarshal(document[:size], &root) == nil {
			return good + 1
		}
		budget -= size
		size -= len(lines[good-1])
	}
	return read
}

// searchBytes bounds what is read again to find one mistake: some 50 ms.
const searchBytes = 1 << 20

func mistakeInJSON(document []byte) (int, bool) {
	if !bytes.HasPrefix(document, []byte("{")) {
		return 0, false
	}
	var syntax *json.SyntaxError
	var any json.RawMessage
	if !errors.As(json.Unmarshal(document, &any), &syntax) {
		return 0, false
	}
	return 1 + bytes.Count(document[:syntax.Offset], []byte("\n")), true
}

// A lineReader gives one line a Read, and so knows how far was read.
type lineReader struct {
	rest []byte
	read int
}

func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	end := bytes.IndexByte(r.rest, '\n') + 1
	if end == 0 {
		end = len(r.rest)
	}
	n := copy(p, r.rest[:end])
	r.rest = r.rest[n:]
	if n == end {
		r.read++
	}
	return n, nil
}

// duplicates finds keys that a mapping has twice: the later one would silently win.
func duplicates(node *yaml.Node, offset int, errs []model.ApplyError) []model.ApplyError {
	seen := map[string]bool{}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			if seen[child.Value] && child.Kind == yaml.ScalarNode && child.Value != "<<" {
				line := offset + child.Line
				errs = append(errs, model.ApplyError{Line: line, Field: child.Value,
					Message: fmt.Sprintf("line %d: key %q already set in map", line, child.Value)})
			}
			seen[child.Value] = true
			continue
		}
		errs = duplicates(child, offset, errs)
	}
	return errs
}

func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.ScalarNode && node.Tag == "!!str":
		return "a string"
	case node.Kind == yaml.ScalarNode:
		return strings.TrimPrefix(node.Tag, "!!")
	}
	return "something else"
}
