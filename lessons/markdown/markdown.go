// Package markdown renders the texts of lessons: CommonMark with tables, highlighted
// code, and the actions of Killercoda's markdown (`command`{{exec}} and the like), which
// become buttons with data-attributes that the page connects.
//
// It must not know lessons, sessions or the page. What it renders is safe as it stands:
// no script, no style attribute, no address that a browser would run.
package markdown

import (
	"bytes"
	"html/template"
	"strings"

	chromahtml "github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/yuin/goldmark"
	highlighting "github.com/yuin/goldmark-highlighting/v2"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// SessionPath is what the addresses of a session's ports begin with in what is
// rendered: whoever shows it puts the session's own path there.
const SessionPath = "/s/-/"

// Options say what a text may have. The zero Options are those of our own lessons.
type Options struct {
	// HTML keeps raw HTML that only shapes the text. Without it, any is a mistake.
	HTML bool
	// Shell offers to run each fence of a shell's language (sh, bash, shell) that says nothing
	// else. Without it, only what has {{exec}} is.
	Shell bool
	// Resolve finds the address of a file that the text refers to by a relative one, or
	// says that there is none. nil: there are none.
	Resolve func(ref string) (url string, ok bool)
}

// A Text is what was rendered.
type Text struct {
	HTML template.HTML
	// Commands are those that the text offers to run, in its order.
	Commands []string
}

// A Mistake is an author's.
type Mistake struct {
	Line    int // from 1; 0 if the text as a whole is meant
	Message string
}

// Render renders a text, and says what is wrong with it.
func Render(source []byte, o Options) (Text, []Mistake) {
	source = Clean(source)
	source, closed := fences(source)
	r := &rendering{options: o, closed: closed, source: source}
	md := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Strikethrough,
			highlighting.NewHighlighting(highlighting.WithFormatOptions(chromahtml.WithClasses(true)))),
		goldmark.WithParserOptions(
			parser.WithInlineParsers(util.Prioritized(braces{r}, 50)),
			parser.WithASTTransformers(util.Prioritized(r, 50))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(nodes{r}, 50))),
	)
	doc := md.Parser().Parse(text.NewReader(source))
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, doc); err != nil {
		r.fail(0, err.Error())
		return Text{}, r.mistakes
	}
	html, err := r.finish(b.String())
	if err != nil {
		r.fail(0, err.Error())
	}
	return Text{HTML: template.HTML(html), Commands: r.commands}, r.mistakes
}

// Clean takes off what editors of other systems put into texts: a byte order mark,
// carriage returns. Line numbers stay.
func Clean(source []byte) []byte {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	return bytes.ReplaceAll(source, []byte("\r\n"), []byte("\n"))
}

// A rendering is one text on its way.
type rendering struct {
	options  Options
	source   []byte
	closed   map[int]action // of fences, by the line that closes them
	commands []string
	mistakes []Mistake
}

func (r *rendering) fail(line int, message string) {
	r.mistakes = append(r.mistakes, Mistake{line, message})
}

// Transform looks at the parsed text: it wraps the fences that have an action, leads
// links to ports, and complains of raw HTML where there may be none.
func (r *rendering) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	last := 0 // a tag and its end are one mistake
	complain := func(at *text.Segments) {
		if line := r.lineOf(at); !r.options.HTML && line != last {
			r.fail(line, "raw HTML is not allowed")
			last = line
		}
	}
	var blocks []*ast.FencedCodeBlock
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock:
			complain(n.Lines())
		case *ast.RawHTML:
			complain(n.Segments)
		case *ast.FencedCodeBlock:
			blocks = append(blocks, n)
		case *ast.Link:
			n.Destination = []byte(traffic(string(n.Destination)))
		}
		return ast.WalkContinue, nil
	})
	for _, n := range blocks {
		r.wrap(n)
	}
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if a, ok := n.(*acted); ok && entering && a.action.run {
			r.commands = append(r.commands, a.code)
		}
		return ast.WalkContinue, nil
	})
}

// shells are the languages of fences that are commands.
var shells = map[string]bool{"sh": true, "bash": true, "shell": true}

// wrap puts a fence that has an action into a node that has its button.
func (r *rendering) wrap(n *ast.FencedCodeBlock) {
	lines := n.Lines()
	if lines.Len() == 0 {
		return
	}
	end := lines.At(lines.Len()-1).Stop - 1 // of the last line's text
	a, ok := r.closed[2+bytes.Count(r.source[:end], []byte("\n"))]
	if !ok && r.options.Shell && shells[string(n.Language(r.source))] {
		a, ok = action{run: true}, true
	}
	if !ok || !a.run && !a.copy {
		return
	}
	code := strings.TrimRight(string(lines.Value(r.source)), "\n")
	node := &acted{action: a, code: code, block: true}
	parent := n.Parent()
	parent.ReplaceChild(parent, n, node)
	node.AppendChild(node, n)
}

func (r *rendering) lineOf(segments *text.Segments) int {
	if segments.Len() == 0 {
		return 0
	}
	return 1 + bytes.Count(r.source[:segments.At(0).Start], []byte("\n"))
}
