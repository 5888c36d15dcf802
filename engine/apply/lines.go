package apply

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// line is the line of the paste where a field is, or, where it is not there, that
// of the nearest field around it that is.
func (m *manifest) line(path string) int { return m.offset + lineOf(m.tree, path) }

// lineOf walks path down the tree. It takes the API's three spellings:
//
//	spec.containers[0].image                  of validation and strict decoding
//	metadata.annotations[example.com/a]       of validation, of maps
//	.spec.containers[name="web"].image        of server-side apply's schema
//
// It does not cut the path up first, because keys may hold dots themselves: at
// each mapping, the longest key that the rest begins with is the one.
func lineOf(node *yaml.Node, path string) int {
	line := node.Line
	for {
		node = resolve(node)
		path = strings.TrimPrefix(path, ".")
		if path == "" {
			return line
		}
		if path[0] == '[' {
			inside, rest := bracket(path)
			key, next := element(node, inside)
			if next == nil {
				return line
			}
			line, node, path = key.Line, next, rest
			continue
		}
		var key, next *yaml.Node
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			candidate := node.Content[i]
			if begins(path, candidate.Value) && (key == nil || len(candidate.Value) > len(key.Value)) {
				key, next = candidate, node.Content[i+1]
			}
		}
		if key == nil {
			return line
		}
		line, node, path = key.Line, next, path[len(key.Value):]
	}
}

// begins says whether path starts with key as a whole field.
func begins(path, key string) bool {
	rest, ok := strings.CutPrefix(path, key)
	return ok && key != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// bracket takes "[inside]" off path; quoted text may hold brackets.
func bracket(path string) (inside, rest string) {
	quoted := false
	for i := 1; i < len(path); i++ {
		switch {
		case path[i] == '\\' && quoted:
			i++
		case path[i] == '"':
			quoted = !quoted
		case path[i] == ']' && !quoted:
			return path[1:i], path[i+1:]
		}
	}
	return path[1:], ""
}

// element finds what a bracket means: an index, a map's key, or the fields that
// a list's item is known by. The first node is where it is, the second what.
func element(node *yaml.Node, inside string) (where, what *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == unquote(inside) {
				return node.Content[i], node.Content[i+1]
			}
		}
		return nil, nil
	}
	if node.Kind != yaml.SequenceNode {
		return nil, nil
	}
	if index, err := strconv.Atoi(inside); err == nil {
		if index < 0 || index >= len(node.Content) {
			return nil, nil
		}
		return node.Content[index], node.Content[index]
	}
	for _, defaulted := range []bool{false, true} {
		for _, item := range node.Content {
			if inside != "" && matches(resolve(item), inside, defaulted) {
				return item, item
			}
		}
	}
	return nil, nil
}

// matches says whether item is the one of `name="web"`, of
// `containerPort=80,protocol="TCP"`, or, in a list of plain values, of `="web"`.
// If defaulted is set, a field that is not in the paste may have any value.
func matches(item *yaml.Node, keys string, defaulted bool) bool {
	for keys != "" {
		name, rest, ok := strings.Cut(keys, "=")
		if !ok {
			return false
		}
		want := rest
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return false
			}
			want = quoted
		} else {
			want, _, _ = strings.Cut(rest, ",")
		}
		keys = strings.TrimPrefix(rest[len(want):], ",")
		got := item
		if name != "" {
			if got = value(item, name); got == nil && defaulted {
				continue
			}
		}
		if got == nil || got.Value != unquote(want) {
			return false
		}
	}
	return true
}

func unquote(s string) string {
	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}
	return s
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

// value is a mapping's value, or nil.
func value(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return resolve(node.Content[i+1])
		}
	}
	return nil
}

func text(node *yaml.Node, key string) string {
	if v := value(node, key); v != nil && v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
		return v.Value
	}
	return ""
}
