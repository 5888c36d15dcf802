package markdown

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// An action is what may be done with a piece of code, as its braces say.
type action struct {
	run, interrupt, copy bool
}

var (
	// inBraces are short and on one line; templates of Helm and Go look like them, and are left alone.
	inBraces = regexp.MustCompile(`^\{\{([^{}\n]{0,60})\}\}`)
	// port is a link to a port of the session: of its first host, its second, and so on.
	port = regexp.MustCompile(`\{\{ ?TRAFFIC_HOST([1-9])_([1-9][0-9]{0,4}) ?\}\}|\{\{ ?TRAFFIC_SELECTOR ?\}\}`)
	// machine names the terminal or the host that Katacoda ran a command in; there is one here.
	machine = regexp.MustCompile(`^(T[0-9]+|HOST[0-9]+)$`)
)

// actionOf understands what is in braces, and reports whether it is an action. None at
// all ({{}}) is one: nothing is offered.
//
// See https://killercoda.com/creators (exec, exec interrupt, copy), and of Katacoda, whose
// texts Killercoda takes, execute with its terminals and hosts.
func actionOf(words string) (a action, ok bool) {
	for i, word := range strings.Fields(words) {
		switch {
		case i == 0 && (word == "exec" || word == "execute"):
			a.run = true
		case i == 0 && word == "copy":
			a.copy = true
		case i > 0 && a.run && word == "interrupt":
			a.interrupt = true
		case i > 0 && a.run && machine.MatchString(word):
		default:
			return action{}, false
		}
	}
	return a, true
}

// traffic leads to the ports of a session what names them.
func traffic(address string) string {
	at := port.FindStringSubmatchIndex(address)
	if at == nil {
		return address
	}
	if at[2] < 0 {
		return address[:at[0]] + SessionPath + "ports" + address[at[1]:]
	}
	rest := address[at[1]:]
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return address[:at[0]] + SessionPath + "port/host" + address[at[2]:at[3]] + "/" + address[at[4]:at[5]] + rest
}

// acted is code with what may be done with it.
type acted struct {
	ast.BaseBlock
	action action
	code   string
	block  bool
}

var kindActed = ast.NewNodeKind("Acted")

func (*acted) Kind() ast.NodeKind { return kindActed }

func (n *acted) Type() ast.NodeType {
	if n.block {
		return ast.TypeBlock
	}
	return ast.TypeInline
}

func (n *acted) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// braces parses what is in double braces: after code an action, anywhere a port.
type braces struct{ r *rendering }

func (braces) Trigger() []byte { return []byte{'{'} }

func (p braces) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	if at := port.FindIndex(line); at != nil && at[0] == 0 {
		link := ast.NewLink()
		link.Destination = line[:at[1]]
		label := "the session's ports"
		if words := port.FindSubmatch(line); len(words[1]) > 0 {
			label = "host" + string(words[1]) + ":" + string(words[2])
		}
		link.AppendChild(link, ast.NewString([]byte(label)))
		block.Advance(at[1])
		return link
	}
	words := inBraces.FindSubmatch(line)
	if words == nil {
		return nil
	}
	a, ok := actionOf(string(words[1]))
	code, after := parent.LastChild().(*ast.CodeSpan)
	if !ok || !after {
		return nil
	}
	block.Advance(len(words[0]))
	node := &acted{action: a, code: p.textOf(code)}
	parent.RemoveChild(parent, code)
	node.AppendChild(node, code)
	return node
}

// textOf is the text of a code span, whose line ends are spaces.
func (p braces) textOf(code *ast.CodeSpan) string {
	var b bytes.Buffer
	for n := code.FirstChild(); n != nil; n = n.NextSibling() {
		if t, ok := n.(*ast.Text); ok {
			b.Write(t.Segment.Value(p.r.source))
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "\n", " "))
}
